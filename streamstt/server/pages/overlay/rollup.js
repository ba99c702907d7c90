// Captions word by word. Words on the screen stay on their line: line breaks, once shown, are kept, and only words that
// the daemon itself has changed move. Lines are in the order in which they began.

import { commonLength, nextBreak } from "../shared/caption_lines.js";
import { splitStable } from "../shared/feed.js";

export class RollUp {
  #rows;
  #style;
  #speakers;
  #open = new Map(); // source -> its caption that may still change: at most one each

  constructor(rows, style, speakers) {
    this.#rows = rows;
    this.#style = style;
    this.#speakers = speakers;
  }

  /** Shows a partial or a final. Returns whether there are words on the screen. */
  show(message) {
    let caption = this.#open.get(message.source);
    if (caption?.id !== message.id) {
      caption?.dropTentative();
      caption = new OpenCaption(message);
      this.#open.set(message.source, caption);
    }
    const { text, stable } = this.#displayed(message);
    this.#breakLines(caption, text, message.language);
    this.#fillRows(caption, text, stable, message.language);
    if (message.type === "final") this.#open.delete(message.source);
    if (this.#rows.empty) this.#rows.clear();
    return !this.#rows.empty;
  }

  /** Open captions will get no final: only their stable words remain. */
  discardOpen() {
    for (const caption of this.#open.values()) caption.dropTentative();
    this.#open.clear();
    if (this.#rows.empty) this.#rows.clear();
  }

  /** The screen was cleared: open captions continue with their next word, on a new line. */
  onCleared() {
    for (const caption of this.#open.values()) caption.clearedLength = caption.text.length;
  }

  /** The text that is displayed, and the length of its stable part. */
  #displayed(message) {
    const [stable, tentative] = message.type === "final" ? [message.text, ""] : splitStable(message);
    const stableText = this.#style.displayed(stable, message.language);
    const stableOnly = this.#style.values.tentative === "hide";
    const text = stableOnly ? stableText.trimEnd() : stableText + this.#style.displayed(tentative, message.language);
    return { text, stable: stableText.length };
  }

  /** Decides where lines begin. Lines before the first changed word stay as they are. */
  #breakLines(caption, text, language) {
    const unchanged = commonLength(caption.text, text);
    caption.text = text;
    caption.starts = caption.starts.filter((start, n) => n === 0 || start <= unchanged);
    this.#skipCleared(caption, text, unchanged);
    let start = caption.starts.at(-1);
    for (;;) {
      const rest = text.slice(start);
      const kept = Math.max(0, unchanged - start);
      const row = caption.rows[caption.starts.length - 1];
      const scrolledOut = row && !this.#rows.isVisible(row); // by another speaker's words
      if (scrolledOut && !kept) caption.rows.length = caption.starts.length - 1; // all of it is new: on a new row
      const capacity = this.#style.lineCapacity(row ? row.label : this.#labelOfNextRow(caption));
      const length = scrolledOut
        ? nextWord(rest, kept)
        : nextBreak(rest, { ...capacity, language, kept, sentences: true });
      if (!length) return;
      start += length;
      caption.starts.push(start);
    }
  }

  /** Words that were cleared from the screen do not return with the next word. */
  #skipCleared(caption, text, unchanged) {
    if (!caption.clearedLength) return;
    const from = Math.min(caption.clearedLength, unchanged);
    caption.starts = [nextWord(text, from) || text.length];
    caption.rows = [];
    caption.clearedLength = 0;
  }

  #labelOfNextRow(caption) {
    if (caption.starts.length - 1 > caption.rows.length) return ""; // the row above it will have the same speaker
    return this.#speakers.labelAfter(this.#rows.source, caption.source);
  }

  #fillRows(caption, text, stable, language) {
    const dir = this.#style.direction(text);
    for (const [n, start] of caption.starts.entries()) {
      const end = caption.starts[n + 1] ?? text.length;
      const stableEnd = Math.min(Math.max(stable, start), end);
      const parts = [text.slice(start, stableEnd), text.slice(stableEnd, end).trimEnd()];
      if (!parts[1]) parts[0] = parts[0].trimEnd();
      if (!caption.rows[n]) {
        if (!parts.join("").trim()) continue;
        const label = this.#speakers.labelAfter(this.#rows.source, caption.source);
        caption.rows[n] = this.#rows.add(this.#speakers.rowSpec(caption.source, { label, dir, language }));
      }
      caption.rows[n].setText(...parts);
    }
    for (const row of caption.rows.splice(caption.starts.length)) row.setText("", "");
  }
}

class OpenCaption {
  starts = [0]; // offsets in the text where its lines begin
  rows = []; // one for each line, once it has words
  text = "";
  clearedLength = 0; // how much of the text was cleared from the screen

  constructor({ id, source }) {
    this.id = id;
    this.source = source;
  }

  dropTentative() {
    for (const row of this.rows) row.dropTentative();
  }
}

/** Where the next word begins, at or after an offset; 0 if there is none. Punctuation begins no word. */
function nextWord(text, from) {
  const match = /[\p{L}\p{N}]/u.exec(text.slice(from));
  return match ? from + match.index : 0;
}
