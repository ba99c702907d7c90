// Whether the captions follow their live end, decided from where they are scrolled to. Knows no page.

const NEAR_PX = 24; // less than a line

export class LiveEnd {
  following = true; // whether new words are brought into view
  held = false; // the reader may be about to scroll: nothing else may, for now
  returning = false; // the reader wants to be there: an earlier movement may still go on, and has no effect
  #top = 0;

  /** The captions were found at this place. top: px from their beginning; remaining: px to their end. */
  moved(top, remaining) {
    if (remaining < 2) this.following = true;
    else if (top < this.#top && !this.returning) this.following = false;
    else if (top > this.#top && remaining < NEAR_PX) this.following = true;
    this.#top = top;
  }

  /** The content has changed. What is above has only grown, so whoever is higher up now has scrolled. */
  contentChanged(top, remaining) {
    if (top < this.#top - 1 && remaining >= NEAR_PX && !this.returning) this.following = false;
  }

  /** The page has scrolled the captions there. */
  placed(top) {
    this.#top = top;
  }

  /** Whether the end is in view, or will be at once. */
  isReached(remaining) {
    return this.following && !(this.held && remaining >= NEAR_PX);
  }
}
