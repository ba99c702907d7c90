// The designer's words for the settings of the overlay: for people who have never seen an option's name.

export const GROUPS = [
  ["Captions", ["mode", "lines", "chars", "tentative", "clear", "min", "cps"]],
  ["Letters", ["size", "font", "weight", "upper", "align", "dir"]],
  ["Colors", ["color", "background", "outline"]],
  ["Place", ["position", "margin"]],
  ["Speakers", ["labels", "colors", "source"]],
];

export const LABELS = {
  mode: "Show captions",
  lines: "Lines on the screen",
  chars: "Characters in a line",
  tentative: "Uncertain words",
  clear: "Clear after silence",
  min: "Shortest time",
  cps: "Reading speed",
  size: "Size",
  font: "Font",
  weight: "Thickness",
  upper: "Capital letters only",
  align: "Lines begin",
  dir: "Direction",
  color: "Letters",
  background: "Box behind them",
  outline: "Outline",
  position: "Where",
  margin: "Distance from the edge",
  labels: "Name of the speaker",
  colors: "In the speaker's color",
  source: "Only these speakers",
};

/** Where the daemon's own description of a setting is for people who write it into a file or an address. */
export const HELP = {
  mode: "Line by line is the fastest. A whole sentence at once is calmer, and comes a little later.",
  chars: "The longest line. Chinese, Japanese and Korean characters count as two.",
  tentative: "Words that were just spoken may still be corrected. Line by line only.",
  clear: "Seconds after the last word; 0: never.",
  min: "In seconds: a sentence stays at least this long. Whole sentences only.",
  cps: "In characters per second. Words stay for as long as it takes to read them.",
  size: "In percent of the picture's width.",
  weight: "400 is regular, 700 is bold.",
  upper: "Harder to read than small letters.",
  align: "Centered lines move while they grow: better for whole sentences.",
  dir: "Arabic and Hebrew are written from right to left.",
  background: "The second slider is its opacity; at the left end there is no box.",
  outline: "Width of the outline around the letters, in percent of their size; 0: none.",
  margin: "In percent of the picture's height.",
  labels: "Stands before the words.",
  colors: "Each speaker has a color.",
  source: "Their names in the configuration, separated by commas; empty: everybody.",
};

/** Setting -> value -> words. */
export const CHOICES = {
  mode: { rollup: "Line by line, word by word", popon: "A whole sentence at once" },
  tentative: { dim: "A little darker", plain: "Like all words", hide: "Not before they are certain" },
  align: {
    auto: "Where the script begins",
    left: "At the left",
    center: "Centered",
    right: "At the right",
  },
  dir: { auto: "That of the words", ltr: "From left to right", rtl: "From right to left" },
  position: {
    bottom: "At the bottom",
    "bottom-left": "At the bottom, left",
    "bottom-right": "At the bottom, right",
    middle: "In the middle",
    top: "At the top",
    "top-left": "At the top, left",
    "top-right": "At the top, right",
  },
  labels: { auto: "If there are several", on: "Always", off: "Never" },
  colors: { label: "The name", text: "The name and the words", off: "Nothing" },
};
