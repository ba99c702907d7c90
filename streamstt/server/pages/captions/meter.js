// A level meter. It moves for those who see it; for screen readers it is a `meter` with a value that changes now and
// then, and is never announced by itself.

import { element } from "../shared/elements.js";

const LOWEST_DB = -60; // the left end, about the level of a quiet room
const QUIET_DB = -45;
const CLIPPED_DB = -0.1;
const CLIP_SHOWN_MS = 1_500;
const NO_SIGNAL_AFTER_MS = 1_000; // levels arrive five times a second
const VALUE_EVERY_MS = 2_000; // how often the value for screen readers changes

export class Meter {
  element = element("span", "meter");
  #bar = element("span", "bar");
  #peak = element("span", "peak");
  #signalTimer = 0;
  #clipTimer = 0;
  #valueSetAt = -Infinity;

  constructor(label) {
    this.element.setAttribute("role", "meter");
    this.element.setAttribute("aria-valuemin", LOWEST_DB);
    this.element.setAttribute("aria-valuemax", 0);
    this.element.append(this.#bar, this.#peak);
    this.label = label;
    this.#showNoSignal();
  }

  set label(text) {
    this.element.setAttribute("aria-label", `Level of ${text}`);
  }

  /** rms, peak: dB relative to full scale. */
  show({ rms, peak }) {
    this.#bar.style.transform = `scaleX(${fraction(rms)})`;
    this.#peak.style.transform = `translateX(${100 * fraction(peak)}cqw)`;
    this.element.classList.add("active");
    if (peak >= CLIPPED_DB) this.#showClipping();
    this.#updateValue(rms);
    clearTimeout(this.#signalTimer);
    this.#signalTimer = setTimeout(() => this.#showNoSignal(), NO_SIGNAL_AFTER_MS);
  }

  #showClipping() {
    this.element.classList.add("clipped");
    clearTimeout(this.#clipTimer);
    this.#clipTimer = setTimeout(() => this.element.classList.remove("clipped"), CLIP_SHOWN_MS);
  }

  #showNoSignal() {
    this.element.classList.remove("active");
    this.#bar.style.transform = "scaleX(0)";
    this.#peak.style.transform = "none";
    this.element.setAttribute("aria-valuenow", LOWEST_DB);
    this.element.setAttribute("aria-valuetext", "no sound");
    this.#valueSetAt = -Infinity;
  }

  #updateValue(rms) {
    const now = performance.now();
    if (now - this.#valueSetAt < VALUE_EVERY_MS) return;
    this.#valueSetAt = now;
    this.element.setAttribute("aria-valuenow", Math.max(LOWEST_DB, Math.round(rms)));
    this.element.setAttribute("aria-valuetext", `${this.#describe(rms)}, ${Math.round(rms)} dB`);
  }

  #describe(rms) {
    if (this.element.classList.contains("clipped")) return "too loud";
    if (rms > QUIET_DB) return "good level";
    return rms > LOWEST_DB ? "quiet" : "silent";
  }
}

function fraction(decibels) {
  return Math.max(0, Math.min(1, 1 - decibels / LOWEST_DB)).toFixed(3);
}
