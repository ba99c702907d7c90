// Whether a sentence ends after a word. The rule and its tests are those of streamstt/text/sentences.py.

import { CLOSERS, firstOf, OPENING, SENTENCE_ENDS, strip } from "./characters.js";
import { isListed, words } from "./word_lists.js";

const OPENERS = new Set([...OPENING, ..."\"'-–—…"]);
const CLOSER = new Set(CLOSERS);
const KINDS = ["internal", "numbered", "final", "rarelyFinal"]; // of abbreviations
const DOTTED = /^[\p{L}\p{Nl}\p{No}](?:\.-?[\p{L}\p{Nl}\p{No}])+$/u; // U.S, z.B
const INITIAL = /^[\p{L}\p{N}_]\./u;
const ROMAN = /^(?!I$)[IVXLC]+$/u; // "I" is a pronoun

/**
 * Whether a sentence ends with the last of some words; null if that depends on the next word.
 *
 * words: whole words with their punctuation, at least one; two before the last are enough
 * following: the next word; null: not known
 */
export function endsSentence(before, following, language = "") {
  const word = withoutLast(strip(before.at(-1)), CLOSER);
  if (!word.endsWith(".") || word.endsWith("..")) {
    return endsWithAny(word, SENTENCE_ENDS) || (language === "el" && endsWithAny(word, ";\u037e"));
  }
  const next = following === null ? null : withoutFirst(strip(following), OPENERS);
  const core = withoutFirst(word.slice(0, -1), OPENERS);
  if (next && /\p{Nd}$/u.test(core) && /^\p{Nd}/u.test(next)) return false; // a number in groups
  const code = language || "en";
  const kind = classify(abbreviation(before, core, code), code);
  if (kind === "plain" || kind === "internal") return kind === "plain";
  return next === null ? null : endsBefore(next, kind, code);
}

/** What may be an abbreviation, with single letters before it: "p. m." is "p.m.", "m. in." is "m.in.". */
function abbreviation(before, last, language) {
  const core = last.split(/['’]/u).at(-1) || last; // an article before it, as in "l'ing."
  let joined = core;
  for (const word of before.slice(0, -1).reverse()) {
    const letter = withoutFirst(strip(word), OPENERS);
    if (!/^\p{L}\.$/u.test(letter)) break;
    joined = letter + joined;
  }
  const isWhole = isSingle(core) || lists(language).some(([entries]) => isEntry(joined, entries));
  return isWhole ? joined : core;
}

/** What kind of word is before the full stop. */
function classify(core, language) {
  const found = lists(language).find(([entries]) => isEntry(core, entries));
  if (found) return found[1];
  if (words("ordinalLanguages").has(language) && /^\p{Nd}{1,2}$/u.test(core)) {
    return language === "de" ? "rarelyFinal" : "final"; // German capitalizes nouns: what is counted
  }
  return isInitial(core, language) || DOTTED.test(core) ? "rarelyFinal" : "plain";
}

/** The lists of abbreviations of a language, and those of every language: [entries, kind]. */
function lists(language) {
  const codes = isListed("abbreviations", language) ? [language, ""] : [""];
  return codes.flatMap((code) => KINDS.map((kind) => [words("abbreviations", code, kind), kind]));
}

/** Whether a word is in a list, as it is written there or with more capital letters; a single letter only as it is. */
function isEntry(core, entries) {
  if (isSingle(core) || entries.has(core)) return entries.has(core);
  if (entries.has(core.toLowerCase())) return true;
  if (!core || !isUpper(firstOf(core))) return false;
  return entries.has(firstOf(core) + core.slice(firstOf(core).length).toLowerCase());
}

/** Whether a word is a single capital letter, which stands for a name; in English, "I" does not. */
function isInitial(core, language) {
  return isSingle(core) && isUpper(core) && !(core === "I" && language === "en");
}

/** Whether a sentence ends between an abbreviation and the next word, without opening punctuation. */
function endsBefore(following, kind, language) {
  if (!following || !isUpper(firstOf(following))) {
    return kind === "numbered" && following !== "" && !/^[\p{Nd}\p{Lowercase}]/u.test(following);
  }
  const bare = following.replace(/[^\p{L}\p{N}_]+$/u, "");
  if (kind === "numbered") return !ROMAN.test(bare);
  if (kind === "final") return !(bare.length > 1 && isAllUpper(bare)) && !words("afterTime").has(bare);
  return !INITIAL.test(following) && isStarter(bare, language);
}

/** Whether a capitalized word begins a sentence rather than being a name. */
function isStarter(word, language) {
  const starters = words("sentenceStarters", language);
  const small = word.toLowerCase().replaceAll("’", "'");
  return starters.has(small) || starters.has(small.split("'")[0]);
}

function isSingle(text) {
  return text !== "" && firstOf(text) === text;
}

function isUpper(char) {
  return /^\p{Uppercase}/u.test(char);
}

function isAllUpper(text) {
  return /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

function endsWithAny(text, signs) {
  return text !== "" && signs.includes(text.at(-1)); // each sign is one UTF-16 unit
}

function withoutFirst(text, chars) {
  let start = 0;
  while (start < text.length && chars.has(text[start])) start++;
  return text.slice(start);
}

function withoutLast(text, chars) {
  let end = text.length;
  while (end > 0 && chars.has(text[end - 1])) end--;
  return text.slice(0, end);
}
