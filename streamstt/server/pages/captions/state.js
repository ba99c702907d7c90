// The state of each source: a chip with a meter in the header, and a message below it if something needs attention.

import { capitalize, element } from "../shared/elements.js";
import { Meter } from "./meter.js";

const STATES = {
  listening: "listening",
  speech: "speech",
  waiting: "waiting for sound",
  lost: "sound lost",
  paused: "paused",
};
const LEFT_SHOWN_MS = 5_000;

export class StateBar {
  #sources;
  #list = document.querySelector("#state");
  #alerts = document.querySelector("#alerts");
  #chips = new Map(); // source -> {item, words, meter, status, timer}
  #order = []; // names of sources; others follow
  #connection = { state: "connecting", reason: "" };

  constructor(sources) {
    this.#sources = sources;
  }

  /** A (re)connect: all states are void, because the server sends them again. Chips keep the order of `sources`. */
  reset(sources) {
    for (const source of this.#chips.keys()) this.#remove(source);
    this.#order = sources.map(({ name }) => name);
  }

  showStatus(status) {
    const chip = this.#chips.get(status.source) ?? this.#add(status.source);
    chip.status = status;
    clearTimeout(chip.timer);
    if (status.left) {
      chip.timer = setTimeout(() => {
        this.#remove(status.source);
        this.#render();
      }, LEFT_SHOWN_MS);
    }
    this.#render();
  }

  showLevel({ source, rms, peak }) {
    this.#chips.get(source)?.meter.show({ rms, peak });
  }

  showConnection(state, reason) {
    this.#connection = { state, reason };
    this.#render();
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

  #render() {
    const open = this.#connection.state === "open";
    for (const [source, chip] of this.#chips) this.#renderChip(source, chip);
    const rank = (source) => this.#order.indexOf(source) + 1 || Infinity;
    const sorted = [...this.#chips].sort(([a], [b]) => rank(a) - rank(b) || 0); // Infinity - Infinity is NaN
    const items = open ? sorted.map(([, chip]) => chip.item) : [];
    if (!items.length) items.push(this.#plainChip(open));
    if (items.length !== this.#list.childElementCount || items.some((item, i) => item !== this.#list.children[i])) {
      this.#list.replaceChildren(...items);
    }
    this.#renderAlerts(open ? this.#sourceAlerts() : this.#connectionAlerts());
  }

  #renderChip(source, { item, words, meter, status }) {
    const { label, className } = this.#sources.get(source);
    const named = this.#chips.size > 1 || status.left;
    meter.label = label;
    item.dataset.state = status.state;
    item.classList.toggle("warned", Boolean(status.detail) && status.state !== "lost" && !status.left);
    const state = status.left ? "has left" : (STATES[status.state] ?? status.state);
    const parts = named
      ? [element("b", className, label), element("span", "source-state", ` ${state}`)]
      : [capitalize(state)];
    const text = parts.map((part) => part.textContent ?? part).join("");
    if (words.textContent !== text) words.replaceChildren(...parts);
  }

  #plainChip(open) {
    const { state } = this.#connection;
    const words = open ? "No microphone yet" : state === "connecting" ? "Connecting …" : "No connection";
    const chip = element("li", "chip", words);
    chip.dataset.state = open ? "listening" : state;
    return chip;
  }

  /** Screen readers announce these, so they change only with trouble, never with each turn of speech and silence. */
  #renderAlerts(alerts) {
    const shown = [...this.#alerts.children].map((line) => [line.dataset.kind, line.textContent]);
    if (JSON.stringify(alerts) === JSON.stringify(shown)) return;
    const lines = alerts.map(([kind, text]) => {
      const line = element("p", "alert", text);
      line.dataset.kind = kind;
      return line;
    });
    this.#alerts.replaceChildren(...lines);
  }

  /** [[kind, sentence]...] */
  #sourceAlerts() {
    const alerts = [];
    for (const [source, { status }] of this.#chips) {
      const { label } = this.#sources.get(source);
      if (status.state === "lost") alerts.push(["bad", `Sound lost: ${label}. ${status.detail}`.trim()]);
      else if (status.detail && !status.left) alerts.push(["warn", `${label}: ${status.detail}`]);
    }
    return alerts;
  }

  #connectionAlerts() {
    const { state, reason } = this.#connection;
    if (state === "connecting") return [];
    return [["bad", `${reason || "No connection to the caption server."} Trying again …`]];
  }
}
