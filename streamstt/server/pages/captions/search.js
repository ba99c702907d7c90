// Search in the captions: counts and highlights the matches, and moves between them. The browser's own search (Ctrl+F)
// works as well; this one also loads the captions from before the page was opened.

import { setText } from "../shared/elements.js";
import { rangeOf } from "./broken_text.js";

const MAX_MATCHES = 2_000; // further ones are neither counted nor highlighted

export class Search {
  #log;
  #history;
  #form = document.querySelector("#search");
  #field = document.querySelector("#search-field");
  #count = document.querySelector("#search-count");
  #opener = document.querySelector("#search-open");
  #matches = []; // ranges, oldest first
  #current = -1; // index in #matches

  constructor(log, history) {
    this.#log = log;
    this.#history = history;
    this.#opener.addEventListener("click", () => (this.#form.hidden ? this.#open() : this.#close()));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#move(1);
    });
    document.querySelector("#search-previous").addEventListener("click", () => this.#move(-1));
    document.querySelector("#search-close").addEventListener("click", () => this.#close());
    this.#field.addEventListener("input", () => this.#start());
    this.#form.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** The captions have changed: searches again, and stays at the current match. */
  update() {
    if (this.#form.hidden || !this.#field.value) return;
    const { startContainer, startOffset } = this.#matches[this.#current] ?? {};
    this.#find();
    this.#current = this.#matches.findIndex(
      (match) => match.startContainer === startContainer && match.startOffset === startOffset,
    );
    this.#show();
  }

  #open() {
    this.#form.hidden = false;
    this.#opener.setAttribute("aria-expanded", "true");
    this.#field.focus();
    this.#field.select();
    this.#start();
    this.#history.load().then(
      () => this.#start(),
      () => {}, // without earlier captions it searches those in the page
    );
  }

  #close() {
    this.#form.hidden = true;
    this.#opener.setAttribute("aria-expanded", "false");
    this.#matches = [];
    this.#highlight();
    this.#opener.focus();
  }

  #onKey(event) {
    if (event.key === "Escape") this.#close();
    else if (event.key === "Enter" && event.shiftKey && event.target === this.#field) {
      event.preventDefault();
      this.#move(-1);
    }
  }

  /** Begins at the newest match, which is the most likely one. */
  #start() {
    this.#find();
    this.#current = this.#matches.length - 1;
    this.#show();
    this.#scrollToCurrent();
  }

  #move(by) {
    if (!this.#matches.length) return;
    this.#current = (this.#current + by + this.#matches.length) % this.#matches.length;
    this.#show();
    this.#scrollToCurrent();
  }

  #find() {
    this.#matches = [];
    const text = this.#field.value.trim();
    if (!text) return;
    const pattern = new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&").replace(/\s+/g, "\\s+"), "gi");
    for (const row of this.#log.rows) {
      const text = row.lastChild;
      for (const { index, 0: match } of text.textContent.matchAll(pattern)) {
        this.#matches.push(rangeOf(text, index, index + match.length));
      }
    }
    this.#matches = this.#matches.slice(-MAX_MATCHES);
  }

  #show() {
    setText(this.#count, this.#field.value.trim() ? this.#describe() : "");
    this.#highlight();
  }

  #describe() {
    const total = this.#matches.length;
    if (!total) return "not found";
    return this.#current < 0 ? `${total} found` : `${this.#current + 1} of ${total}`;
  }

  #highlight() {
    if (!globalThis.Highlight) return; // an old browser still moves to the matches
    const current = this.#matches[this.#current];
    const others = this.#matches.filter((match) => match !== current);
    CSS.highlights.set("found", new Highlight(...others));
    CSS.highlights.set("found-current", new Highlight(...(current ? [current] : [])));
  }

  #scrollToCurrent() {
    this.#matches[this.#current]?.startContainer.parentElement.scrollIntoView({ block: "center" });
  }
}
