// Where phrases begin in scripts without spaces: BudouX (https://github.com/google/budoux), with its own models. The
// server has the same models from the Python package, so that files and pages are broken alike.

const MODELS = { ja: "ja", zh: "zh-hans", yue: "zh-hant", th: "th" }; // by language code
const TIMEOUT_MS = 3_000; // captions matter more than the places of their breaks

const loaded = new Map(); // model -> {weights, base}; a model that is not loaded yet forbids no break

/** Loads all models, or returns without those that do not arrive in time. */
export async function loadPhrases() {
  const loads = Object.values(MODELS).map(async (model) => {
    const response = await fetch(new URL(`phrases/${model}.json`, import.meta.url));
    if (response.ok) addModel(model, await response.json());
  });
  const timeout = new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS));
  await Promise.race([Promise.allSettled(loads), timeout]);
}

/** weights: {feature: {characters: score}}. */
export function addModel(model, weights) {
  const scores = Object.values(weights).flatMap((feature) => Object.values(feature));
  loaded.set(model, { weights, base: -scores.reduce((sum, score) => sum + score, 0) / 2 });
}

/** The offsets at which phrases begin in a text without spaces; null if nothing is known of the language. */
export function phraseStarts(text, language) {
  const model = Object.hasOwn(MODELS, language) ? loaded.get(MODELS[language]) : undefined;
  if (!model) return null;
  const chars = Array.from(text);
  const starts = new Set([0]);
  let offset = 0;
  for (const [n, char] of chars.entries()) {
    if (n > 0 && model.base + score(model.weights, chars, n) > 0) starts.add(offset);
    offset += char.length;
  }
  return starts;
}

/** The sum of the features around the n-th character. Features that reach beyond the text count nothing. */
function score(weights, chars, n) {
  let sum = 0;
  const add = (kind, length, first) => {
    for (const [index, from] of first.entries()) {
      const start = n + from;
      if (start < 0 || start + length > chars.length) continue;
      sum += weights[`${kind}${index + 1}`]?.[chars.slice(start, start + length).join("")] ?? 0;
    }
  };
  add("UW", 1, [-3, -2, -1, 0, 1, 2]);
  add("BW", 2, [-2, -1, 0]);
  add("TW", 3, [-3, -2, -1, 0]);
  return sum;
}
