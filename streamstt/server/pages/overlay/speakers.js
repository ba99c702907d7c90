// How speakers are told apart: the label before their words, and their color.

import { graphemes } from "../shared/characters.js";
import { toCss } from "../shared/colors.js";

export class Speakers {
  #sources;
  #style;

  /** sources: Sources of feed.js. */
  constructor(sources, style) {
    this.#sources = sources;
    this.#style = style;
  }

  /** The label of rows of a source; empty if they have none. */
  labelOf(source) {
    const { labels, source: selected } = this.#style.values;
    const { label } = this.#sources.get(source); // first, because it may add the second source
    const labelled = labels === "on" || (labels === "auto" && this.#sources.several && selected.length !== 1);
    return labelled ? truncate(label, (text) => this.#style.fitsLabel(text)) : "";
  }

  /** What Rows needs to know of a row beside its words. */
  rowSpec(source, { label, dir, language }) {
    const { colors } = this.#style.values;
    const spec = { source, label, labelWidth: this.#style.labelWidth(label), dir, language };
    if (colors === "off") return spec;
    const color = this.#style.sourceColor(this.#sources.get(source));
    if (label) spec.labelColor = toCss(color);
    if (colors === "text") {
      spec.textColor = toCss(color);
      spec.tentativeColor = toCss(this.#style.tentativeColor(color));
    }
    return spec;
  }
}

function truncate(label, fits) {
  if (fits(label)) return label;
  const chars = graphemes(label);
  while (chars.length && !fits(`${chars.join("")}…`)) chars.pop();
  return chars.length ? `${chars.join("").trimEnd()}…` : ""; // no room for a label
}
