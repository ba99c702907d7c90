// Notices among the captions: lost sound, restarts. Several in a row say no more than one: losses are added up, and a
// sentence is not repeated.

import { formatDuration } from "../shared/duration.js";
import { element } from "../shared/elements.js";

const MIN_LOSS_MS = 500; // less is hardly a word

export class Notices {
  #pageRows;
  #lost = new Map(); // source -> {seconds, notice: once there is one}; only losses with no words after them

  constructor(pageRows) {
    this.#pageRows = pageRows;
  }

  show(text) {
    if (this.#pageRows.lastNotices.some((notice) => notice.textContent === text)) return null;
    const notice = element("p", "notice", text);
    this.#pageRows.addFinal(notice);
    return notice;
  }

  /** Words were shown: losses before and after them are separate. */
  wordsShown() {
    for (const [source, { notice }] of this.#lost) {
      if (!this.#pageRows.lastNotices.includes(notice)) this.#lost.delete(source);
    }
  }

  /** seconds: of sound that a source has lost; where: added to the sentence. */
  showLoss(source, seconds, where) {
    const loss = this.#lost.get(source) ?? { seconds: 0, notice: null };
    this.#lost.set(source, loss);
    loss.seconds += seconds;
    if (Math.round(1_000 * loss.seconds) < MIN_LOSS_MS) return;
    const text = `${formatDuration(loss.seconds)} of sound was lost${where}`;
    if (loss.notice) loss.notice.textContent = text;
    else loss.notice = this.show(text);
  }
}
