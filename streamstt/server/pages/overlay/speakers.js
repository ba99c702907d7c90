// Who speaks: the label before the words, where one is wanted, and the colour.

import { columns } from "../shared/line_breaking.js";

export class Speakers {
  #sources;
  #look;

  /** sources: Sources of feed.js. */
  constructor(sources, look) {
    this.#sources = sources;
    this.#look = look;
  }

  /** The label of a new row below one of another, or the same, source; empty: none. */
  labelAfter(above, source) {
    const { labels, chars, source: wanted } = this.#look.values;
    const { label } = this.#sources.get(source); // first: it may be the one that makes them several
    const told = labels === "on" || (labels === "auto" && this.#sources.several && wanted.length !== 1);
    if (!told || above === source) return "";
    return shortened(label, chars / 2);
  }

  /** What a row needs to know beside its words. */
  plan(source, { label, dir, language }) {
    const { colors } = this.#look.values;
    const plan = { source, label, dir, language };
    if (colors === "off") return plan;
    const color = this.#look.sourceColor(this.#sources.get(source));
    if (label) plan.color = this.#look.css(color);
    if (colors === "text") {
      plan.textColor = this.#look.css(color);
      plan.fadedColor = this.#look.css(this.#look.faded(color));
    }
    return plan;
  }
}

function shortened(label, limit) {
  if (columns(label) <= limit) return label;
  const chars = Array.from(label);
  while (columns(chars.join("")) >= limit) chars.pop();
  return `${chars.join("").trimEnd()}…`;
}
