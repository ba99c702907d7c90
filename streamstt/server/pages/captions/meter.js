// A level meter. Sighted people see it move; screen readers find a `meter` that changes now and then, and is never read
// out by itself.

import { element } from "../shared/elements.js";

const LOWEST_DB = -60; // the left end: a quiet room is about there
const CLIPPED_DB = -0.1;
const CLIP_SHOWN_MS = 1_500;
const SILENT_AFTER_MS = 1_000; // levels come five times a second
const SPOKEN_EVERY_MS = 2_000; // how often the number for screen readers changes

export class Meter {
  element = element("span", "meter");
  #bar = element("span", "bar");
  #peak = element("span", "peak");
  #silence = 0;
  #clip = 0;
  #spokenAt = -Infinity;

  constructor(label) {
    this.element.setAttribute("role", "meter");
    this.element.setAttribute("aria-valuemin", LOWEST_DB);
    this.element.setAttribute("aria-valuemax", 0);
    this.element.append(this.#bar, this.#peak);
    this.label = label;
    this.#nothing();
  }

  set label(text) {
    this.element.setAttribute("aria-label", `Level of ${text}`);
  }

  /** Shows dB below full scale. */
  show({ rms, peak }) {
    this.#bar.style.transform = `scaleX(${share(rms)})`;
    this.#peak.style.insetInlineStart = `${100 * share(peak)}%`;
    this.element.classList.add("hears");
    if (peak >= CLIPPED_DB) this.#clipped();
    this.#speak(rms, this.element.classList.contains("clipped"));
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#nothing(), SILENT_AFTER_MS);
  }

  #clipped() {
    this.element.classList.add("clipped");
    clearTimeout(this.#clip);
    this.#clip = setTimeout(() => this.element.classList.remove("clipped"), CLIP_SHOWN_MS);
  }

  #nothing() {
    this.element.classList.remove("hears");
    this.#bar.style.transform = "scaleX(0)";
    this.#peak.style.insetInlineStart = "0%";
    this.element.setAttribute("aria-valuenow", LOWEST_DB);
    this.element.setAttribute("aria-valuetext", "no sound comes");
    this.#spokenAt = -Infinity;
  }

  #speak(rms, clipped) {
    const now = performance.now();
    if (now - this.#spokenAt < SPOKEN_EVERY_MS) return;
    this.#spokenAt = now;
    const words = clipped ? "too loud" : rms > -45 ? "well heard" : rms > LOWEST_DB ? "quiet" : "silent";
    this.element.setAttribute("aria-valuenow", Math.max(LOWEST_DB, Math.round(rms)));
    this.element.setAttribute("aria-valuetext", `${words}, ${Math.round(rms)} dB`);
  }
}

function share(decibels) {
  return Math.max(0, Math.min(1, 1 - decibels / LOWEST_DB)).toFixed(3);
}
