// The words of one source that may still change, with the lines they are on.

import { textAfter } from "../shared/word_alignment.js";

export class Flow {
  text = ""; // what is on the lines: captions that have ended, the open one, words expected in the next one
  ended = ""; // the part of it that belongs to captions that have ended, with the space after it
  lines = [{ start: 0 }]; // {start: offset in the text, row: once it has words, label: that the row will have}
  timer = 0; // until the next caption is no longer expected
  #released = []; // rows of lines that are gone

  /** id: of the open caption. */
  constructor(id) {
    this.id = id;
  }

  /** Whether its last caption has ended, and the next one is expected. */
  get isBetween() {
    return this.id === null;
  }

  /** The words on the screen after those of a final. An empty final takes all words back. */
  restAfter(final) {
    if (!final.trim()) return "";
    const rest = textAfter(this.text.slice(this.ended.length), final);
    return rest.trim() ? rest : "";
  }

  /** The caption has ended before the rest of the words. Lines that no longer change are forgotten. */
  end(rest) {
    this.id = null;
    const ended = this.text.length - rest.trimStart().length;
    while (this.lines[1]?.start <= ended) this.lines.shift();
    const done = Math.min(this.lines[0].start, ended);
    this.text = this.text.slice(done);
    this.ended = this.text.slice(0, ended - done);
    for (const line of this.lines) line.start -= done;
  }

  /** Keeps the lines with an offset in `starts`, which begin there now. Returns their indexes. */
  keepLines(starts, isVisible) {
    const kept = this.lines.flatMap((_, n) => (starts[n] < 0 ? [] : [n]));
    this.#released = this.lines.flatMap(({ row }, n) => (starts[n] < 0 && row && isVisible(row) ? [row] : []));
    this.lines = kept.map((n) => ({ ...this.lines[n], start: starts[n] }));
    return kept;
  }

  /** Adds a line at the end, in the row of one that is gone, if there is one. */
  addLine(start) {
    this.lines.push({ start, row: this.#released.shift() });
  }

  /** Empties the rows of lines that are gone. */
  releaseRows() {
    for (const row of this.#released) row.setText("", "");
    this.#released = [];
  }
}
