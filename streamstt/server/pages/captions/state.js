// What each source does: a chip with a meter in the header, and a sentence below it when there is something to say.

import { capital, element, setText } from "../shared/elements.js";
import { Meter } from "./meter.js";

const WORDS = {
  listening: "listening",
  speech: "speech",
  waiting: "waiting for sound",
  lost: "microphone lost",
  paused: "paused",
};
const LEFT_SHOWN_MS = 5_000;

export class StateBar {
  #sources;
  #list = document.querySelector("#state");
  #alerts = document.querySelector("#alerts");
  #chips = new Map(); // source -> {item, words, meter, status, timer}
  #order = []; // names of sources; others come behind
  #connection = { state: "connecting", reason: "" };

  constructor(sources) {
    this.#sources = sources;
  }

  /** A (re)connect: what is known is void; the server sends it again. Chips keep the order of `sources`. */
  forget(sources) {
    for (const source of this.#chips.keys()) this.#remove(source);
    this.#order = sources.map(({ name }) => name);
  }

  show(status) {
    const chip = this.#chips.get(status.source) ?? this.#add(status.source);
    chip.status = status;
    clearTimeout(chip.timer);
    if (status.left) {
      chip.timer = setTimeout(() => {
        this.#remove(status.source);
        this.#draw();
      }, LEFT_SHOWN_MS);
    }
    this.#draw();
  }

  showLevel({ source, rms, peak }) {
    this.#chips.get(source)?.meter.show({ rms, peak });
  }

  connection(state, reason) {
    this.#connection = { state, reason };
    this.#draw();
  }

  #add(source) {
    const chip = { item: element("li", "chip"), words: element("span", "words"), timer: 0 };
    chip.meter = new Meter(this.#sources.get(source).label);
    chip.item.append(chip.words, chip.meter.element);
    this.#chips.set(source, chip);
    return chip;
  }

  #remove(source) {
    clearTimeout(this.#chips.get(source).timer);
    this.#chips.delete(source);
  }

  #draw() {
    const open = this.#connection.state === "open";
    for (const [source, chip] of this.#chips) this.#fill(source, chip);
    const rank = (source) => (this.#order.indexOf(source) + 1 || Infinity);
    const sorted = [...this.#chips].sort(([a], [b]) => rank(a) - rank(b) || 0); // no two infinities: NaN is no order
    const items = open ? sorted.map(([, chip]) => chip.item) : [];
    if (!items.length) items.push(this.#plainChip(open));
    if (items.length !== this.#list.childElementCount || items.some((item, i) => item !== this.#list.children[i])) {
      this.#list.replaceChildren(...items);
    }
    this.#drawAlerts(open);
  }

  #fill(source, { item, words, meter, status }) {
    const { label, className } = this.#sources.get(source);
    const named = this.#chips.size > 1 || status.left;
    meter.label = label;
    item.dataset.state = status.state;
    item.classList.toggle("warned", Boolean(status.detail) && status.state !== "lost" && !status.left);
    const said = status.left ? "has left" : (WORDS[status.state] ?? status.state);
    const parts = named ? [element("b", className, label), element("span", "does", ` ${said}`)] : [capital(said)];
    const text = parts.map((piece) => piece.textContent ?? piece).join("");
    if (words.textContent !== text) words.replaceChildren(...parts);
  }

  #plainChip(open) {
    const { state } = this.#connection;
    const words = open ? "No microphone yet" : state === "connecting" ? "Connecting …" : "No connection";
    const chip = element("li", "chip", words);
    chip.dataset.state = open ? "listening" : state;
    return chip;
  }

  /** Sentences about trouble; the turns of speech and silence never get here, for this is read out. */
  #drawAlerts(open) {
    const wanted = open ? this.#sentences() : this.#connectionSentence();
    const shown = [...this.#alerts.children].map((line) => `${line.dataset.kind} ${line.textContent}`);
    if (JSON.stringify(wanted.map(([kind, text]) => `${kind} ${text}`)) === JSON.stringify(shown)) return;
    const lines = wanted.map(([kind, text]) => {
      const line = element("p", "alert", text);
      line.dataset.kind = kind;
      return line;
    });
    this.#alerts.replaceChildren(...lines);
  }

  #sentences() {
    const lines = [];
    for (const [source, { status }] of this.#chips) {
      const { label } = this.#sources.get(source);
      if (status.state === "lost") lines.push(["bad", `Microphone lost: ${label}. ${status.detail}`.trim()]);
      else if (status.detail && !status.left) lines.push(["warn", `${label}: ${status.detail}`]);
    }
    return lines;
  }

  #connectionSentence() {
    const { state, reason } = this.#connection;
    if (state === "connecting") return [];
    return [["bad", `${reason || "No connection to the caption server."} Trying again …`]];
  }
}
