// Keeps the end of the captions in view, unless the reader has scrolled up; then a button leads back, and counts the
// lines below.

import { setText } from "../shared/elements.js";
import { LiveEnd } from "./live_end.js";

const INPUT_MS = 300; // within this time a key or the wheel has begun to scroll, also smoothly
const MOVEMENT_MS = 1_500; // so long may such a movement take

export class AutoScroll {
  #scroller;
  #log;
  #button;
  #end = new LiveEnd();
  #unseen = 0;
  #read = null; // {row, y: px in the window}: a final that is in view, unless the end is followed
  #timer = 0; // until the reader is no longer about to scroll, or an earlier movement is over

  constructor(scroller, button) {
    this.#scroller = scroller;
    this.#log = scroller.querySelector("#log");
    this.#button = button;
    scroller.addEventListener("scroll", () => this.#onScroll());
    scroller.addEventListener("wheel", (event) => event.deltaY < 0 && !event.ctrlKey && this.#hold(), {
      passive: true,
    });
    scroller.addEventListener("keydown", (event) => isUpward(event) && this.#hold());
    scroller.addEventListener("touchstart", (event) => this.#holdFinger(event), { passive: true });
    button.addEventListener("click", () => this.#goToEnd());
    const observer = new ResizeObserver(() => this.keepPosition());
    for (const resizing of [scroller, scroller.querySelector("#rows")]) observer.observe(resizing);
    this.#show();
  }

  /** Must be called in the task that changes the content: whatever scrolls in between is then the reader's doing. */
  contentChanged(newLines = 0) {
    this.countUnseen(newLines);
    this.#end.contentChanged(this.#scroller.scrollTop, this.#remaining);
    this.#follow();
  }

  /** Counts lines without laying out the page. */
  countUnseen(newLines) {
    if (!this.#end.following || this.#end.held) this.#unseen += newLines;
  }

  /** Stays where the reader is until he scrolls to the end. */
  pause() {
    this.#end.following = false;
    this.#read = this.#findRead();
    this.#show();
  }

  /** Runs `change`, which lays out captions anew or adds some above. What is read stays where it is in the window. */
  keepPosition(change = () => {}) {
    change();
    if (!this.#end.following && this.#read?.row.isConnected) {
      const { row, y } = this.#read;
      this.#scrollTo(this.#scroller.scrollTop + row.getBoundingClientRect().top - y);
    }
    if (this.#remaining < 2) this.#end.following = true; // all captions are in the window now
    this.#follow();
  }

  get #remaining() {
    return this.#scroller.scrollHeight - this.#scroller.clientHeight - this.#scroller.scrollTop;
  }

  #goToEnd() {
    Object.assign(this.#end, { held: false, following: true, returning: true });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#release(), MOVEMENT_MS);
    this.#follow();
  }

  #follow() {
    if (this.#end.following && !this.#end.held) this.#scrollTo(this.#scroller.scrollHeight);
    this.#show();
  }

  #scrollTo(top) {
    this.#scroller.scrollTo({ top, behavior: "instant" });
    this.#end.placed(this.#scroller.scrollTop);
  }

  #onScroll() {
    this.#end.moved(this.#scroller.scrollTop, this.#remaining);
    this.#read = this.#end.following ? null : this.#findRead();
    if (this.#end.returning) this.#follow();
    else this.#show();
  }

  /** The first final that begins in view, or else one that begins above. */
  #findRead() {
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    const rows = this.#log.children; // from top to bottom
    const box = (n) => rows[n].getBoundingClientRect();
    let [n, after] = [0, rows.length];
    while (n < after) {
      const middle = Math.floor((n + after) / 2);
      if (box(middle).bottom <= top) n = middle + 1;
      else after = middle;
    }
    if (n + 1 < rows.length && box(n).top < top && box(n + 1).top < bottom) n++;
    return n < rows.length ? { row: rows[n], y: box(n).top } : null;
  }

  /** The reader may be about to scroll up. */
  #hold() {
    this.#holdUntilReleased();
    this.#timer = setTimeout(() => this.#release(), INPUT_MS);
  }

  /** A finger is on the captions. Its end is reported to the element that it touched, which may be gone by then. */
  #holdFinger({ target }) {
    this.#holdUntilReleased();
    for (const type of ["touchend", "touchcancel"]) target.addEventListener(type, this.#liftFinger);
  }

  #liftFinger = ({ touches }) => {
    if (!touches.length) this.#release();
  };

  #holdUntilReleased() {
    clearTimeout(this.#timer);
    Object.assign(this.#end, { held: true, returning: false });
  }

  #release() {
    Object.assign(this.#end, { held: false, returning: false });
    this.#follow();
  }

  #show() {
    const reached = this.#end.isReached(this.#remaining);
    this.#scroller.classList.toggle("following", this.#end.following);
    if (reached) this.#unseen = 0;
    if (reached && document.activeElement === this.#button) {
      this.#scroller.focus({ preventScroll: true }); // the button disappears: the keyboard continues in the captions
    }
    this.#button.hidden = reached;
    const lines = this.#unseen === 1 ? "1 new line" : `${this.#unseen} new lines`;
    setText(this.#button, this.#unseen ? `Back to live · ${lines}` : "Back to live");
  }
}

function isUpward({ key, shiftKey }) {
  return ["PageUp", "Home", "ArrowUp"].includes(key) || (key === " " && shiftKey);
}
