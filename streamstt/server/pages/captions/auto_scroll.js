// Keeps the end of the captions in view, unless the reader has scrolled up; then counts the lines below.

import { setText } from "../shared/elements.js";

const NEAR_END_PX = 24;

export class AutoScroll {
  #scroller;
  #button;
  #following = true;
  #lastTop = 0;
  #unseen = 0;

  constructor(scroller, button) {
    this.#scroller = scroller;
    this.#button = button;
    scroller.addEventListener("scroll", () => this.#onScroll());
    button.addEventListener("click", () => {
      this.#setFollowing(true);
      this.#scrollToEnd();
      scroller.focus(); // the button is hidden now: the keyboard continues in the captions
    });
    const observer = new ResizeObserver(() => this.#following && this.#scrollToEnd());
    for (const resizing of [scroller, scroller.querySelector("#rows")]) observer.observe(resizing);
    this.#setFollowing(true);
  }

  /** Must be called in the task that changes the content: whatever scrolls in between is then the reader's doing. */
  contentChanged(newLines = 0) {
    this.countUnseen(newLines);
    if (this.#following) this.#scrollToEnd();
    this.#setFollowing(this.#following);
  }

  /** Counts lines without laying out the page. */
  countUnseen(newLines) {
    if (!this.#following) this.#unseen += newLines;
  }

  /** Stays where the reader is until he scrolls to the end. */
  pause() {
    this.#setFollowing(false);
  }

  /** Runs `change`, which adds content above, and leaves in place what the reader sees. */
  keepPosition(change) {
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    change();
    this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd;
    this.#lastTop = this.#scroller.scrollTop;
  }

  #scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#lastTop = this.#scroller.scrollTop;
  }

  #setFollowing(value) {
    this.#following = value;
    this.#scroller.classList.toggle("following", value);
    if (value) this.#unseen = 0;
    this.#button.hidden = this.#unseen === 0;
    setText(this.#button, this.#unseen === 1 ? "1 new line" : `${this.#unseen} new lines`);
  }

  #onScroll() {
    const top = this.#scroller.scrollTop;
    const remaining = this.#scroller.scrollHeight - this.#scroller.clientHeight - top;
    if (remaining < 2) this.#setFollowing(true);
    else if (top < this.#lastTop) this.#setFollowing(false);
    else if (top > this.#lastTop && remaining < NEAR_END_PX) this.#setFollowing(true);
    this.#lastTop = top;
  }
}
