// Whole phrases at once. Each stays for as long as it takes to read while the next ones wait. If many wait, each stays
// for less, but never for less than the minimum time; if more wait than the queue holds, the oldest are skipped.

import { breakLines, phraseEnd } from "../shared/caption_lines.js";
import { columns } from "../shared/characters.js";
import { splitStable } from "../shared/feed.js";

const MAX_WAITING = 6; // screens, half a minute of speech: a reader further behind than that is lost anyway
const MIN_TIMER_MS = 20;

export class PopOn {
  #rows;
  #style;
  #speakers;
  #onChange;
  #queued = new Map(); // source -> {id, shownLength}: how much of its caption was queued; at most one each
  #waiting = []; // screens: {id: of the caption, specs: of the rows}
  #shownId = null; // of the caption on the screen
  #fullyReadAt = 0; // when the screen may change
  #timer = 0;

  /** onChange(): there are other words on the screen. */
  constructor(rows, style, speakers, onChange) {
    this.#rows = rows;
    this.#style = style;
    this.#speakers = speakers;
    this.#onChange = onChange;
    document.addEventListener("visibilitychange", () => this.#advance());
  }

  /** Takes the complete phrases of a partial or a final. Returns whether there are words on the screen. */
  show(message) {
    let caption = this.#queued.get(message.source);
    if (caption?.id !== message.id) {
      caption = { id: message.id, shownLength: 0 };
      this.#queued.set(message.source, caption);
    }
    const isFinal = message.type === "final";
    const stable = isFinal ? message.text : splitStable(message)[0]; // only ever grows
    const rest = stable.slice(caption.shownLength);
    const length = isFinal ? rest.length : phraseEnd(rest, this.#style.values.chars, message.language);
    caption.shownLength += length;
    if (isFinal) this.#queued.delete(message.source);
    if (length) this.#enqueue(message, rest.slice(0, length));
    return !this.#rows.empty;
  }

  /** A final was corrected or hidden: replaces its phrases, if they are on the screen or wait. */
  revise(final) {
    const isShown = this.#shownId === final.id && !this.#rows.empty;
    const others = this.#waiting.filter(({ id }) => id !== final.id);
    if (!isShown && others.length === this.#waiting.length) return;
    const at = isShown ? 0 : this.#waiting.findIndex(({ id }) => id === final.id);
    const screens = final.text ? this.#screensOf(final, final.text) : [];
    this.#waiting = [...others.slice(0, at), ...screens, ...others.slice(at)];
    if (isShown) this.#rows.clear();
    this.#advance();
  }

  /** Open captions will get no final: nothing of them is on the screen. */
  discardOpen() {
    this.#queued.clear();
  }

  /** Lines that were broken are too long now. */
  discardShown() {
    this.#waiting = [];
  }

  onCleared() {
    // What was queued is never shown again.
  }

  #enqueue(message, phrase) {
    this.#waiting.push(...this.#screensOf(message, phrase));
    // While the page is hidden, timers hardly run: only the newest is kept.
    this.#waiting = this.#waiting.slice(document.hidden ? -1 : -MAX_WAITING);
    this.#advance();
  }

  #screensOf({ id, source, language }, phrase) {
    const text = this.#style.displayed(phrase, language);
    const { lines } = this.#style.values;
    const label = this.#speakers.labelOf(source);
    const labelOf = (line) => (line % lines === 0 ? label : ""); // at the top of each screen
    const texts = breakLines(text, (line) => this.#style.lineCapacity(labelOf(line)), language);
    const dir = this.#style.direction(text);
    const specs = texts.map((line, n) => ({
      ...this.#speakers.rowSpec(source, { label: labelOf(n), dir, language }),
      text: line,
    }));
    const screens = [];
    for (let n = 0; n < specs.length; n += lines) screens.push({ id, specs: specs.slice(n, n + lines) });
    return screens;
  }

  #advance() {
    clearTimeout(this.#timer);
    if (!this.#waiting.length) return;
    const now = performance.now();
    const due = this.#rows.empty ? now : this.#fullyReadAt - this.#shortenedByMs();
    if (due <= now) {
      const { id, specs } = this.#waiting.shift();
      this.#rows.replace(specs);
      this.#shownId = id;
      this.#fullyReadAt = now + 1_000 * this.#readingTime();
      this.#onChange();
    }
    if (this.#waiting.length) {
      this.#timer = setTimeout(() => this.#advance(), Math.max(MIN_TIMER_MS, due - now));
    }
  }

  /** Seconds that it takes to read the screen, at least the minimum time. */
  #readingTime() {
    const { min, cps } = this.#style.values;
    return Math.max(min, columns(this.#rows.text) / cps);
  }

  /** Milliseconds by which the screen changes earlier because other phrases wait. */
  #shortenedByMs() {
    const readingTime = this.#readingTime();
    const shownFor = Math.max(this.#style.values.min, readingTime / (1 + (this.#waiting.length - 1) / 2));
    return 1_000 * (readingTime - shownFor);
  }
}
