// The rows of the page, in the order in which they began. A row that is shown stays where it is: nothing above another
// row grows or shrinks. For screen readers open rows are in a list of their own, so the style sheet's `order` places
// all of them.

import { element } from "../shared/elements.js";

export class PageRows {
  #rows = document.querySelector("#rows");
  #log = document.querySelector("#log");
  #partials = document.querySelector("#partials");
  #open = new Map(); // element -> its open row
  #count = 0;

  /** Whether there are none. */
  get empty() {
    return !this.#log.firstChild && !this.#partials.firstChild;
  }

  /** The notices with nothing but notices below them. */
  get lastNotices() {
    const open = Math.max(0, ...[...this.#partials.children].map(placeOf));
    const rows = [...this.#log.children];
    return rows.slice(rows.findLastIndex((row) => !row.matches(".notice") || placeOf(row) < open) + 1);
  }

  /** Adds an open row at the end. */
  addOpen(created) {
    const row = new Row(created);
    this.#place(created);
    this.#open.set(created, row);
    this.#partials.append(created);
    return row;
  }

  /** Adds a final row or a notice at the end. */
  addFinal(created) {
    this.#place(created);
    this.#log.append(created);
  }

  /** Whether nothing is below a row. */
  isLast(row) {
    return row.element === this.#last;
  }

  /** Puts a final row in the place of an open one, of which nothing remains. */
  replace(row, final) {
    this.#putInPlace(final, row);
    final.style.height = row.element.style.height;
    this.#forget(row);
  }

  /** Puts a final row above the rest of an open one. top: y in the row, px; indent: where its first line begins, px. */
  divide(row, final, { top, indent, lines }) {
    this.#putInPlace(final, row);
    const { style } = row.element;
    if (style.height) style.height = `${parseFloat(style.height) - top}px`;
    final.style.height = `${top}px`; // what remains begins beside its last line
    final.classList.add("cut");
    row.element.classList.add("continued", "same-source");
    row.continueAfter(final, indent, lines);
  }

  /** Removes an open row; rows below it keep their place. */
  withdraw(row) {
    const { before } = row;
    const { height } = row.element.style;
    if (before) {
      before.classList.remove("cut");
      before.style.height = height ? `${parseFloat(before.style.height) + parseFloat(height)}px` : "";
    } else if (height && !this.isLast(row)) {
      const space = element("div", "vacant");
      space.ariaHidden = "true";
      this.#putInPlace(space, row);
      space.style.height = height;
    }
    this.#forget(row);
  }

  /** The page does not become shorter: what was shown would move down. */
  keepHeight() {
    this.#rows.style.minHeight = `${this.#rows.getBoundingClientRect().height}px`;
  }

  /** Removes the oldest rows beyond a number of finals. */
  prune(limit) {
    if (this.#log.childElementCount <= limit) return;
    while (this.#log.childElementCount > limit) this.#log.firstElementChild.remove();
    const first = this.#log.firstElementChild;
    first.classList.remove("same-source");
    if (first.classList.contains("caption")) separate(first);
    this.#rows.style.minHeight = "";
  }

  /** Lines have another length now: breaks those of finals anew. Rows then begin on lines of their own. */
  releaseFinals() {
    this.#rows.style.minHeight = "";
    for (const row of this.#log.querySelectorAll(".vacant")) row.remove();
    for (const row of this.#log.querySelectorAll(".caption")) {
      separate(row);
      row.style.height = "";
      row.classList.remove("cut");
      row.lastChild.replaceChildren(row.lastChild.textContent);
    }
  }

  /** Fixes the height of an open row that has others below it. */
  hold(row) {
    row.element.style.height = `${row.element.getBoundingClientRect().height}px`;
    row.room = row.lines;
  }

  get #last() {
    const after = (one, other) => (one && placeOf(one) > placeOf(other) ? one : other);
    return [...this.#partials.children].reduce((last, row) => after(last, row), this.#log.lastElementChild);
  }

  #place(created) {
    const last = this.#last;
    const { source } = created.dataset;
    created.classList.toggle("same-source", source !== undefined && source === last?.dataset.source);
    created.style.order = ++this.#count;
    const open = this.#open.get(last);
    if (open) this.hold(open);
  }

  #putInPlace(final, row) {
    final.style.order = row.element.style.order;
    for (const name of ["same-source", "continued"]) {
      final.classList.toggle(name, row.element.classList.contains(name));
    }
    let after = this.#log.lastElementChild;
    while (after && placeOf(after) > placeOf(final)) after = after.previousElementSibling;
    if (after) after.after(final);
    else this.#log.prepend(final);
  }

  #forget(row) {
    this.#open.delete(row.element);
    row.element.remove();
  }
}

/** A row with words that may still change. */
class Row {
  lines = 0; // how many it has
  room = Infinity; // how many it may have while others are below it
  before = null; // the final row beside whose last line it begins
  indent = 0; // px

  constructor(created) {
    this.element = created;
  }

  get words() {
    return this.element.lastChild;
  }

  /** Its first line begins beside the last one of a final row. lines: of those it had, how many are the final's. */
  continueAfter(final, indent, lines) {
    this.before = final;
    this.room -= lines;
    this.indent = indent;
    this.words.style.textIndent = `${indent}px`;
    this.words.dir = getComputedStyle(final.lastChild).direction;
  }

  /** Lines have another length now: it begins on a line of its own. */
  release() {
    this.before = null;
    this.room = Infinity;
    this.indent = 0;
    this.element.style.height = "";
    separate(this.element);
  }
}

function separate(row) {
  row.classList.remove("continued");
  row.lastChild.style.textIndent = "";
}

function placeOf(row) {
  return Number(row?.style.order ?? 0);
}
