// Captions word by word. What is on the screen stays on its line: a caption's breaks, once shown, are kept, and only
// words that the daemon itself has changed find a new place. Lines stand in the order in which they were begun.

import { splitStable } from "../shared/feed.js";
import { nextBreak, sameUpTo } from "../shared/line_breaking.js";

export class RollUp {
  #rows;
  #look;
  #speakers;
  #open = new Map(); // source -> the caption that is on the screen and may still change: at most one of each

  constructor(rows, look, speakers) {
    this.#rows = rows;
    this.#look = look;
    this.#speakers = speakers;
  }

  /** A partial or a final; says whether there are words on the screen. */
  show(message) {
    let caption = this.#open.get(message.source);
    if (caption?.id !== message.id) {
      caption?.settle();
      caption = new Caption(message);
      this.#open.set(message.source, caption);
    }
    const { text, stable } = this.#words(message);
    this.#break(caption, text, message.language);
    this.#fill(caption, text, stable, message.language);
    if (message.type === "final") this.#open.delete(message.source);
    if (this.#rows.empty) this.#rows.clear();
    return !this.#rows.empty;
  }

  /** What is open will not be finished: only what was certain stays. */
  abandon() {
    for (const caption of this.#open.values()) caption.settle();
    this.#open.clear();
    if (this.#rows.empty) this.#rows.clear();
  }

  /** The screen is empty. What is open goes on with its next word, on a line of its own. */
  cleared() {
    for (const caption of this.#open.values()) caption.gone = caption.text.length;
  }

  #words(message) {
    const whole = message.type === "final";
    const [stable, tentative] = whole ? [message.text, ""] : splitStable(message);
    const certain = this.#look.present(stable, message.language);
    const hidden = this.#look.values.tentative === "hide";
    const text = hidden ? certain.trimEnd() : certain + this.#look.present(tentative, message.language);
    return { text, stable: certain.length };
  }

  /** Decides where lines begin; those before the first changed word stay as they are. */
  #break(caption, text, language) {
    const same = sameUpTo(caption.text, text);
    caption.text = text;
    caption.starts = caption.starts.filter((start, n) => n === 0 || start <= same);
    this.#skipGone(caption, text, same);
    let start = caption.starts.at(-1);
    for (;;) {
      const rest = text.slice(start);
      const kept = Math.max(0, same - start);
      const row = caption.rows[caption.starts.length - 1];
      const away = row && !this.#rows.shows(row); // scrolled out by another speaker's words
      if (away && !kept) caption.rows.length = caption.starts.length - 1; // all of it is new: on a row of its own
      const room = this.#look.room(row ? row.label : this.#labelOfNew(caption));
      const length = away ? nextWord(rest, kept) : nextBreak(rest, { ...room, language, kept, sentences: true });
      if (!length) return;
      start += length;
      caption.starts.push(start);
    }
  }

  /** What was cleared from the screen does not come back with the next word. */
  #skipGone(caption, text, same) {
    if (!caption.gone) return;
    const from = Math.min(caption.gone, same);
    const start = nextWord(text, from) || text.length;
    caption.starts = [start];
    caption.rows = [];
    caption.gone = 0;
  }

  #labelOfNew(caption) {
    if (caption.starts.length - 1 > caption.rows.length) return ""; // the line above will be of the same speaker
    return this.#speakers.labelAfter(this.#rows.source, caption.source);
  }

  #fill(caption, text, stable, language) {
    const dir = this.#look.direction(text);
    for (const [n, start] of caption.starts.entries()) {
      const end = caption.starts[n + 1] ?? text.length;
      const cut = Math.min(Math.max(stable, start), end);
      const parts = [text.slice(start, cut), text.slice(cut, end).trimEnd()];
      if (!parts[1]) parts[0] = parts[0].trimEnd();
      if (!caption.rows[n]) {
        if (!parts.join("").trim()) continue;
        const label = this.#speakers.labelAfter(this.#rows.source, caption.source);
        caption.rows[n] = this.#rows.add(this.#speakers.plan(caption.source, { label, dir, language }));
      }
      caption.rows[n].fill(...parts);
    }
    for (const row of caption.rows.splice(caption.starts.length)) row.fill("", "");
  }
}

class Caption {
  starts = [0]; // offsets in the text where its lines begin
  rows = []; // of each line, as soon as it has words
  text = "";
  gone = 0; // so much of the text was cleared from the screen

  constructor({ id, source }) {
    this.id = id;
    this.source = source;
  }

  settle() {
    for (const row of this.rows) row.fill(row.parts[0].textContent.trimEnd(), "");
  }
}

/** Where the next word begins, at or after an offset; 0: nowhere. A sign behind the last word begins none. */
function nextWord(text, from) {
  const found = /[\p{L}\p{N}]/u.exec(text.slice(from));
  return found ? from + found.index : 0;
}
