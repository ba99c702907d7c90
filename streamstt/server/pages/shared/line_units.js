// Splits a text into units that no line break divides, and finds those that stay together on a line.

import {
  BREAKING_SPACE,
  CLAUSE_ENDS,
  CLOSING,
  columns,
  END_CLOSERS,
  firstOf,
  graphemes,
  lastOf,
  MARK,
  OPENING,
  SPACELESS,
} from "./characters.js";
import { CONTEXT, phraseStarts } from "./phrases.js";
import { words } from "./word_lists.js";

const NUMBER = /^[^\p{L}\p{N}_\p{White_Space}]*\p{Nd}(?:[\p{Nd}.,'’:/–-]*\p{Nd})?$/u;
const DIGIT_GROUP = /^\p{Nd}{3}(?!\p{Nd})/u; // "000" of "10 000"
const QUOTES = new Set("\"'");
/** Whether a sentence or clause ends with a text, if no abbreviation does. */
export const CLAUSE_END = new RegExp(`[${CLAUSE_ENDS}][${END_CLOSERS.replace("]", "\\]")}]*$`, "u");

/**
 * Splits a text into units: words, or in scripts without spaces characters with their signs.
 *
 * A unit: {text, start, end: offsets, spaced: whether a space is before it, tied: whether it stays on the line of the
 * unit before it}.
 */
export function splitUnits(text) {
  const units = [];
  for (const { word, start: wordStart } of splitWords(text)) {
    let start = wordStart;
    for (const [n, piece] of splitWord(word).entries()) {
      const spaced = n === 0;
      const tied = spaced && units.length > 0 && belongTogether(units.at(-1).text, piece);
      units.push({ text: piece, start, end: start + piece.length, spaced, tied });
      start += piece.length;
    }
  }
  return units;
}

/** Splits units that are longer than a line. fits(text): whether a line has room for it in pixels. */
export function splitToFit(units, limit, fits) {
  return units.flatMap((unit) => {
    if (columns(unit.text) <= limit && fits(unit.text)) return [unit];
    const pieces = [""];
    for (const character of graphemes(unit.text)) {
      const longer = pieces.at(-1) + character;
      if (pieces.at(-1) && (columns(longer) > limit || !fits(longer))) pieces.push(character);
      else pieces[pieces.length - 1] = longer;
    }
    let start = unit.start;
    return pieces.map((text, n) => {
      const first = n === 0;
      const piece = { text, start, end: start + text.length, spaced: first && unit.spaced, tied: first && unit.tied };
      start = piece.end;
      return piece;
    });
  });
}

/**
 * The offsets at which words begin in scripts without spaces; null if nothing is known of the language.
 *
 * from: the offset from which on they are wanted
 * sure: whether only those are wanted that are words however the text goes on
 */
export function wordStarts(text, language, { from = 0, sure = false } = {}) {
  const before = Array.from(text.slice(Math.max(0, from - 2 * CONTEXT), from)).slice(-CONTEXT);
  const begin = from - before.join("").length;
  const found = new Set();
  for (const { word, start } of splitWords(text.slice(begin))) {
    const starts = phraseStarts(word, language, sure && begin + start + word.length === text.length);
    if (!starts) return null;
    for (const offset of starts) found.add(begin + start + offset);
  }
  return found;
}

/** Whether a word begins with a unit; in scripts without spaces, one does after a clause in any case. */
export function startsWord(units, n, starts) {
  const unit = units[n];
  return unit.spaced || !starts || starts.has(unit.start) || CLAUSE_END.test(units[n - 1].text);
}

/** A word without punctuation around it, in lower case. */
export function bareWord(word) {
  return word.toLowerCase().replace(/^[^\p{L}\p{N}_]+|[^\p{L}\p{N}_]+$/gu, "");
}

/** The parts of a text between spaces at which a line may end. */
function splitWords(text) {
  const found = [];
  let start = 0;
  for (const part of text.split(BREAKING_SPACE)) {
    if (part) found.push({ word: part, start: text.indexOf(part, start) });
    start = part ? found.at(-1).start + part.length : start;
  }
  return found;
}

/** Splits a word at each place where a script without spaces can be broken. */
function splitWord(word) {
  const pieces = [""];
  let spaceless = false; // the last character, or a sign that belongs to it, is of a script without spaces
  for (const character of graphemes(word)) {
    const piece = pieces.at(-1);
    const own = SPACELESS.test(firstOf(character));
    const splits = piece && (spaceless || own) && canSplit(piece, character);
    if (splits) pieces.push(character);
    else pieces[pieces.length - 1] += character;
    spaceless = own || (spaceless && !splits);
  }
  return pieces;
}

/** Whether a script without spaces can be broken between the two. */
function canSplit(piece, character) {
  const first = firstOf(character);
  if (MARK.test(first) || CLOSING.has(first) || OPENING.has(lastOf(piece))) return false;
  return !(words("counters").has(character) && /\p{Nd}/u.test(piece));
}

/** A number and its next group or unit, a title and its name, punctuation after a space as in French. */
function belongTogether(first, second) {
  if (Array.from(second).every((char) => CLOSING.has(char))) return true;
  const units = words("units");
  if (NUMBER.test(first) || words("numerals").has(first.toLowerCase())) {
    return DIGIT_GROUP.test(second) || units.has(second.toLowerCase()) || units.has(bareWord(second));
  }
  const title = withoutOpening(first);
  return words("titles").has(title.replace(/\.$/u, "")) || words("dottedTitles").has(title);
}

function withoutOpening(word) {
  const chars = Array.from(word);
  const first = chars.findIndex((char) => !OPENING.has(char) && !QUOTES.has(char));
  return first < 0 ? "" : chars.slice(first).join("");
}
