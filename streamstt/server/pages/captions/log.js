// The transcript: finals as paragraphs, open partials below them.

import { element } from "../shared/elements.js";
import { splitStable } from "../shared/feed.js";

const MAX_LINES = 2_000; // hours of speech; the oldest line leaves the page, the transcript files still have it
const ANNOUNCE_AFTER_MS = 1_000;

const CLOCK = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });

export class Log {
  #sources;
  #autoScroll;
  #log = document.querySelector("#log");
  #partials = document.querySelector("#partials");
  #hint = document.querySelector("#hint");
  #open = new Map(); // source -> {id, row} of its open partial: at most one each

  constructor(sources, autoScroll) {
    this.#sources = sources;
    this.#autoScroll = autoScroll;
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
    if (open?.id !== partial.id) {
      open?.row.remove();
      open = { id: partial.id, row: this.#row(partial) };
      this.#open.set(partial.source, open);
    }
    const [stable, tentative] = splitStable(partial);
    open.row.lastChild.replaceChildren(element("span", "stable", stable), element("span", "tentative", tentative));
    if (!partial.text) open.row.remove();
    else if (!open.row.isConnected) this.#partials.append(open.row);
    this.#autoScroll.contentChanged();
  }

  showFinal(final, replayed) {
    const open = this.#open.get(final.source);
    if (open?.id === final.id) {
      open.row.remove();
      this.#open.delete(final.source);
    }
    if (final.text) this.#append(this.#finalRow(final));
    const lines = final.text ? 1 : 0;
    if (replayed) this.#autoScroll.countUnseen(lines);
    else this.#autoScroll.contentChanged(lines);
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
  }

  #markSeveral() {
    document.body.classList.toggle("several", this.#sources.several);
  }
}
