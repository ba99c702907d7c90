// The captions that may be on the screen: those since it was cleared, and the open ones. A person may correct or hide
// them.

const MAX_FINALS = 20; // more are not on the screen at once; the oldest is dropped

export class Recent {
  #finals = []; // a hidden one is empty
  #partials = new Map(); // source -> its open caption

  /** Remembers a partial or a final. */
  add(message) {
    if (message.type !== "final") {
      this.#partials.set(message.source, message);
      return;
    }
    this.#partials.delete(message.source);
    if (message.text) this.#finals = [...this.#finals, message].slice(-MAX_FINALS);
  }

  /**
   * Applies a revision, unless it only says what a second look has found: what is being read does not change. Returns
   * the final as it is now; null if it is not on the screen or reads as before.
   */
  revise({ id, text, hidden, second_look: secondLook = false }) {
    const index = this.#finals.findIndex((final) => final.id === id);
    const now = hidden ? "" : text;
    if (index < 0 || this.#finals[index].text === now) return null;
    if (secondLook && now && this.#finals[index].text) return null;
    this.#finals[index] = { ...this.#finals[index], text: now };
    return this.#finals[index];
  }

  /** The finals that are not hidden, in order, then the open captions. */
  get messages() {
    return [...this.#finals.filter(({ text }) => text), ...this.#partials.values()];
  }

  /** The server sends open captions again. */
  discardOpen() {
    this.#partials.clear();
  }

  /** The screen was cleared. */
  clear() {
    this.#finals = [];
  }
}
