// The rows on the screen. A row that is on it never goes anywhere but up, by whole rows.

const SPARE_ROWS = 2; // beside the visible ones: those that are still moving out
const ROLL_MS = 220;
const FADE_MS = 300;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Rows {
  #box;
  #list;
  #look;
  #rows = []; // on the screen, the oldest first; bounded by SPARE_ROWS
  #fading = null;
  #rolling = null;

  constructor(box, list, look) {
    this.#box = box;
    this.#list = list;
    this.#look = look;
  }

  /** The source of the newest words; undefined: there are none. */
  get source() {
    return this.#rows.findLast((row) => row.text)?.source;
  }

  get empty() {
    return !this.#rows.some((row) => row.text);
  }

  /** The words of the newest row, and of all. */
  get last() {
    return this.#rows.findLast((row) => row.text)?.text ?? "";
  }

  get all() {
    return this.#rows.map((row) => row.text).join("");
  }

  /** A new row at the bottom; the others make room. plan: {source, label, color, dir, language}. */
  add(plan) {
    this.#stopFading();
    if (this.#rows.length && !this.#rows.at(-1).text) this.#rows.pop().remove(); // its place is free
    else if (this.#rows.length) this.#roll(this.#rows.length);
    const row = new Row(plan);
    this.#rows.push(row);
    this.#list.append(row.element);
    while (this.#rows.length > this.#look.values.lines + SPARE_ROWS) this.#rows.shift().remove();
    this.#box.hidden = false;
    return row;
  }

  /** Whether a row is, or is about to be, among the visible ones. */
  shows(row) {
    return this.#rows.slice(-this.#look.values.lines).includes(row);
  }

  /** All rows at once in place of those that are there. */
  replace(plans) {
    this.clear();
    for (const plan of plans) {
      const row = new Row(plan);
      row.fill(plan.text, "");
      this.#rows.push(row);
      this.#list.append(row.element);
    }
    this.#box.hidden = plans.length === 0;
  }

  clear() {
    this.#stopFading();
    this.#rolling?.cancel();
    this.#rows = [];
    this.#list.replaceChildren();
    this.#box.hidden = true;
  }

  /** Clears, softly where somebody sees it. */
  fade() {
    if (this.#fading || this.#box.hidden) return;
    if (still.matches || document.hidden) {
      this.clear();
      return;
    }
    this.#fading = this.#box.animate([{ opacity: 1 }, { opacity: 0 }], { duration: FADE_MS, fill: "forwards" });
    this.#fading.onfinish = () => this.clear();
  }

  /** Words that come while the old ones fade stand alone. */
  #stopFading() {
    if (!this.#fading) return;
    const fading = this.#fading;
    this.#fading = null;
    fading.onfinish = null;
    fading.cancel();
    this.#rows = [];
    this.#list.replaceChildren();
  }

  #roll(count) {
    const { lines, position } = this.#look.values;
    if (count < lines && !position.startsWith("bottom")) return; // the box grows downwards, and nothing moves
    const height = this.#rows[0].element.getBoundingClientRect().height;
    const moved = new DOMMatrix(getComputedStyle(this.#list).transform).m42; // of a roll that is not over yet
    this.#rolling?.cancel();
    if (still.matches || document.hidden) return;
    const from = Math.min(moved + height, SPARE_ROWS * height);
    this.#rolling = this.#list.animate([{ transform: `translateY(${from}px)` }, { transform: "none" }], {
      duration: ROLL_MS,
      easing: "ease-out",
      fill: "backwards", // it may begin a frame late: the rows must not jump up and back until then
    });
  }
}

class Row {
  constructor({ source, label, color, textColor, fadedColor, dir, language }) {
    this.source = source;
    this.label = label;
    this.element = document.createElement("p");
    this.element.className = "line";
    this.element.dir = dir;
    this.element.lang = language || "";
    this.parts = ["stable", "tentative"].map((name) => span(name, ""));
    if (label) this.element.append(span("label", label, color));
    this.parts[0].style.color = textColor || "";
    this.parts[1].style.color = fadedColor || "";
    this.element.append(...this.parts);
  }

  get text() {
    return this.parts.map((part) => part.textContent).join("");
  }

  /** Shows words; without any the row is empty, and keeps its place: others must not move down. */
  fill(stable, tentative) {
    if (this.parts[0].textContent !== stable) this.parts[0].textContent = stable;
    if (this.parts[1].textContent !== tentative) this.parts[1].textContent = tentative;
    this.element.classList.toggle("vacant", !stable && !tentative);
  }

  remove() {
    this.element.remove();
  }
}

function span(className, text, color = "") {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  made.style.color = color;
  return made;
}
