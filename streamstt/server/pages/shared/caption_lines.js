// Breaks captions into lines, by phrase where possible. The rules and their tests are those of
// streamstt/text/line_breaking.py. Here a break is an offset in the text, and words on the screen stay where they are.

import { COUNTERS, DOTTED_TITLES, NUMERALS, OPENERS, TITLES, UNITS } from "./line_break_data.js";

const WIDE = charClass(
  String.raw`\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60` +
    String.raw`\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}`,
);
const SPACELESS = charClass(
  String.raw`\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u3029\u3030-\u312f\u31a0-\u4dbf\u4e00-\ua4cf` +
    String.raw`\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff65\u{20000}-\u{3fffd}`,
);
const MARK = /[\p{M}\p{Cf}]/u;
const CLOSING = new Set(
  ".?!…,;:،؛؟۔।。？！、，；：．｡､)]}）］｝〕〉》」』】〙〗’”»›'\"ー々ゝヽぁぃぅぇぉっゃゅょァィゥェォッャュョ・％%ๆฯะาำๅະາຳ",
);
const OPENING = new Set("([{（［｛〔〈《「『【〘〖‘“«‹¿¡เแโใไເແໂໃໄ");
const CLAUSE_END = /[.?!…,;:،؛؟۔।。？！、，；：．｡､][)\]}）］｝〕〉》」』】〙〗’”»›'"]*$/u;
const SENTENCE_END = /[.?!…؟۔।。？！．｡][)\]}）］｝〕〉》」』】〙〗’”»›'"]*$/u;
const NUMBER = /^[^\p{L}\p{N}_\s]*\p{Nd}(?:[\p{Nd}.,'’:/–-]*\p{Nd})?$/u;
const SPACE = /[^\S\u00a0\u2007\u202f]+/u; // without the spaces at which no line may end
const DIGIT_GROUP = /^\p{Nd}{3}(?!\p{Nd})/u; // "000" of "10 000"

/** The width of a text in narrow characters: wide characters count two, marks on a letter none. */
export function columns(text) {
  let sum = 0;
  for (const char of text) sum += WIDE.test(char) ? 2 : MARK.test(char) ? 0 : 1;
  return sum;
}

/** Breaks a complete text into lines without space around them. capacity(n): {limit, fits} of line n, see nextBreak. */
export function breakLines(text, capacity, language = "") {
  const lines = [];
  const spaced = text.trim().split(SPACE).join(" ");
  for (let start = 0; start < spaced.length; ) {
    const rest = spaced.slice(start);
    const length = nextBreak(rest, { ...capacity(lines.length), language }) || rest.length;
    lines.push(rest.slice(0, length).trim());
    start += length;
  }
  return lines;
}

/**
 * The end of the last complete phrase: a sentence, or a clause of at least half a line, that is followed by something.
 * 0 if there is none.
 */
export function phraseEnd(text, limit) {
  const units = markTied(splitUnits(text));
  const ends = units.slice(0, -1).filter((unit, n) => {
    if (units[n + 1].tied) return false;
    if (SENTENCE_END.test(unit.text)) return true;
    return CLAUSE_END.test(unit.text) && 2 * columns(text.slice(0, unit.end)) >= limit;
  });
  return ends.at(-1)?.end ?? 0;
}

/** The length of the common beginning in whole words. A longer word is another word; added punctuation is not. */
export function commonLength(before, after) {
  let length = 0;
  while (length < before.length && before[length] === after[length]) length++;
  const inWord = (at) => /[\p{L}\p{M}\p{N}]/u.test(after.slice(at, at + 1)) && !SPACELESS.test(after[at]);
  if (length && length < after.length && inWord(length) && inWord(length - 1)) {
    while (length && inWord(length - 1)) length--;
  }
  const low = after.charCodeAt(length);
  return low >= 0xdc00 && low < 0xe000 ? length - 1 : length; // not between the two halves of a surrogate pair
}

/**
 * Where the second line of a text begins, as an offset; 0 if one line is enough.
 *
 * limit: width of the line in narrow characters
 * language: code
 * kept: words up to this offset are on the screen, and stay on the line
 * fits(line): whether the line also has room in pixels
 * sentences: whether a sentence ends a line that is at least half full even if the next word would still fit, so that
 *   this word need not move later
 */
export function nextBreak(text, { limit, language = "", kept = 0, fits = () => true, sentences = false }) {
  const units = markTied(splitUnits(text)).flatMap((unit) => splitToFit(unit, limit, fits));
  const openers = Object.hasOwn(OPENERS, language) ? OPENERS[language] : new Set();
  const count = firstLineUnits(text, units, { limit, openers, kept, fits, sentences });
  return count < units.length ? units[count].start : 0;
}

/** How many units the first line has. */
function firstLineUnits(text, units, { limit, openers, kept, fits, sentences }) {
  const widths = [0]; // widths[n]: of the first n units
  let full = false;
  for (const [n, unit] of units.entries()) {
    widths.push(widths[n] + (n > 0 && unit.spaced ? 1 : 0) + columns(unit.text));
    // A word on the screen stays, even if a comma after it exceeds the line.
    full = unit.start >= kept && (widths[n + 1] > limit || (n > 0 && !fits(text.slice(units[0].start, unit.end))));
    if (full) break;
  }
  const most = full ? Math.max(1, widths.length - 2) : units.length; // the first that does not fit begins the next line
  const movable = range(1, most).filter((n) => n === most || units[n - 1].end >= kept);
  const breaks = movable.filter((n) => n < units.length && !units[n].tied);
  const late = breaks.filter((n) => 2 * widths[n] >= limit); // in the second half of the line
  if (!full) {
    const ends = late.filter((n) => sentences && SENTENCE_END.test(units[n - 1].text));
    return ends.at(-1) ?? units.length;
  }
  const clauses = late.filter((n) => CLAUSE_END.test(units[n - 1].text));
  const phrases = late.filter((n) => isOpener(units[n], openers) && !isOpener(units[n - 1], openers));
  const spaces = movable.filter((n) => units[n].spaced);
  return [clauses, phrases, breaks, spaces, [most]].find((places) => places.length).at(-1);
}

function isOpener(unit, openers) {
  return openers.has(bareWord(unit.text));
}

/** Splits a text into units that are not broken: words, or in scripts without spaces characters with their signs. */
function splitUnits(text) {
  const units = [];
  for (const { 0: word, index } of text.matchAll(/(?:\S|[\u00a0\u2007\u202f])+/gu)) {
    let piece = "";
    let start = index;
    let spaceless = false; // the last character, or a sign that belongs to it, is of a script without spaces
    for (const char of word) {
      let atSpaceless = spaceless || SPACELESS.test(char);
      if (piece && atSpaceless && canSplit(piece, char)) {
        units.push({ text: piece, start, end: start + piece.length, spaced: start === index });
        start += piece.length;
        piece = "";
        atSpaceless = SPACELESS.test(char);
      }
      piece += char;
      spaceless = atSpaceless;
    }
    units.push({ text: piece, start, end: start + piece.length, spaced: start === index });
  }
  return units;
}

/** Whether a script without spaces can be broken between the two. */
function canSplit(piece, char) {
  const last = Array.from(piece).at(-1);
  if (MARK.test(char) || CLOSING.has(char) || OPENING.has(last) || last === "\u200d") return false;
  return !(COUNTERS.has(char) && /\p{Nd}/u.test(piece));
}

/** Marks units that stay on one line with the unit before. */
function markTied(units) {
  return units.map((unit, n) => ({
    ...unit,
    tied: n > 0 && unit.spaced && belongTogether(units[n - 1].text, unit.text),
  }));
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

/** Splits a unit that is longer than a line. Marks stay with their letter. */
function splitToFit(unit, limit, fits) {
  if (columns(unit.text) <= limit && fits(unit.text)) return [unit];
  const pieces = [""];
  for (const char of unit.text) {
    const longer = pieces.at(-1) + char;
    if (pieces.at(-1) && !MARK.test(char) && (columns(longer) > limit || !fits(longer))) pieces.push(char);
    else pieces[pieces.length - 1] = longer;
  }
  let start = unit.start;
  return pieces.map((text, n) => {
    const piece = { text, start, end: start + text.length, spaced: n === 0 && unit.spaced, tied: n === 0 && unit.tied };
    start = piece.end;
    return piece;
  });
}

/** A word without punctuation around it, in lower case. */
function bareWord(word) {
  return word.toLowerCase().replace(/^[^\p{L}\p{N}_]+|[^\p{L}\p{N}_]+$/gu, "");
}

function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
}

function charClass(ranges) {
  return new RegExp(`[${ranges}]`, "u");
}
