// How the overlay looks: puts the settings into the style sheet's variables, and knows how much fits into a line.

import { asColor } from "./settings.js";
import { dimmed, opposite, parse, readable, toCss } from "../shared/colors.js";
import { columns } from "../shared/line_breaking.js";

const FONT_WAIT_MS = 3_000; // a font that comes later than this is not waited for: captions are worth more
const SLACK = 1.06; // of a line's mean width: few lines have more wide letters than that
const SAMPLE = "The quick brown fox jumps over the lazy dog, and all of them went home. ";
const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

export class Look {
  #values;
  #root;
  #pen = document.createElement("canvas").getContext("2d");
  #room = 0; // pixels of a line
  #behind; // what letters have to be told from: the box, or their outline

  /** values: all settings; root: the element whose variables they are. */
  constructor(values, root) {
    this.#values = values;
    this.#root = root;
    this.#dress();
  }

  get values() {
    return this.#values;
  }

  /** Loads the font, as far as it comes along, and measures. */
  async ready() {
    const { weight } = this.#values;
    const late = new Promise((resolve) => setTimeout(resolve, FONT_WAIT_MS));
    await Promise.race([document.fonts.load(`${weight} 20px ${this.#family()}`), late]).catch(() => undefined);
    this.measure();
  }

  /** To be called when the window has another size; says whether lines have more or less room now. */
  measure() {
    const style = getComputedStyle(this.#root);
    const before = this.#room;
    this.#pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    const mean = this.#pen.measureText(this.present(SAMPLE, "en")).width / SAMPLE.length;
    const wanted = this.#values.chars * mean * SLACK;
    const size = parseFloat(style.fontSize);
    this.#room = Math.min(wanted, innerWidth * 0.94 - 1.2 * size);
    this.#root.style.setProperty("--room", `${this.#room}px`);
    return before !== this.#room;
  }

  /** What lines.js needs to know of a line that begins with a label. */
  room(label) {
    const before = label ? `${label}  ` : "";
    return {
      limit: Math.max(8, this.#values.chars - columns(before)),
      fits: (line) => this.#pen.measureText(before + line).width <= this.#room,
    };
  }

  present(text, language) {
    if (!this.#values.upper) return text;
    try {
      return text.toLocaleUpperCase(language || undefined);
    } catch {
      return text.toUpperCase(); // not a language that the browser has heard of
    }
  }

  /** ltr or rtl: by the first letter, for all lines of a caption alike. */
  direction(text) {
    if (this.#values.dir !== "auto") return this.#values.dir;
    const letter = /\p{L}/u.exec(text);
    return letter && RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
  }

  /** The colour of a source ({className, color}), made readable where it would not be. */
  sourceColor({ className, color }) {
    const given = color && CSS.supports("color", asColor(color)) ? asColor(color) : "";
    const chosen = given || getComputedStyle(this.#root).getPropertyValue(`--${className}`);
    return readable(parse(chosen.trim()), this.#behind);
  }

  css(color) {
    return toCss(color);
  }

  /** A colour for words that may still change. */
  faded(color) {
    return this.#values.tentative === "dim" ? dimmed(color, this.#behind) : color;
  }

  #family() {
    return this.#values.font
      .split(",")
      .map((name) => JSON.stringify(name.trim()))
      .join(", ");
  }

  #dress() {
    const { values } = this;
    const [color, box] = [parse(asColor(values.color)), parse(asColor(values.background))];
    const edge = opposite(color);
    this.#behind = values.outline ? edge : box;
    const variables = {
      font: `${this.#family()}, system-ui, "Noto Sans", "Liberation Sans", sans-serif`,
      weight: values.weight,
      size: values.size,
      margin: values.margin,
      lines: values.lines,
      color: toCss(color),
      tentative: toCss(this.faded(color)),
      background: toCss(box),
      outline: outline(values.outline, toCss(edge)),
    };
    for (const [name, value] of Object.entries(variables)) this.#root.style.setProperty(`--${name}`, value);
    Object.assign(this.#root.dataset, { position: values.position, align: values.align });
  }
}

/** An outline made of shadows: OBS's browser is too old for one that lies behind the letters. */
function outline(width, color) {
  if (!width) return "none";
  const steps = Array.from({ length: 16 }, (_, n) => (n * Math.PI) / 8);
  const radii = width > 6 ? [width / 2, width] : [width];
  const shadows = radii.flatMap((radius) =>
    steps.map((angle) => {
      const [x, y] = [Math.cos(angle), Math.sin(angle)].map((part) => ((part * radius) / 100).toFixed(4));
      return `${x}em ${y}em 0.01em ${color}`;
    }),
  );
  return shadows.join(", ");
}
