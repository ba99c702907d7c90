// The transcript: finals as paragraphs, open partials below them. All text goes in through textContent.

import { element } from "../shared/elements.js";
import { splitStable } from "../shared/feed.js";

const MAX_LINES = 2_000; // hours of speech; the oldest paragraph leaves the page, the transcript files still have it

const CLOCK = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });

export class Log {
  #sources;
  #follower;
  #log = document.querySelector("#log");
  #partials = document.querySelector("#partials");
  #hint = document.querySelector("#hint");
  #open = new Map(); // source -> {id, row}: a source has at most one

  constructor(sources, follower) {
    this.#sources = sources;
    this.#follower = follower;
  }

  /** The rows with captions, oldest first. */
  get rows() {
    return [...this.#log.querySelectorAll(".caption")];
  }

  /** A (re)connect: open partials are void; the server sends them again. */
  greet(hello, restarted) {
    this.#open.clear();
    this.#partials.replaceChildren();
    this.#markSeveral();
    if (restarted) this.#append(element("p", "notice", "The captions were restarted"));
    else if (hello.gap_in_history) this.#append(element("p", "notice", "Some captions are missing here"));
  }

  /** History is through: now one layout for all of it. */
  ready() {
    this.#hint.hidden = false;
    this.#follower.contentChanged();
  }

  /** From now on screen readers read finals out. */
  announce() {
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
    this.#follower.contentChanged();
  }

  showFinal(final, replayed) {
    const open = this.#open.get(final.source);
    if (open?.id === final.id) {
      open.row.remove();
      this.#open.delete(final.source);
    }
    if (final.text) this.#append(this.#finalRow(final));
    const lines = final.text ? 1 : 0;
    if (replayed) this.#follower.noteUnseen(lines);
    else this.#follower.contentChanged(lines);
  }

  /** Puts older finals in front; as many as fit. */
  prepend(finals, notice) {
    const said = finals.filter((final) => final.text);
    const room = Math.max(0, MAX_LINES - this.#log.childElementCount);
    const rows = said.slice(Math.max(0, said.length - room)).map((final) => this.#finalRow(final));
    if (notice) rows.unshift(element("p", "notice", notice));
    const live = this.#log.getAttribute("aria-live");
    this.#log.setAttribute("aria-live", "off"); // what is old is not read out
    this.#log.prepend(...rows);
    let before = null;
    for (const row of this.#log.children) {
      row.classList.toggle("same", row.dataset.source !== undefined && row.dataset.source === before);
      before = row.dataset.source;
    }
    setTimeout(() => this.#log.setAttribute("aria-live", live), 1_000);
  }

  showGap({ source, start, end }) {
    const where = this.#sources.several ? ` (${this.#sources.get(source).label})` : "";
    this.#append(element("p", "notice", `${Math.max(0.1, end - start).toFixed(1)} s of sound were lost${where}`));
    this.#follower.contentChanged();
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
    const speaker = row.dataset.source;
    row.classList.toggle("same", speaker !== undefined && speaker === this.#log.lastElementChild?.dataset.source);
    this.#log.append(row);
    while (this.#log.childElementCount > MAX_LINES) this.#log.firstElementChild.remove();
    this.#log.firstElementChild.classList.remove("same");
  }

  #markSeveral() {
    document.body.classList.toggle("several", this.#sources.several);
  }
}
