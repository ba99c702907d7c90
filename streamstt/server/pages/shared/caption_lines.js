// Breaks captions into lines, by phrase where possible. The rules and their tests are those of
// streamstt/text/line_breaking.py. Here a break is an offset in the text, and words on the screen stay where they are.

import { columns, SPACELESS } from "./characters.js";
import { OPENERS } from "./line_break_data.js";
import { bareWord, CLAUSE_END, SENTENCE_END, splitToFit, splitUnits } from "./line_units.js";

const SPACE = /[^\S\u00a0\u2007\u202f]+/u; // without the spaces at which no line may end
const GROWTH = 8; // columns: characters by which the last phrase of a text without spaces usually still grows
const HANGING = 3; // columns: so far, punctuation that is added later may exceed the limit

/** Breaks a complete text into lines without space around them. capacity(n): {limit, fits} of line n, see nextBreak. */
export function breakLines(text, capacity, language = "") {
  const lines = [];
  const spaced = text.trim().split(SPACE).join(" ");
  for (let from = 0; from < spaced.length; ) {
    const next = nextBreak(spaced, { ...capacity(lines.length), from, language }) || spaced.length;
    lines.push(spaced.slice(from, next).trim());
    from = next;
  }
  return lines;
}

/**
 * The end of the last complete phrase: a sentence, or a clause of at least half a line, that is followed by something.
 * 0 if there is none.
 */
export function phraseEnd(text, limit, language = "") {
  const units = splitUnits(text, language);
  const ends = units.slice(0, -1).filter((unit, n) => {
    if (units[n + 1].tied) return false;
    if (SENTENCE_END.test(unit.text)) return true;
    return CLAUSE_END.test(unit.text) && 2 * columns(text.slice(0, unit.end)) >= limit;
  });
  return ends.at(-1)?.end ?? 0;
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
  const { from = 0, limit, fits = () => true, language = "", kept = 0, sentences = false, growing = false } = options;
  const units = splitToFit(unitsFrom(splitUnits(text, language), from), limit, fits);
  const openers = Object.hasOwn(OPENERS, language) ? OPENERS[language] : new Set();
  const count = firstLineUnits(text, units, { limit, openers, kept, fits, sentences, growing });
  return count < units.length ? units[count].start : 0;
}

/** The units from an offset on; it may be within one. */
function unitsFrom(units, from) {
  return units
    .filter((unit) => unit.end > from)
    .map((unit) => (unit.start < from ? { ...unit, text: unit.text.slice(from - unit.start), start: from } : unit));
}

/** How many units the first line has. */
function firstLineUnits(text, units, { limit, openers, kept, fits, sentences, growing }) {
  const { widths, full } = fillLine(text, units, { limit, kept, fits });
  const most = full ? widths.length - 1 : units.length; // the first that does not fit begins the next line
  const movable = range(1, most).filter((n) => n === most || units[n - 1].end >= kept);
  const breaks = movable.filter((n) => n < units.length && !units[n].tied);
  const late = breaks.filter((n) => 2 * widths[n] >= limit); // in the second half of the line
  if (!full) {
    const ends = late.filter((n) => sentences && SENTENCE_END.test(units[n - 1].text));
    return ends.at(-1) ?? ((growing && roomToGrow(units, widths, { limit, kept })) || units.length);
  }
  const clauses = late.filter((n) => CLAUSE_END.test(units[n - 1].text));
  const phrases = late.filter((n) => isOpener(units[n], openers) && !isOpener(units[n - 1], openers));
  const spaces = movable.filter((n) => units[n].spaced);
  return [clauses, phrases, breaks, spaces, [most]].find((places) => places.length).at(-1);
}

/** widths[n]: columns of the first n units, of those that fit; full: whether there are more. */
function fillLine(text, units, { limit, kept, fits }) {
  const widths = [0];
  for (const [n, unit] of units.entries()) {
    const width = widths[n] + (n > 0 && unit.spaced ? 1 : 0) + columns(unit.text);
    const shown = unit.start < kept;
    // A character without room for a full stop after it would have to move with it.
    const line = text.slice(units[0].start, unit.end);
    const hasRoom = fits(line, shown) && (shown || !SPACELESS.test(unit.text.at(-1)) || fits(`${line}。`, true));
    if (n > 0 && (width > limit + (shown ? HANGING : 0) || !hasRoom)) return { widths, full: true };
    widths.push(width);
  }
  return { widths, full: false };
}

/** Where to break a line to which a phrase was added at the end that may outgrow it; 0: nowhere. */
function roomToGrow(units, widths, { limit, kept }) {
  const last = units.at(-1);
  if (!last || !SPACELESS.test(last.text) || CLAUSE_END.test(last.text)) return 0;
  const phrase = units.findLastIndex((unit) => !unit.tied);
  const isNew = phrase > 0 && units[phrase].start >= kept;
  return isNew && widths.at(-1) + Math.min(GROWTH, limit / 4) > limit ? phrase : 0;
}

function isOpener(unit, openers) {
  return openers.has(bareWord(unit.text));
}

function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
}
