// Keeps the end of the captions in view, unless the reader has scrolled up; then counts what they have not seen.

import { setText } from "../shared/elements.js";

const NEAR_END_PX = 24;

export class Follower {
  #scroller;
  #button;
  #following = true;
  #lastTop = 0;
  #unseen = 0;

  constructor(scroller, button) {
    this.#scroller = scroller;
    this.#button = button;
    scroller.addEventListener("scroll", () => this.#scrolled());
    button.addEventListener("click", () => {
      this.follow();
      scroller.focus(); // the button is gone: the keyboard goes on in the captions
    });
    const resized = new ResizeObserver(() => this.#following && this.#toEnd());
    for (const watched of [scroller, ...scroller.querySelectorAll("#log, #partials")]) resized.observe(watched);
    this.#set(true);
  }

  follow() {
    this.#set(true);
    this.#toEnd();
  }

  /** To be called in the same task as the change of content: then only the reader can be the cause of being elsewhere. */
  contentChanged(newLines = 0) {
    this.noteUnseen(newLines);
    if (this.#following) this.#toEnd();
    this.#set(this.#following);
  }

  /** Counts a line without laying the page out. */
  noteUnseen(newLines) {
    if (!this.#following) this.#unseen += newLines;
  }

  /** Runs what adds content above, and leaves what the reader sees where it is. */
  keepPlace(change) {
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    change();
    this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd;
    this.#lastTop = this.#scroller.scrollTop;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#lastTop = this.#scroller.scrollTop;
  }

  #set(value) {
    this.#following = value;
    this.#scroller.classList.toggle("following", value);
    if (value) this.#unseen = 0;
    this.#button.hidden = this.#unseen === 0;
    setText(this.#button, this.#unseen === 1 ? "1 new line" : `${this.#unseen} new lines`);
  }

  #scrolled() {
    const top = this.#scroller.scrollTop;
    const toGo = this.#scroller.scrollHeight - this.#scroller.clientHeight - top;
    if (toGo < 2) this.#set(true);
    else if (top < this.#lastTop) this.#set(false);
    else if (top > this.#lastTop && toGo < NEAR_END_PX) this.#set(true);
    this.#lastTop = top;
  }
}
