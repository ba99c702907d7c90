// The overlay's appearance: puts the settings into the variables of the style sheet, and measures what fits on a line.

import { columns } from "../shared/characters.js";
import { dim, luminanceOpposite, makeReadable, parseColor, toCss } from "../shared/colors.js";
import { toCssColor } from "./settings.js";

const FONT_TIMEOUT_MS = 3_000; // captions matter more than a font that loads slowly
const WIDTH_RESERVE = 1.06; // of a line of average letters: few lines have more wide letters than that
const HANGING = 0.35; // em: so far, a line that is on the screen may extend into the padding of the box
const SPARE = 0.4; // em: so much more is left free on new lines, for punctuation that is added later
const LABEL_WEIGHT = 700; // both as in the style sheet
const LABEL_GAP = 0.35; // em
const SHORT_LABEL = 8; // columns: is not cut, also if it takes half of a short line
const WIDEST = 5; // em: a family of emoji in a font that does not join them
const LATIN = "Aa ąż"; // letters of both files of the bundled font
const LINE_SPACE = /[\t\n\v\f\r\u2028\u2029]/gu; // would not be as wide on the line as when it is measured
const SAMPLE = "The quick brown fox jumps over the lazy dog, and all of them went home. ";
const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

export class OverlayStyle {
  #values;
  #root;
  #canvas = document.createElement("canvas").getContext("2d");
  #labelCanvas = document.createElement("canvas").getContext("2d");
  #lineWidth = 0; // pixels
  #fontSize = 0; // pixels
  #backdrop; // the color that letters contrast with: that of the box, or of their outline

  /** values: all settings; root: the element that gets the variables. */
  constructor(values, root) {
    this.#values = values;
    this.#root = root;
    this.#apply();
  }

  get values() {
    return this.#values;
  }

  /** Waits for the bundled font, and measures. */
  async load() {
    const { weight } = this.#values;
    const timeout = new Promise((resolve) => setTimeout(resolve, FONT_TIMEOUT_MS));
    await Promise.race([document.fonts.load(`${weight} 20px ${this.#family()}`, LATIN), timeout]).catch(
      () => undefined,
    );
    this.measure();
  }

  /** Measures again for another size of the window. Returns whether the width of a line has changed. */
  measure() {
    const style = getComputedStyle(this.#root);
    const before = this.#lineWidth;
    const font = `${style.fontSize} ${style.fontFamily}`;
    this.#canvas.font = `${style.fontWeight} ${font}`;
    this.#labelCanvas.font = `${LABEL_WEIGHT} ${font}`;
    const mean = this.#canvas.measureText(this.displayed(SAMPLE, "en")).width / SAMPLE.length;
    const wanted = this.#values.chars * mean * WIDTH_RESERVE;
    this.#fontSize = parseFloat(style.fontSize);
    this.#lineWidth = Math.min(wanted, innerWidth * 0.94 - 1.2 * this.#fontSize);
    this.#root.style.setProperty("--line-width", `${this.#lineWidth}px`);
    return before !== this.#lineWidth;
  }

  /** Whether a label leaves most of a line to the words, at least half of it, and room for any one character. */
  fitsLabel(label) {
    const { chars } = this.#values;
    const used = this.labelWidth(label) + LABEL_GAP * this.#fontSize;
    const room = Math.min(this.#lineWidth / 2, this.#lineWidth - WIDEST * this.#fontSize);
    return columns(label) <= Math.max(chars / 3, Math.min(SHORT_LABEL, chars / 2)) && used <= room;
  }

  /** Pixels that a label takes, with its colon. */
  labelWidth(label) {
    return label ? this.#labelCanvas.measureText(`${label}:`).width : 0;
  }

  /** {limit, fits}, for caption_lines.js, of a line that begins with a label. */
  lineCapacity(label) {
    const used = label ? this.labelWidth(label) + LABEL_GAP * this.#fontSize : 0;
    return {
      limit: Math.max(8, this.#values.chars - (label ? columns(label) + 2 : 0)),
      fits: (line, shown = false) => {
        const room = this.#lineWidth + (shown ? HANGING : -SPARE) * this.#fontSize;
        return used + this.#canvas.measureText(line).width <= room;
      },
    };
  }

  /** The text as it is displayed: in capitals if the settings say so. */
  displayed(text, language) {
    const spaced = text.replace(LINE_SPACE, " ");
    if (!this.#values.upper) return spaced;
    try {
      return spaced.toLocaleUpperCase(language || undefined);
    } catch {
      return spaced.toUpperCase(); // the browser does not know this language code
    }
  }

  /** "ltr" or "rtl": decided by the first letter, for all lines of a caption. */
  direction(text) {
    if (this.#values.dir !== "auto") return this.#values.dir;
    const letter = /\p{L}/u.exec(text);
    return letter && RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
  }

  /** The color of a source ({className, color}), changed if it would not be readable. */
  sourceColor({ className, color }) {
    const configured = color && CSS.supports("color", toCssColor(color)) ? toCssColor(color) : "";
    const css = configured || getComputedStyle(this.#root).getPropertyValue(`--${className}`);
    return makeReadable(parseColor(css.trim()), this.#backdrop);
  }

  /** The color for words that may still change. */
  tentativeColor(color) {
    return this.#values.tentative === "dim" ? dim(color, this.#backdrop) : color;
  }

  #family() {
    return this.#values.font
      .split(",")
      .map((name) => JSON.stringify(name.trim()))
      .join(", ");
  }

  #apply() {
    const { values } = this;
    const [color, box] = [parseColor(toCssColor(values.color)), parseColor(toCssColor(values.background))];
    const edge = luminanceOpposite(color);
    this.#backdrop = values.outline ? edge : box;
    const variables = {
      font: `${this.#family()}, system-ui, "Noto Sans", "Liberation Sans", sans-serif`,
      weight: values.weight,
      size: values.size,
      margin: values.margin,
      lines: values.lines,
      color: toCss(color),
      tentative: toCss(this.tentativeColor(color)),
      background: toCss(box),
      outline: outline(values.outline, toCss(edge)),
    };
    for (const [name, value] of Object.entries(variables)) this.#root.style.setProperty(`--${name}`, value);
    Object.assign(this.#root.dataset, { position: values.position, align: values.align });
  }
}

/** An outline made of shadows, because OBS's browser is too old for one that lies behind the letters. */
function outline(width, color) {
  if (!width) return "none";
  const angles = Array.from({ length: 16 }, (_, n) => (n * Math.PI) / 8);
  const radii = width > 6 ? [width / 2, width] : [width];
  const shadows = radii.flatMap((radius) =>
    angles.map((angle) => {
      const [x, y] = [Math.cos(angle), Math.sin(angle)].map((part) => ((part * radius) / 100).toFixed(4));
      return `${x}em ${y}em 0.01em ${color}`;
    }),
  );
  return shadows.join(", ");
}
