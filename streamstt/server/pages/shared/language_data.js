// What the page needs to know of languages, from the server: it has the same for files, so that files and pages are
// broken alike.

import { addModel, MODELS } from "./phrases.js";
import { setWordLists } from "./word_lists.js";

const TIMEOUT_MS = 3_000; // captions matter more than the places of their breaks

/** Loads everything, or returns without what does not arrive in time. */
export async function loadLanguageData() {
  const loads = [
    load("word_lists.json", setWordLists),
    ...Object.values(MODELS).map((model) => load(`phrases/${model}.json`, (weights) => addModel(model, weights))),
  ];
  const timeout = new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS));
  await Promise.race([Promise.allSettled(loads), timeout]);
}

async function load(file, use) {
  const response = await fetch(new URL(file, import.meta.url));
  if (response.ok) use(await response.json());
}
