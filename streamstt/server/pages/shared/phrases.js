// Where phrases begin in scripts without spaces: BudouX (https://github.com/google/budoux), with its own models. The
// same as in streamstt/text/word_boundaries.py.

export const MODELS = { ja: "ja", zh: "zh-hans", yue: "zh-hant", th: "th" }; // by language code
/** Code points that a model reads before a place, and after it. */
export const CONTEXT = 3;
const MARGIN = 1_000; // a score must be so much higher if the text after a place is not all known
// [name, length, first code point from the place on]: UW1 is the third one before it
const FEATURES = [
  ...[-3, -2, -1, 0, 1, 2].map((from, n) => [`UW${n + 1}`, 1, from]),
  ...[-2, -1, 0].map((from, n) => [`BW${n + 1}`, 2, from]),
  ...[-3, -2, -1, 0].map((from, n) => [`TW${n + 1}`, 3, from]),
];

const loaded = new Map(); // model -> {weights, base}; a model that is not loaded yet forbids no break

/** weights: {feature: {characters: score}}. */
export function addModel(model, weights) {
  const scores = Object.values(weights).flatMap((feature) => Object.values(feature));
  loaded.set(model, { weights, base: -scores.reduce((sum, score) => sum + score, 0) / 2 });
}

/**
 * The offsets at which phrases begin in a text without spaces; null if nothing is known of the language.
 *
 * growing: whether more text follows: of the last places, only those where a phrase surely begins are returned
 */
export function phraseStarts(text, language, growing = false) {
  const model = Object.hasOwn(MODELS, language) ? loaded.get(MODELS[language]) : undefined;
  if (!model) return null;
  const chars = Array.from(text);
  const starts = new Set([0]);
  let offset = 0;
  for (const [n, char] of chars.entries()) {
    const needed = growing && n + CONTEXT > chars.length ? MARGIN : 0;
    if (n > 0 && model.base + score(model.weights, chars, n) > needed) starts.add(offset);
    offset += char.length;
  }
  return starts;
}

/** The sum of the features around the n-th character. Features that reach beyond the text count nothing. */
function score(weights, chars, n) {
  let sum = 0;
  for (const [name, length, from] of FEATURES) {
    const start = n + from;
    if (start < 0 || start + length > chars.length) continue;
    sum += weights[name]?.[chars.slice(start, start + length).join("")] ?? 0;
  }
  return sum;
}
