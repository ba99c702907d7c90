// The rows of finals, and what people have done to them: a caption may be corrected, hidden or starred. Its words may
// be in several rows.

export class RevisedRows {
  #log = document.querySelector("#log");
  #partials = document.querySelector("#partials");
  #captions = new WeakMap(); // row -> its caption

  /** Remembers the caption that a new row belongs to: a final. */
  add(row, { id, seq, rev, text, hidden = false, starred = false, edited = false }) {
    this.#captions.set(row, { id, seq, rev, text, hidden, starred, edited });
    this.#mark(row, this.#captions.get(row));
  }

  /** The caption of a row: {id, seq, rev, text, hidden, starred, edited}. */
  captionOf(row) {
    return this.#captions.get(row);
  }

  /** Whether hidden captions are shown too, struck through. */
  showHidden(shown) {
    document.body.classList.toggle("editing", shown);
    for (const row of this.#log.querySelectorAll(".removed")) row.hidden = !shown;
    this.#joinSources();
  }

  /** Applies a revision. Returns whether the caption is in the page. */
  revise({ id, final_seq: seq, rev, text, hidden, starred, edited }) {
    const rows = [...this.#log.querySelectorAll(`.caption[data-seq="${seq}"]`)];
    if (!rows.length) return false;
    const before = this.#captions.get(rows[0]);
    if (before.text !== text) {
      for (const row of rows.splice(1)) row.remove();
      rows[0].lastChild.replaceChildren(text);
      rows[0].style.height = "";
    }
    for (const row of rows) this.add(row, { id, seq, rev, text, hidden, starred, edited });
    if (before.hidden !== hidden) this.#joinSources();
    return true;
  }

  /** Whether a caption without a row belongs between those in the page, or after them. */
  isBetweenRows(seq) {
    const first = this.#log.querySelector(".caption");
    return !first || Number(first.dataset.seq) < seq;
  }

  /** Inserts a row at the place of its number. */
  insert(row) {
    const { seq } = row.dataset;
    const rows = [...this.#log.querySelectorAll(".caption")];
    const before = rows.findLast((one) => Number(one.dataset.seq) < Number(seq));
    row.style.order = before?.style.order ?? "";
    if (before) before.after(row);
    else this.#log.prepend(row);
    this.#joinSources();
  }

  #mark(row, { hidden, starred, edited }) {
    row.classList.toggle("removed", hidden);
    row.classList.toggle("starred", starred);
    row.classList.toggle("edited", edited);
    row.hidden = hidden && !document.body.classList.contains("editing");
  }

  /** A label is not repeated while the same source continues in the rows that are shown. */
  #joinSources() {
    const rows = [...this.#log.children, ...this.#partials.children].filter((row) => !row.hidden);
    rows.sort((one, other) => Number(one.style.order) - Number(other.style.order));
    let previous;
    for (const row of rows) {
      const { source } = row.dataset;
      row.classList.toggle("same-source", source !== undefined && source === previous);
      previous = source;
    }
  }
}
