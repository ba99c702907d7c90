// Search in the captions: counts the matches, marks them, and goes from one to the next. The browser's own search
// (Ctrl+F) works as well; this one knows what was said before the page was opened.

import { setText } from "../shared/elements.js";

const MAX_MATCHES = 2_000; // more are neither counted nor marked

export class Search {
  #log;
  #earlier;
  #form = document.querySelector("#search");
  #field = document.querySelector("#search-field");
  #count = document.querySelector("#search-count");
  #opener = document.querySelector("#search-open");
  #matches = []; // ranges, oldest first
  #at = -1;

  constructor(log, earlier) {
    this.#log = log;
    this.#earlier = earlier;
    this.#opener.addEventListener("click", () => (this.#form.hidden ? this.#open() : this.#close()));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#go(1);
    });
    document.querySelector("#search-previous").addEventListener("click", () => this.#go(-1));
    document.querySelector("#search-close").addEventListener("click", () => this.#close());
    this.#field.addEventListener("input", () => this.#begin());
    this.#form.addEventListener("keydown", (event) => this.#key(event));
  }

  /** The captions have changed: counts anew, and stays where it is. */
  changed() {
    if (this.#form.hidden || !this.#field.value) return;
    const here = this.#matches[this.#at]?.startContainer;
    const offset = this.#matches[this.#at]?.startOffset;
    this.#find();
    this.#at = this.#matches.findIndex((match) => match.startContainer === here && match.startOffset === offset);
    this.#show();
  }

  #open() {
    this.#form.hidden = false;
    this.#opener.setAttribute("aria-expanded", "true");
    this.#field.focus();
    this.#field.select();
    this.#begin();
    this.#earlier.load().then(
      () => this.#begin(),
      () => {}, // then it searches in what is here
    );
  }

  #close() {
    this.#form.hidden = true;
    this.#opener.setAttribute("aria-expanded", "false");
    this.#matches = [];
    this.#mark();
    this.#opener.focus();
  }

  #key(event) {
    if (event.key === "Escape") this.#close();
    else if (event.key === "Enter" && event.shiftKey && event.target === this.#field) {
      event.preventDefault();
      this.#go(-1);
    }
  }

  /** The newest match is the most likely one. */
  #begin() {
    this.#find();
    this.#at = this.#matches.length - 1;
    this.#show();
    this.#reveal();
  }

  #go(by) {
    if (!this.#matches.length) return;
    this.#at = (this.#at + by + this.#matches.length) % this.#matches.length;
    this.#show();
    this.#reveal();
  }

  #find() {
    this.#matches = [];
    const wanted = this.#field.value.trim();
    if (!wanted) return;
    const pattern = new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&").replace(/\s+/g, "\\s+"), "gi");
    for (const row of this.#log.rows) {
      const node = row.lastChild.firstChild;
      for (const { index, 0: found } of node?.data.matchAll(pattern) ?? []) {
        const range = new Range();
        range.setStart(node, index);
        range.setEnd(node, index + found.length);
        this.#matches.push(range);
      }
    }
    this.#matches = this.#matches.slice(-MAX_MATCHES);
  }

  #show() {
    const total = this.#matches.length;
    const words = total ? (this.#at < 0 ? `${total} found` : `${this.#at + 1} of ${total}`) : "not found";
    setText(this.#count, this.#field.value.trim() ? words : "");
    this.#mark();
  }

  #mark() {
    if (!globalThis.Highlight) return; // an old browser still goes to the matches
    const here = this.#matches[this.#at];
    CSS.highlights.set("found", new Highlight(...this.#matches.filter((match) => match !== here)));
    CSS.highlights.set("found-here", new Highlight(...(here ? [here] : [])));
  }

  #reveal() {
    this.#matches[this.#at]?.startContainer.parentElement.scrollIntoView({ block: "center" });
  }
}
