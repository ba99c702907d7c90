// Lists of words that decide where sentences end and lines may be broken. The server has them for its own rules, and
// gives them to the page; until then they are empty: any full stop ends a sentence, and all words are alike.

const NONE = new Set();
let lists = {}; // name -> set of words; or name -> language -> set of words, or kind -> set of words

/** json: as from streamstt/text/word_lists.py. */
export function setWordLists(json) {
  lists = toSets(json);
}

/** The words of a list; keys: further names, such as the language. */
export function words(name, ...keys) {
  let found = lists;
  for (const key of [name, ...keys]) {
    if (!Object.hasOwn(found, key)) return NONE;
    found = found[key];
  }
  return found;
}

/** Whether there are lists of a language under this name. */
export function isListed(name, language) {
  return Object.hasOwn(lists, name) && Object.hasOwn(lists[name], language);
}

function toSets(value) {
  if (Array.isArray(value)) return new Set(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toSets(inner)]));
}
