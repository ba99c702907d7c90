// An element that does not become lower while its content is away.

const RETURN_MS = 1_000; // within this time all of the content has come back

export class HeldHeight {
  #element;
  #hasContent = false;
  #timer = 0;

  constructor(element) {
    this.#element = element;
  }

  /** The content is going away; before it has come there is nothing to hold. */
  hold() {
    if (!this.#hasContent) return;
    clearTimeout(this.#timer);
    this.#element.style.minHeight = `${this.#element.getBoundingClientRect().height}px`;
  }

  /** The content is coming. */
  release() {
    this.#hasContent = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#element.style.minHeight = "";
    }, RETURN_MS);
  }
}
