// Splits a text into units that no line break divides, and finds those that stay together on a line.

import { CLOSING, columns, graphemes, MARK, OPENING, SPACELESS } from "./characters.js";
import { COUNTERS, DOTTED_TITLES, NUMERALS, TITLES, UNITS } from "./line_break_data.js";
import { phraseStarts } from "./phrases.js";

const NUMBER = /^[^\p{L}\p{N}_\s]*\p{Nd}(?:[\p{Nd}.,'’:/–-]*\p{Nd})?$/u;
const DIGIT_GROUP = /^\p{Nd}{3}(?!\p{Nd})/u; // "000" of "10 000"
export const SENTENCE_END = /[.?!…؟۔।。？！．｡][)\]}）］｝〕〉》」』】〙〗’”»›'"]*$/u;
export const CLAUSE_END = /[.?!…,;:،؛؟۔।。？！、，；：．｡､][)\]}）］｝〕〉》」』】〙〗’”»›'"]*$/u;

/**
 * Splits a text into units: words, or in scripts without spaces characters with their signs.
 *
 * A unit: {text, start, end: offsets, spaced: whether a space is before it, tied: whether it stays on the line of the
 * unit before it}.
 */
export function splitUnits(text, language) {
  const units = [];
  for (const { 0: word, index } of text.matchAll(/(?:\S|[\u00a0\u2007\u202f])+/gu)) {
    const pieces = splitWord(word);
    const starts = pieces.length > 1 ? phraseStarts(word, language) : null;
    let offset = 0;
    for (const [n, piece] of pieces.entries()) {
      const start = index + offset;
      const spaced = n === 0;
      const previous = units.at(-1)?.text ?? "";
      const tied = spaced ? belongTogether(previous, piece) : inPhrase(starts, offset, previous);
      units.push({ text: piece, start, end: start + piece.length, spaced, tied: units.length > 0 && tied });
      offset += piece.length;
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

/** A word without punctuation around it, in lower case. */
export function bareWord(word) {
  return word.toLowerCase().replace(/^[^\p{L}\p{N}_]+|[^\p{L}\p{N}_]+$/gu, "");
}

/** Splits a word at each place where a script without spaces can be broken. */
function splitWord(word) {
  const pieces = [""];
  let spaceless = false; // the last character, or a sign that belongs to it, is of a script without spaces
  for (const character of graphemes(word)) {
    const piece = pieces.at(-1);
    let atSpaceless = spaceless || SPACELESS.test(character);
    if (piece && atSpaceless && canSplit(piece, character)) {
      pieces.push(character);
      atSpaceless = SPACELESS.test(character);
    } else {
      pieces[pieces.length - 1] += character;
    }
    spaceless = atSpaceless;
  }
  return pieces;
}

/** Whether a script without spaces can be broken between the two. */
function canSplit(piece, character) {
  const [first] = character;
  if (MARK.test(first) || CLOSING.has(first) || OPENING.has(Array.from(piece).at(-1))) return false;
  return !(COUNTERS.has(character) && /\p{Nd}/u.test(piece));
}

/** Whether a place in a text without spaces is within a phrase. A clause ends one in any case. */
function inPhrase(starts, offset, previous) {
  return starts !== null && !starts.has(offset) && !CLAUSE_END.test(previous);
}

/** A number and its next group or unit, a title and its name, punctuation after a space as in French. */
function belongTogether(first, second) {
  if (Array.from(second).every((char) => CLOSING.has(char))) return true;
  if (NUMBER.test(first) || NUMERALS.has(first.toLowerCase())) {
    return DIGIT_GROUP.test(second) || UNITS.has(second.toLowerCase()) || UNITS.has(bareWord(second));
  }
  const title = withoutOpening(first);
  return TITLES.has(title.replace(/\.$/u, "")) || DOTTED_TITLES.has(title);
}

function withoutOpening(word) {
  const chars = Array.from(word);
  const first = chars.findIndex((char) => !OPENING.has(char) && char !== '"' && char !== "'");
  return chars.slice(Math.max(0, first)).join("");
}
