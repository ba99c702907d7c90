// Whole phrases at once: each stands as long as it takes to read, the next ones wait. When many wait, each stands for
// less, but never for less than the least time; what is more than the queue holds is not shown, the oldest first.

import { breakLines, columns, phraseEnd } from "../shared/line_breaking.js";
import { splitStable } from "../shared/feed.js";

const MAX_WAITING = 6; // screens: half a minute of speech; a reader who is further behind than that is lost anyway

export class PopOn {
  #rows;
  #look;
  #speakers;
  #shown;
  #spoken = new Map(); // source -> {id, told}: how much of its caption has been passed on; at most one of each
  #waiting = [];
  #until = 0; // when the screen may change
  #timer = 0;

  /** shown(): called whenever other words are on the screen. */
  constructor(rows, look, speakers, shown) {
    this.#rows = rows;
    this.#look = look;
    this.#speakers = speakers;
    this.#shown = shown;
    document.addEventListener("visibilitychange", () => this.#advance());
  }

  /** A partial or a final; says whether there are words on the screen. */
  show(message) {
    let spoken = this.#spoken.get(message.source);
    if (spoken?.id !== message.id) {
      spoken = { id: message.id, told: 0 };
      this.#spoken.set(message.source, spoken);
    }
    const whole = message.type === "final";
    const certain = whole ? message.text : splitStable(message)[0]; // begins with what was certain before
    const rest = certain.slice(spoken.told);
    const length = whole ? rest.length : phraseEnd(rest, this.#look.values.chars);
    spoken.told += length;
    if (whole) this.#spoken.delete(message.source);
    if (length) this.#queue(message, rest.slice(0, length));
    return !this.#rows.empty;
  }

  /** What is open will not be finished: nothing of it is on the screen. */
  abandon() {
    this.#spoken.clear();
  }

  cleared() {
    // What was passed on is never shown again.
  }

  #queue({ source, language }, text) {
    const shown = this.#look.present(text, language);
    const label = this.#speakers.labelAfter(undefined, source);
    const texts = breakLines(shown, (n) => this.#look.room(n ? "" : label), language);
    const dir = this.#look.direction(shown);
    const plans = texts.map((line, n) => ({
      ...this.#speakers.plan(source, { label: n ? "" : label, dir, language }),
      text: line,
    }));
    const { lines } = this.#look.values;
    for (let n = 0; n < plans.length; n += lines) this.#waiting.push(plans.slice(n, n + lines));
    // While nobody looks, timers hardly run: then only the newest is kept.
    this.#waiting = this.#waiting.slice(document.hidden ? -1 : -MAX_WAITING);
    this.#advance();
  }

  #advance() {
    clearTimeout(this.#timer);
    if (!this.#waiting.length) return;
    const now = performance.now();
    const due = this.#rows.empty ? now : this.#until - this.#hurry();
    if (due <= now) {
      this.#rows.replace(this.#waiting.shift());
      this.#until = now + 1_000 * this.#readingTime();
      this.#shown();
    }
    if (this.#waiting.length) this.#timer = setTimeout(() => this.#advance(), Math.max(20, due - now));
  }

  /** Seconds that it takes to read what is shown, or the least time. */
  #readingTime() {
    const { min, cps } = this.#look.values;
    return Math.max(min, columns(this.#rows.all) / cps);
  }

  /** Milliseconds by which what is shown goes earlier because others wait. */
  #hurry() {
    const needed = this.#readingTime();
    const given = Math.max(this.#look.values.min, needed / (1 + (this.#waiting.length - 1) / 2));
    return 1_000 * (needed - given);
  }
}
