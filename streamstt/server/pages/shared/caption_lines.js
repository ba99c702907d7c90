// Breaks captions into lines, by phrase where possible. The rules and their tests are those of
// streamstt/text/line_breaking.py. Here a break is an offset in the text, and words on the screen stay where they are.

import { BREAKING_SPACE, columns, END_CLOSERS, firstOf, lastOf, SPACELESS } from "./characters.js";
import { bareWord, CLAUSE_END, splitToFit, splitUnits, startsWord, wordStarts } from "./line_units.js";
import { endsSentence } from "./sentences.js";
import { words } from "./word_lists.js";

const GROWTH = 8; // columns: characters by which the last phrase of a text without spaces usually still grows
const FULL_STOP = new RegExp(`\\.[${END_CLOSERS.replace("]", "\\]")}]*$`, "u");
const HANGING = 3; // columns: so far, punctuation that is added later may exceed the limit

/** Breaks a complete text into lines without space around them. capacity(n): {limit, fits} of line n, see nextBreak. */
export function breakLines(text, capacity, language = "") {
  const lines = [];
  const spaced = text.split(BREAKING_SPACE).filter(Boolean).join(" ");
  const units = splitUnits(spaced);
  for (let from = 0; from < spaced.length; ) {
    const next = breakAfter(spaced, units, { ...capacity(lines.length), from, language }) || spaced.length;
    lines.push(spaced.slice(from, next).replace(/ $/u, ""));
    from = next;
  }
  return lines;
}

/**
 * The end of the last complete phrase: a sentence, or a clause of at least half a line, that is followed by something.
 * 0 if there is none.
 */
export function phraseEnd(text, limit, language = "") {
  const units = splitUnits(text);
  const starts = wordStarts(text, language);
  const ends = range(1, units.length - 1).filter((n) => {
    if (units[n].tied || !startsWord(units, n, starts)) return false;
    if (sentenceEnds(units, n, language)) return true;
    return clauseEnds(units, n, language) && 2 * columns(text.slice(0, units[n - 1].end)) >= limit;
  });
  return ends.length ? units[ends.at(-1) - 1].end : 0;
}

/**
 * Where the line after a line of a text begins, as an offset; 0 if the rest of the text fits on the line.
 *
 * from: where the line begins
 * limit: width of the line in narrow characters
 * fits(line, shown): whether the line also has room in pixels; `shown`: it is on the screen already
 * language: code
 * kept: words up to this offset are on the screen, and stay on the line as far as it has room for them
 * sentences: whether a sentence ends a line that is at least half full even if the next word would still fit
 * growing: whether the text still grows. In scripts without spaces a new phrase at the end then gets room, so that it
 *   need not be broken or moved later
 */
export function nextBreak(text, options) {
  return breakAfter(text, splitUnits(text), options);
}

/** The same, for the units of the text. */
function breakAfter(text, allUnits, options) {
  const { from = 0, limit, fits = () => true } = options;
  const units = splitToFit(unitsFrom(allUnits, from), limit, fits);
  const count = firstLineUnits(text, units, { language: "", kept: 0, fits, ...options });
  return count < units.length ? units[count].start : 0;
}

/** The units from an offset on; it may be within one. */
function unitsFrom(units, from) {
  return units
    .filter((unit) => unit.end > from)
    .map((unit) => (unit.start < from ? { ...unit, text: unit.text.slice(from - unit.start), start: from } : unit));
}

/** How many units the first line has. */
function firstLineUnits(text, units, options) {
  const { limit, language, kept, sentences, growing } = options;
  const { widths, full } = fillLine(text, units, options);
  const most = full ? widths.length - 1 : units.length; // the first that does not fit begins the next line
  const movable = range(1, most).filter((n) => n === most || units[n - 1].end >= kept);
  const places = movable.filter((n) => n < units.length && !units[n].tied);
  // Of what follows a full line, the first character will not change when the text grows.
  const known = full ? units[most].start + firstOf(units[most].text).length : text.length;
  const before = wordPlaces(text.slice(0, known), units, places, { language, sure: full });
  const late = before.filter((n) => 2 * widths[n] >= limit); // in the second half of the line
  if (!full) {
    const ends = late.filter((n) => sentences && sentenceEnds(units, n, language));
    return (
      ends.at(-1) ?? ((growing && roomToGrow(units, widths, { limit, kept, phrase: before.at(-1) })) || units.length)
    );
  }
  const clauses = late.filter((n) => clauseEnds(units, n, language));
  const phrases = late.filter((n) => startsPhrase(units, n, language));
  const spaces = movable.filter((n) => units[n].spaced);
  return [clauses, phrases, late, before, places, spaces, [most]].find((found) => found.length).at(-1);
}

/** widths[n]: columns of the first n units, of those that fit; full: whether there are more. */
function fillLine(text, units, { limit, kept, fits }) {
  const widths = [0];
  for (const [n, unit] of units.entries()) {
    const width = widths[n] + (n > 0 && unit.spaced ? 1 : 0) + columns(unit.text);
    const shown = unit.start < kept;
    // A character without room for a full stop after it would have to move with it.
    const line = text.slice(units[0].start, unit.end);
    const hasRoom = fits(line, shown) && (shown || !SPACELESS.test(lastOf(unit.text)) || fits(`${line}。`, true));
    if (n > 0 && (width > limit + (shown ? HANGING : 0) || !hasRoom)) return { widths, full: true };
    widths.push(width);
  }
  return { widths, full: false };
}

/** The places before a word; if none is sure, those that may be. */
function wordPlaces(text, units, places, { language, sure }) {
  const from = units[0]?.start ?? 0;
  const starts = wordStarts(text, language, { from, sure });
  const found = places.filter((n) => startsWord(units, n, starts));
  return found.length || !sure ? found : wordPlaces(text, units, places, { language, sure: false });
}

/** Where to break a line to which a phrase was added at the end that may outgrow it; 0: nowhere. */
function roomToGrow(units, widths, { limit, kept, phrase }) {
  const last = units.at(-1);
  if (!last || !SPACELESS.test(lastOf(last.text)) || CLAUSE_END.test(last.text)) return 0;
  const isNew = phrase && units[phrase].start >= kept;
  return isNew && widths.at(-1) + Math.min(GROWTH, limit / 4) > limit ? phrase : 0;
}

/** Whether a sentence ends before the n-th unit. */
function sentenceEnds(units, n, language) {
  const before = units.slice(Math.max(0, n - 3), n).map(({ text }) => text);
  return endsSentence(before, units[n].text, language) === true;
}

/** Whether a sentence or clause ends before the n-th unit; after an abbreviation none does. */
function clauseEnds(units, n, language) {
  const { text } = units[n - 1];
  return CLAUSE_END.test(text) && (!FULL_STOP.test(text) || sentenceEnds(units, n, language));
}

/** Whether the n-th unit is a conjunction or preposition and the one before it is not. */
function startsPhrase(units, n, language) {
  const openers = words("phraseOpeners", language);
  return openers.has(bareWord(units[n].text)) && !openers.has(bareWord(units[n - 1].text));
}

function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
}
