// Whether a sentence ends after a word. The rule and its tests are those of streamstt/text/sentences.py.

import { END_CLOSERS, firstOf, OPENING, SENTENCE_ENDS, strip } from "./characters.js";
import { isListed, words } from "./word_lists.js";

const OPENERS = new Set([...OPENING, ..."\"'-–—…»›”’"]); // »so« is a quotation, too
const CLOSERS = new Set(END_CLOSERS);
const KINDS = ["internal", "numbered", "final", "rarelyFinal"]; // of abbreviations
const DOTTED = /^[\p{L}\p{Nl}\p{No}](?:\.-?[\p{L}\p{Nl}\p{No}])+$/u; // U.S, z.B
const ELISION = /['’](?!(?:s|t|d|m|n|ll)$)/u; // an article, as in "l'ing.", but not "John's."
const INITIAL = /^[\p{L}\p{N}_]\./u;
const ROMAN = /^(?!I$)[IVXLC]+$/u; // "I" is a pronoun
const INTERJECTION = /^(?:hm+|mm+|shh+|ps+t)$/iu;

/**
 * Whether a sentence ends with the last of some words; null if that depends on the next word.
 *
 * words: whole words with their punctuation, at least one; two before the last are enough
 * following: the next word; null: not known
 */
export function endsSentence(before, following, language = "") {
  const word = withoutLast(strip(before.at(-1)), CLOSERS);
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
  const core = last.split(ELISION).at(-1) || last;
  let joined = core;
  for (const word of before.slice(0, -1).reverse()) {
    const letter = withoutFirst(strip(word), OPENERS);
    if (!/^\p{L}\.$/u.test(letter)) break;
    joined = letter + joined;
  }
  return isSingle(core) || listedKind(joined, language) ? joined : core;
}

/** What kind of word is before the full stop. */
function classify(core, language) {
  const last = core.split("-").at(-1); // of a compound, as in "Dipl.-Ing." and "Jean-P."
  const kind = listedKind(core, language) || listedKind(last, language);
  if (kind) return kind;
  if (isInitial(last, language) || DOTTED.test(core)) return "rarelyFinal";
  const isOpen = isOrdinal(core, language) || isWithoutVowels(last);
  if (isOpen) return language === "de" ? "rarelyFinal" : "final"; // German capitalizes nouns, too
  return "plain";
}

/**
 * The kind of an abbreviation that is listed as it is written, or else with fewer capital letters. A single letter must
 * be written the same: "p. 5" is a page, "P. Smith" a name.
 */
function listedKind(core, language) {
  const forms = [core];
  if (core && !isSingle(core)) {
    const first = firstOf(core);
    forms.push(core.toLowerCase());
    if (isUpper(first)) forms.push(first + core.slice(first.length).toLowerCase());
  }
  for (const code of isListed("abbreviations", language) ? [language, ""] : [""]) {
    for (const form of forms) {
      const kind = KINDS.find((name) => words("abbreviations", code, name).has(form));
      if (kind) return kind;
    }
  }
  return "";
}

/**
 * Whether a word is a single letter that stands for a longer one: a capital letter, but not "I" in English; and in
 * other languages also a small consonant, as in "5 h.".
 */
function isInitial(word, language) {
  if (!isSingle(word)) return false;
  if (language === "en") return isUpper(word) && word !== "I";
  return isUpper(word) || words("consonants").has(word);
}

/** Whether a full stop makes a number ordinal: "3. Mai", "Felipe VI.". */
function isOrdinal(core, language) {
  return ROMAN.test(core) || (words("ordinalLanguages").has(language) && /^\p{Nd}{1,2}$/u.test(core));
}

/** Whether a word can be read only as an abbreviation, such as "kg" or "bzgl"; of capitals it is a name. */
function isWithoutVowels(word) {
  if (!word || isSingle(word) || isAllUpper(word) || INTERJECTION.test(word)) return false;
  return Array.from(word.toLowerCase()).every((letter) => words("consonants").has(letter));
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
