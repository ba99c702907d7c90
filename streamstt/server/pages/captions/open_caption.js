// The words of one source that may still change, on their lines. A word that is shown stays on its line; only words
// that the daemon itself has changed find a new place. While other rows are below the words, further lines are in a new
// row.

import { nextBreak } from "../shared/caption_lines.js";
import { element } from "../shared/elements.js";
import { findLines } from "../shared/word_alignment.js";
import { brokenText, endOfWords, lineCapacity, rangeOf } from "./broken_text.js";

export class OpenCaption {
  text = "";
  timer = 0; // until the caption is no longer expected
  #stable = 0; // length of the part that will not change
  #language = "";
  #lines = []; // {start: offset in the text, row}
  #rows = []; // oldest first; a row may have lost its words
  #pageRows;
  #makeRow;

  /** id: null while the caption is expected. makeRow(): an element for a row. */
  constructor(id, pageRows, makeRow) {
    this.id = id;
    this.#pageRows = pageRows;
    this.#makeRow = makeRow;
  }

  /** stable: length of the part that will not change. */
  show(text, stable, language) {
    this.#language = language;
    this.#stable = stable;
    this.#arrange(text);
    this.#fill();
  }

  /**
   * Turns the words before an offset into final rows, which makeFinal() creates. The words from `rest` on remain open,
   * and stay where they are.
   */
  divide(end, rest, makeFinal) {
    const kept = [];
    for (const row of this.#rows) {
      const { from, to, starts } = this.#partOf(row);
      if (from >= rest && to > rest) {
        kept.push(row);
      } else if (from >= Math.min(end, to)) {
        this.#pageRows.withdraw(row);
      } else {
        const final = makeFinal();
        const place = to > rest ? this.#placeIn(row, starts, rest) : null;
        final.lastChild.dir = getComputedStyle(row.words).direction;
        final.lastChild.style.textIndent = row.words.style.textIndent;
        final.lastChild.append(...brokenText(this.text, from, to < end ? endOfWords(this.text, to) : end, starts));
        if (place) {
          this.#pageRows.divide(row, final, place);
          kept.push(row);
        } else this.#pageRows.replace(row, final);
      }
    }
    this.#keep(rest, kept);
  }

  /** Removes the words. */
  withdraw() {
    for (const row of this.#rows) this.#pageRows.withdraw(row);
    this.text = "";
    this.#rows = [];
    this.#lines = [];
  }

  /** Lines have another length now: all of them are in the first row. */
  release() {
    const [first, ...others] = this.#rows;
    if (!first) return;
    for (const row of others) this.#pageRows.withdraw(row);
    first.release();
    this.#rows = [first];
    this.#lines = [{ start: 0, row: first }];
    this.show(this.text, this.#stable, this.#language);
    if (!this.#pageRows.isLast(first)) this.#pageRows.hold(first);
  }

  /** Decides where the lines of a new text begin. */
  #arrange(text) {
    const before = this.#lines;
    const { starts, kept } = findLines(
      before.map(({ start }) => start),
      this.text,
      text,
    );
    const lines = before.flatMap(({ row }, n) => (starts[n] < 0 ? [] : [{ start: starts[n], row, kept: kept[n] }]));
    this.text = text;
    this.#lines = lines;
    if (!lines.length) lines.push({ start: 0, row: this.#rows[0] ?? this.#addRow() });
    const capacity = lineCapacity(lines[0].row.words);
    for (let n = 0; n < lines.length; n++) {
      const { start: from, row, kept: shown = from } = lines[n];
      const next = lines[n + 1];
      const indent = lines[n - 1]?.row === row ? 0 : row.indent;
      const options = { limit: Infinity, language: this.#language, from, fits: capacity(indent) };
      // A line before others keeps its words unless they no longer fit; those then go to the next line.
      const start = next
        ? nextBreak(text.slice(0, next.start), { ...options, kept: next.start })
        : nextBreak(text, { ...options, kept: shown });
      if (start && next) next.start = start;
      else if (start) lines.push({ start, row: this.#rowWithRoom(row) });
    }
  }

  /** The row of the next line at the end. */
  #rowWithRoom(row) {
    const count = (candidate) => this.#lines.filter((line) => line.row === candidate).length;
    const candidates = this.#rows.slice(this.#rows.indexOf(row));
    return candidates.find((one) => this.#pageRows.isLast(one) || count(one) < one.room) ?? this.#addRow();
  }

  #addRow() {
    const row = this.#pageRows.addOpen(this.#makeRow());
    if (this.#rows.length) row.words.dir = getComputedStyle(this.#rows[0].words).direction;
    this.#rows.push(row);
    return row;
  }

  #fill() {
    for (const row of this.#rows) {
      const { from, to, starts } = this.#partOf(row);
      const [stable, tentative] = [element("span", "stable"), element("span", "tentative")];
      const middle = Math.min(Math.max(this.#stable, from), to);
      stable.append(...brokenText(this.text, from, middle, starts));
      tentative.append(...brokenText(this.text, middle, to, starts));
      row.lines = starts.length;
      row.words.replaceChildren(stable, tentative);
      row.element.classList.toggle("vacant", from === to);
      if (this.#pageRows.isLast(row)) row.element.style.height = "";
    }
  }

  /** The part of the text that a row has: {from, to, starts: offsets of its lines}. */
  #partOf(row) {
    const starts = this.#lines.filter((line) => line.row === row).map(({ start }) => start);
    const next = this.#lines[this.#lines.findLastIndex((line) => line.row === row) + 1];
    const to = starts.length ? (next?.start ?? this.text.length) : 0;
    return { from: starts[0] ?? 0, to, starts };
  }

  /** Where an offset is in a row: {top: of its line, px; indent: px; lines: how many are above it}. */
  #placeIn(row, starts, offset) {
    const lines = starts.findLastIndex((start) => start <= offset);
    const box = row.words.getBoundingClientRect();
    const { lineHeight, direction } = getComputedStyle(row.words);
    const top = box.top - row.element.getBoundingClientRect().top + lines * parseFloat(lineHeight);
    const before = rangeOf(row.words, starts[lines] - starts[0], offset - starts[0]).getBoundingClientRect();
    const indent = direction === "rtl" ? box.right - before.left : before.right - box.left;
    return { top, indent: starts[lines] === offset ? 0 : indent, lines };
  }

  /** Forgets the text before an offset, and the rows that do not remain. */
  #keep(offset, rows) {
    const inLine = this.#lines.findLast((line) => line.start <= offset);
    const lines = this.#lines.filter((line) => line.start > offset && rows.includes(line.row));
    if (rows.includes(inLine?.row)) lines.unshift(inLine);
    this.#rows = rows;
    this.#lines = lines.map(({ start, row }) => ({ start: Math.max(0, start - offset), row }));
    this.text = this.text.slice(offset);
    this.#stable = 0;
    this.#fill();
  }
}
