// The transcript: finals as paragraphs, open partials below them.

import { element } from "../shared/elements.js";
import { splitStable } from "../shared/feed.js";
import { textAfter } from "../shared/word_alignment.js";
import { continueRow, observeSize, separateRow, takePlace } from "./continued_rows.js";

const MAX_LINES = 2_000; // hours of speech; the oldest line leaves the page, the transcript files still have it
const ANNOUNCE_AFTER_MS = 1_000;
const CONTINUES_WITHIN_MS = 1_000; // after a final, the next caption with the words that were shown beyond it

const CLOCK = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });

export class Log {
  #sources;
  #autoScroll;
  #log = document.querySelector("#log");
  #partials = document.querySelector("#partials");
  #hint = document.querySelector("#hint");
  #open = new Map(); // source -> {id, row, text} of its open partial: at most one each; id null: it is expected

  constructor(sources, autoScroll) {
    this.#sources = sources;
    this.#autoScroll = autoScroll;
    observeSize(this.#log, this.#partials);
  }

  /** The rows with captions, oldest first. */
  get rows() {
    return [...this.#log.querySelectorAll(".caption")];
  }

  /** A (re)connect: open partials are void, because the server sends them again. */
  reconnected(hello, restarted) {
    this.#open.clear();
    this.#partials.replaceChildren();
    this.#markSeveral();
    if (restarted) this.#append(element("p", "notice", "The captions were restarted"));
    else if (hello.gap_in_history) this.#append(element("p", "notice", "Some captions are missing here"));
  }

  /** The whole history is in the page: lays it out once. */
  historyShown() {
    this.#hint.hidden = false;
    this.#autoScroll.contentChanged();
  }

  /** From now on screen readers announce finals. */
  announceFinals() {
    this.#log.setAttribute("aria-live", "polite");
  }

  showPartial(partial) {
    let open = this.#open.get(partial.source);
    if (open?.id === null) {
      open.id = partial.id;
    } else if (open?.id !== partial.id) {
      open?.row.remove();
      open = { id: partial.id, row: this.#row(partial) };
      this.#open.set(partial.source, open);
    }
    this.#fill(open, partial.text, splitStable(partial));
    this.#autoScroll.contentChanged();
  }

  showFinal(final, replayed) {
    const open = this.#open.get(final.source);
    const ends = open && (open.id === final.id || open.id === null);
    if (ends) {
      open.row.remove();
      this.#open.delete(final.source);
    }
    if (final.text) {
      const row = this.#finalRow(final);
      this.#append(row);
      if (ends) takePlace(row, open.row);
      const next = this.#partials.firstElementChild;
      if (next) separateRow(next); // if it is continued, then from another row than this one
      const rest = ends ? textAfter(open.text, final.text) : "";
      if (rest.trim()) this.#expect(final, row, rest);
    }
    const lines = final.text ? 1 : 0;
    if (replayed) this.#autoScroll.countUnseen(lines);
    else this.#autoScroll.contentChanged(lines);
  }

  /** Words after the final stay where they are: the next caption will begin with them. */
  #expect(final, row, rest) {
    const open = { id: null, row: this.#row({ source: final.source, language: final.language }) };
    this.#open.set(final.source, open);
    if (!this.#partials.hasChildNodes()) continueRow(open.row, row, /^\s/u.test(rest)); // else others are between
    this.#fill(open, rest.trim(), ["", rest.trim()]);
    setTimeout(() => {
      if (open.id !== null || this.#open.get(final.source) !== open) return;
      open.row.remove();
      this.#open.delete(final.source);
    }, CONTINUES_WITHIN_MS);
  }

  #fill(open, text, [stable, tentative]) {
    open.text = text;
    open.row.lastChild.replaceChildren(element("span", "stable", stable), element("span", "tentative", tentative));
    if (!text) open.row.remove();
    else if (!open.row.isConnected) this.#partials.append(open.row);
  }

  /** Inserts earlier finals at the top, up to MAX_LINES in all. */
  prepend(finals, notice) {
    const nonEmpty = finals.filter((final) => final.text);
    const room = Math.max(0, MAX_LINES - this.#log.childElementCount);
    const rows = nonEmpty.slice(Math.max(0, nonEmpty.length - room)).map((final) => this.#finalRow(final));
    if (notice) rows.unshift(element("p", "notice", notice));
    const live = this.#log.getAttribute("aria-live");
    this.#log.setAttribute("aria-live", "off"); // old captions are not announced
    this.#log.prepend(...rows);
    let previous = null;
    for (const row of this.#log.children) {
      const { source } = row.dataset;
      row.classList.toggle("same-source", source !== undefined && source === previous);
      previous = source;
    }
    setTimeout(() => this.#log.setAttribute("aria-live", live), ANNOUNCE_AFTER_MS);
  }

  showGap({ source, start, end }) {
    const where = this.#sources.several ? ` (${this.#sources.get(source).label})` : "";
    this.#append(element("p", "notice", `${Math.max(0.1, end - start).toFixed(1)} s of sound was lost${where}`));
    this.#autoScroll.contentChanged();
  }

  #finalRow(final) {
    const row = this.#row(final);
    row.dataset.seq = final.seq;
    row.lastChild.textContent = final.text;
    return row;
  }

  #row({ source, language, at }) {
    const { label, className } = this.#sources.get(source);
    const row = element("p", `caption of-${className}`);
    row.dataset.source = source;
    const text = element("span", "text");
    text.dir = "auto";
    if (language) text.lang = language;
    const time = element("time", "", at ? CLOCK.format(new Date(at)) : "");
    if (at) time.dateTime = at;
    row.append(time, element("span", `label ${className}`, label), text);
    this.#markSeveral();
    return row;
  }

  #append(row) {
    const { source } = row.dataset;
    row.classList.toggle("same-source", source !== undefined && source === this.#log.lastElementChild?.dataset.source);
    this.#log.append(row);
    while (this.#log.childElementCount > MAX_LINES) this.#log.firstElementChild.remove();
    this.#log.firstElementChild.classList.remove("same-source");
    separateRow(this.#log.firstElementChild);
  }

  #markSeveral() {
    document.body.classList.toggle("several", this.#sources.several);
  }
}
