// The rows on the screen. A row, once shown, only ever moves up, by whole rows. A label is shown where the speaker
// changes, and at the top; each row has room for its own, so that no word moves when it appears.

import { element, setText } from "../shared/elements.js";

const SPARE_ROWS = 2; // beyond the visible ones: those that are still moving out
const ROLL_MS = 220;
const FADE_MS = 300;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export class Rows {
  #box;
  #list;
  #style;
  #rows = []; // on the screen, oldest first; bounded by SPARE_ROWS
  #fading = null; // running animations
  #rolling = null;

  constructor(box, list, style) {
    this.#box = box;
    this.#list = list;
    this.#style = style;
  }

  get empty() {
    return this.#newest === undefined;
  }

  /** The words of the newest row. */
  get lastText() {
    return this.#newest?.text ?? "";
  }

  /** The words of all rows. */
  get text() {
    return this.#rows.map((row) => row.text).join("");
  }

  get #newest() {
    return this.#rows.findLast((row) => row.text);
  }

  /**
   * Adds a row at the bottom. spec: {source, label, labelWidth: px, labelColor, textColor, tentativeColor, dir,
   * language}.
   */
  add(spec) {
    this.#cancelFade();
    const last = this.#rows.at(-1);
    if (last && !last.text) {
      this.#rows.pop().remove(); // the new row takes its place
    } else if (last) {
      this.#roll(this.#rows.length);
    }
    const row = new Row(spec, () => this.#showLabels());
    this.#rows.push(row);
    this.#list.append(row.element);
    this.#showLabels();
    while (this.#rows.length > this.#style.values.lines + SPARE_ROWS) this.#rows.shift().remove();
    this.#box.hidden = false;
    return row;
  }

  /** Whether a row is, or is about to be, among the visible ones. */
  isVisible(row) {
    return this.#rows.slice(-this.#style.values.lines).includes(row);
  }

  /** Replaces all rows at once. specs: as for `add`, with `text`. */
  replace(specs) {
    this.clear();
    for (const spec of specs) {
      const row = new Row(spec, () => this.#showLabels());
      this.#rows.push(row);
      this.#list.append(row.element);
      row.setText(spec.text, "");
    }
    this.#box.hidden = specs.length === 0;
  }

  clear() {
    this.#cancelFade();
    this.#rolling?.cancel();
    this.#rows = [];
    this.#list.replaceChildren();
    this.#box.hidden = true;
  }

  /** Rows that move out keep what they show. */
  #showLabels() {
    let above;
    for (const row of this.#rows.slice(-this.#style.values.lines).filter(({ text }) => text)) {
      row.showLabel(row.source !== above);
      above = row.source;
    }
  }

  /** Clears with a fade, unless it is not visible or not wanted. */
  fadeOut() {
    if (this.#fading || this.#box.hidden) return;
    if (reducedMotion.matches || document.hidden) {
      this.clear();
      return;
    }
    this.#fading = this.#box.animate([{ opacity: 1 }, { opacity: 0 }], { duration: FADE_MS, fill: "forwards" });
    this.#fading.onfinish = () => this.clear();
  }

  /** Rows that are moving are where they belong at once. */
  endRoll() {
    this.#rolling?.cancel();
  }

  /** Ends a fade at once: new words stand alone. */
  #cancelFade() {
    if (!this.#fading) return;
    const fading = this.#fading;
    this.#fading = null;
    fading.onfinish = null;
    fading.cancel();
    this.#rows = [];
    this.#list.replaceChildren();
  }

  #roll(count) {
    const { lines, position } = this.#style.values;
    if (count < lines && !position.startsWith("bottom")) return; // the box grows downwards, and nothing moves
    const height = this.#rows[0].element.getBoundingClientRect().height;
    const offset = new DOMMatrix(getComputedStyle(this.#list).transform).m42; // of a roll that is not over yet
    this.#rolling?.cancel();
    if (reducedMotion.matches || document.hidden) return;
    const from = Math.min(offset + height, SPARE_ROWS * height);
    this.#rolling = this.#list.animate([{ transform: `translateY(${from}px)` }, { transform: "none" }], {
      duration: ROLL_MS,
      easing: "ease-out",
      fill: "backwards", // it may begin a frame late: until then the rows must not jump up and back
    });
  }
}

class Row {
  #onVacancy;

  /** onVacancy(): it has words now, or no longer. */
  constructor({ source, label, labelWidth, labelColor, textColor, tentativeColor, dir, language }, onVacancy) {
    this.#onVacancy = onVacancy;
    this.source = source;
    this.label = label;
    this.element = element("p", "line");
    this.element.dir = dir;
    this.element.lang = language || "";
    this.shownLabel = colored("label", "", labelColor);
    this.shownLabel.style.width = `${labelWidth}px`;
    this.stable = colored("stable", "", textColor);
    this.tentative = colored("tentative", "", tentativeColor);
    if (label) this.element.append(this.shownLabel);
    this.element.append(this.stable, this.tentative);
  }

  get text() {
    return this.stable.textContent + this.tentative.textContent;
  }

  /** Shows words. An empty row keeps its place, because other rows must not move down. */
  setText(stable, tentative) {
    const before = this.text;
    setText(this.stable, stable);
    setText(this.tentative, tentative);
    this.element.classList.toggle("vacant", !this.text);
    if (!before !== !this.text) this.#onVacancy();
  }

  showLabel(shown) {
    setText(this.shownLabel, shown ? this.label : "");
  }

  /** Removes the words that may still change. */
  dropTentative() {
    this.setText(this.stable.textContent.trimEnd(), "");
  }

  remove() {
    this.element.remove();
  }
}

function colored(className, text, color = "") {
  const span = element("span", className, text);
  span.style.color = color;
  return span;
}
