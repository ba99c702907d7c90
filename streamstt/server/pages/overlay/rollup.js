// Captions word by word. Words on the screen stay on their line: lines, once shown, begin where they began, and only
// words that the daemon itself has changed find a new place. Lines are in the order in which they began.
//
// A source's captions are one flow of words. A caption may end in the middle of what is on the screen; its last words
// are then the first ones of the next caption, and stay where they are.

import { nextBreak } from "../shared/caption_lines.js";
import { graphemes } from "../shared/characters.js";
import { splitStable } from "../shared/feed.js";
import { findLines } from "../shared/word_alignment.js";
import { Flow } from "./flow.js";

const CONTINUES_WITHIN_MS = 1_000; // after a final, the next caption with the words that were shown beyond it

export class RollUp {
  #rows;
  #style;
  #speakers;
  #flows = new Map(); // source -> its words that may still change: at most one each

  constructor(rows, style, speakers) {
    this.#rows = rows;
    this.#style = style;
    this.#speakers = speakers;
  }

  /** Shows a partial or a final. Returns whether there are words on the screen. */
  show(message) {
    const { source, language } = message;
    const flow = this.#flowOf(message);
    const isFinal = message.type === "final";
    const { text, stable } = this.#displayed(message);
    const rest = isFinal ? flow.restAfter(text) : "";
    this.#arrange(flow, flow.ended + text + rest, { language, source, growing: !isFinal });
    this.#fillRows(flow, flow.ended.length + stable, { language, source });
    if (isFinal && rest) {
      flow.end(rest);
      flow.timer = setTimeout(() => this.#discard(source), CONTINUES_WITHIN_MS);
    } else if (isFinal) {
      this.#flows.delete(source);
    }
    if (this.#rows.empty) this.#rows.clear();
    return !this.#rows.empty;
  }

  /** A final was corrected or hidden: shows the captions that may be on the screen anew. */
  revise(_, messages) {
    for (const flow of this.#flows.values()) clearTimeout(flow.timer);
    this.#flows.clear();
    this.#rows.clear();
    for (const message of messages) this.show(message);
    this.#rows.endRoll();
  }

  /** Open captions will get no final: only their stable words remain. */
  discardOpen() {
    for (const source of [...this.#flows.keys()]) this.#discard(source);
  }

  /** Lines have another length now: open captions begin anew. */
  discardShown() {
    this.discardOpen();
  }

  /** The screen was cleared: open captions continue with their next word, on a new line. */
  onCleared() {
    for (const flow of this.#flows.values()) flow.lines = [{ start: flow.text.length }];
  }

  #discard(source) {
    const flow = this.#flows.get(source);
    clearTimeout(flow.timer);
    for (const { row } of flow.lines) row?.dropTentative();
    this.#flows.delete(source);
    if (this.#rows.empty) this.#rows.clear();
  }

  /** The flow that a caption belongs to: the one it began, or one whose last caption has ended. */
  #flowOf({ id, source }) {
    const flow = this.#flows.get(source);
    if (flow?.id === id || flow?.isBetween) {
      clearTimeout(flow.timer);
      flow.id = id;
      return flow;
    }
    if (flow) this.#discard(source);
    const created = new Flow(id);
    this.#flows.set(source, created);
    return created;
  }

  /** The text that is displayed, and the length of its stable part. */
  #displayed(message) {
    const [stable, tentative] = message.type === "final" ? [message.text, ""] : splitStable(message);
    const stableText = this.#style.displayed(stable, message.language);
    const stableOnly = this.#style.values.tentative === "hide";
    const text = stableOnly ? stableText.trimEnd() : stableText + this.#style.displayed(tentative, message.language);
    return { text, stable: stableText.length };
  }

  /** Decides where the lines of a new text begin. */
  #arrange(flow, text, { language, source, growing }) {
    const kept = this.#carryLines(flow, text);
    for (let n = 0; n < flow.lines.length; n++) {
      const line = flow.lines[n];
      const next = flow.lines[n + 1];
      if (!line.row) line.label = this.#speakers.labelOf(source);
      const options = { ...this.#style.lineCapacity(line.row?.label ?? line.label), language, from: line.start };
      // A line before others keeps its words unless they no longer fit; those then go to the next line.
      const start = next
        ? nextBreak(text.slice(0, next.start), { ...options, kept: next.start })
        : nextBreak(text, { ...options, kept: kept[n] ?? line.start, sentences: true, growing });
      if (start && next) next.start = start;
      else if (start) flow.addLine(start);
    }
    flow.releaseRows();
  }

  /** Finds the lines on the screen again in a new text. Returns up to where the words of each are the same. */
  #carryLines(flow, text) {
    const { starts, kept } = findLines(
      flow.lines.map((line) => line.start),
      flow.text,
      text,
    );
    flow.text = text;
    const remaining = flow.keepLines(starts, (row) => this.#rows.isVisible(row)).map((n) => kept[n]);
    const last = flow.lines.at(-1);
    if (!last.row || this.#rows.isVisible(last.row)) return remaining;
    // Other speakers' words have moved the last line out: what is new begins on a new line.
    const keptUntil = remaining.at(-1);
    if (keptUntil <= last.start) {
      flow.lines[flow.lines.length - 1] = { start: last.start };
    } else {
      const start = nextWord(text, keptUntil);
      if (start) flow.addLine(start);
    }
    return remaining;
  }

  #fillRows(flow, stable, { language, source }) {
    const dir = this.#style.direction(flow.text);
    for (const [n, line] of flow.lines.entries()) {
      const end = flow.lines[n + 1]?.start ?? flow.text.length;
      const stableLength = Math.min(Math.max(stable, line.start), end) - line.start;
      const stableEnd = line.start + wholeCharacters(flow.text.slice(line.start, end), stableLength);
      const parts = [flow.text.slice(line.start, stableEnd), flow.text.slice(stableEnd, end).trimEnd()];
      if (!parts[1]) parts[0] = parts[0].trimEnd();
      if (!line.row) {
        if (!parts.join("").trim()) continue;
        line.row = this.#rows.add(this.#speakers.rowSpec(source, { label: line.label, dir, language }));
      }
      line.row.setText(...parts);
    }
  }
}

/** Where the next word begins, at or after an offset; 0 if there is none. Punctuation begins no word. */
function nextWord(text, from) {
  const match = /[\p{L}\p{N}]/u.exec(text.slice(from));
  return match ? from + match.index : 0;
}

/** The length of the characters, as readers see them, that are complete within a length. */
function wholeCharacters(text, length) {
  let whole = 0;
  for (const character of graphemes(text)) {
    if (whole + character.length > length) break;
    whole += character.length;
  }
  return whole;
}
