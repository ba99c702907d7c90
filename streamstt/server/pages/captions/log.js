// The transcript: finals as paragraphs, open partials below them.

import { element } from "../shared/elements.js";
import { splitStable } from "../shared/feed.js";
import { textAfter } from "../shared/word_alignment.js";
import { Notices } from "./notices.js";
import { OpenCaption } from "./open_caption.js";
import { PageRows } from "./page_rows.js";
import { RevisedRows } from "./revised_rows.js";

const MAX_LINES = 2_000; // hours of speech; the oldest line leaves the page, the transcript files still have it
const ANNOUNCE_AFTER_MS = 1_000;
const CONTINUES_WITHIN_MS = 1_000; // after a final, the next caption with the words that were shown beyond it

const CLOCK = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });

export class Log {
  #sources;
  #autoScroll;
  #pageRows = new PageRows();
  #revisedRows = new RevisedRows();
  #notices = new Notices(this.#pageRows);
  #log = document.querySelector("#log");
  #hint = document.querySelector("#hint");
  #open = new Map(); // source -> its open caption: at most one each
  #connected = false;
  #announces = false; // whether screen readers announce finals
  #quiet = 0; // changes that they do not announce

  constructor(sources, autoScroll) {
    this.#sources = sources;
    this.#autoScroll = autoScroll;
    let last = "";
    new ResizeObserver(([{ target }]) => {
      const now = `${target.clientWidth} ${getComputedStyle(target).getPropertyValue("--caption")}`;
      if (now !== last) this.breakAnew();
      last = now;
    }).observe(this.#log.parentElement);
  }

  /** The rows with captions that are not hidden, oldest first. */
  get rows() {
    return [...this.#log.querySelectorAll(".caption:not(.removed)")];
  }

  /** Number of the oldest caption in the page. */
  get firstSeq() {
    return Number(this.#log.querySelector(".caption")?.dataset.seq ?? Infinity);
  }

  /** A (re)connect: open partials are void, because the server sends them again. */
  reconnected(hello, restarted) {
    for (const source of [...this.#open.keys()]) this.#withdraw(source);
    this.markSeveral();
    if (restarted) this.#notices.show("The captions were restarted");
    else if (hello.gap_in_history) this.#notices.show("Some captions are missing here");
  }

  /** The whole history is in the page: lays it out once. */
  historyShown() {
    this.#connected = true;
    this.#changed();
  }

  /** From now on screen readers announce finals. */
  announceFinals() {
    this.#announces = true;
    if (!this.#quiet) this.#log.setAttribute("aria-live", "polite");
  }

  /** Changes rows without announcing them. */
  #quietly(change) {
    this.#quiet++;
    this.#log.setAttribute("aria-live", "off");
    change();
    setTimeout(() => {
      if (--this.#quiet === 0 && this.#announces) this.#log.setAttribute("aria-live", "polite");
    }, ANNOUNCE_AFTER_MS);
  }

  showPartial(partial) {
    const { id, source, language, text } = partial;
    this.markSeveral(source);
    let open = this.#open.get(source);
    if (open?.id === null) {
      clearTimeout(open.timer);
      open.id = id;
    } else if (open?.id !== id) {
      if (open) this.#withdraw(source);
      open = new OpenCaption(id, this.#pageRows, () => this.#row({ source, language }));
      this.#open.set(source, open);
    }
    if (text) open.show(text, splitStable(partial)[0].length, language);
    else open.withdraw();
    this.#notices.wordsShown();
    this.#changed();
  }

  showFinal(final, replayed) {
    this.markSeveral(final.source, final.label);
    const open = this.#open.get(final.source);
    const ends = open && (open.id === final.id || open.id === null);
    if (ends && final.text) this.#end(open, final);
    else if (ends) this.#withdraw(final.source);
    else if (final.text) this.#pageRows.addFinal(this.#finalRow(final, final.text));
    if (final.text) this.#notices.wordsShown();
    this.#pageRows.prune(MAX_LINES);
    const lines = final.text ? 1 : 0;
    if (replayed) this.#autoScroll.countUnseen(lines);
    else this.#changed(lines);
  }

  /** Words after the final stay where they are: the next caption will begin with them. */
  #end(open, final) {
    const { source, language, text } = final;
    const following = textAfter(open.text, text);
    const rest = following.trim() ? following : "";
    open.show(text + rest, text.length, language);
    open.divide(text.length, text.length + rest.length - rest.trimStart().length, () => this.#finalRow(final));
    clearTimeout(open.timer);
    open.id = null;
    if (rest) open.timer = setTimeout(() => this.#withdraw(source), CONTINUES_WITHIN_MS);
    else this.#open.delete(source);
  }

  /** The open caption will get no final: removes its words. */
  #withdraw(source) {
    const open = this.#open.get(source);
    clearTimeout(open.timer);
    open.withdraw();
    this.#open.delete(source);
  }

  /** Lines have another length now. */
  breakAnew() {
    this.#autoScroll.keepPosition(() => {
      for (const open of this.#open.values()) open.release();
      this.#pageRows.releaseFinals();
    });
    this.#changed();
  }

  /** Inserts earlier finals at the top, up to MAX_LINES in all. */
  prepend(finals, notice) {
    for (const { source, label } of finals) this.markSeveral(source, label);
    const nonEmpty = finals.filter((final) => final.text);
    const room = Math.max(0, MAX_LINES - this.#log.childElementCount);
    const rows = nonEmpty.slice(Math.max(0, nonEmpty.length - room)).map((final) => this.#finalRow(final, final.text));
    if (notice) rows.unshift(element("p", "notice", notice));
    this.#quietly(() => this.#prependRows(rows));
  }

  #prependRows(rows) {
    const first = this.#log.firstElementChild;
    this.#log.prepend(...rows);
    let previous = null;
    for (const row of first ? [...rows, first] : rows) {
      const { source } = row.dataset;
      row.classList.toggle("same-source", source !== undefined && source === previous);
      previous = source;
    }
  }

  /** The caption of a row, see RevisedRows. */
  captionOf(row) {
    return this.#revisedRows.captionOf(row);
  }

  /** The first row of a caption; null if it is not in the page. */
  rowOf(seq) {
    return this.#log.querySelector(`.caption[data-seq="${seq}"]`);
  }

  /** Whether hidden captions are shown too, struck through. */
  showHidden(shown) {
    this.#quietly(() => {
      this.#revisedRows.showHidden(shown);
      this.breakAnew();
    });
  }

  /** A final was corrected, hidden or starred. complete: whether no older captions are left to load. */
  revise(revised, complete) {
    const { source, label, final_seq, text, hidden } = revised;
    this.markSeveral(source, label);
    this.#quietly(() => {
      if (this.#revisedRows.revise(revised)) this.breakAnew();
      else if (!hidden && (complete || this.#revisedRows.isBetweenRows(final_seq))) {
        this.#revisedRows.insert(this.#finalRow({ ...revised, seq: final_seq }, text));
        this.breakAnew();
      }
    });
  }

  showGap({ source, start, end }) {
    const where = this.#sources.several ? ` (${this.#sources.get(source).label})` : "";
    this.#notices.showLoss(source, end - start, where);
    this.#changed();
  }

  #finalRow(final, text = "") {
    const row = this.#row(final);
    row.dataset.seq = final.seq;
    this.#revisedRows.add(row, final);
    row.lastChild.textContent = text;
    return row;
  }

  #row({ source, language, at, label }) {
    const { label: present, className } = this.#sources.get(source, label);
    const row = element("p", `caption of-${className}`);
    row.dataset.source = source;
    const text = element("span", "text");
    text.dir = "auto";
    if (language) text.lang = language;
    const time = element("time", "", at ? CLOCK.format(new Date(at)) : "");
    if (at) time.dateTime = at;
    row.append(time, element("span", `label ${className}`, label || present), text);
    return row;
  }

  /** source: one that may be new; label: its label, if it is known. */
  markSeveral(source, label) {
    if (source !== undefined) this.#sources.get(source, label);
    const { several } = this.#sources;
    if (document.body.classList.contains("several") === several) return;
    document.body.classList.toggle("several", several);
    this.breakAnew();
  }

  #changed(newLines = 0) {
    this.#hint.hidden = !this.#connected || !this.#pageRows.empty;
    this.#pageRows.keepHeight();
    this.#autoScroll.contentChanged(newLines);
  }
}
