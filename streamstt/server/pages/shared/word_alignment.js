// Finds the words of a text again in its next revision.

import { graphemes, SPACELESS } from "./characters.js";
import { bareWord } from "./line_units.js";

const MAX_PAIRS = 250_000; // some hundred words in each; of longer texts only the common beginning is found

/**
 * Splits a text into words, and in scripts without spaces into characters: {key, start, end}. Punctuation is part of
 * the word before it.
 */
export function splitWords(text) {
  const words = [];
  for (const { 0: spaced, index } of text.matchAll(/\S+/gu)) {
    let start = index;
    for (const part of divide(spaced)) {
      const end = start + part.length;
      if (words.length && /^\p{P}+$/u.test(part)) words.at(-1).end = end;
      else words.push({ key: bareWord(part) || part, start, end });
      start = end;
    }
  }
  return words;
}

/** Divides a word where a character of a script without spaces begins or ends. */
function divide(word) {
  if (!SPACELESS.test(word)) return [word];
  const parts = [];
  let joined = false; // whether the last part may grow
  for (const character of graphemes(word)) {
    const single = SPACELESS.test(character);
    if (joined && !single) parts[parts.length - 1] += character;
    else parts.push(character);
    joined = !single;
  }
  return parts;
}

/**
 * For each word before: the index of the same word after, or -1. As many as possible are found, in order, as early as
 * possible. A longer word is another word; added punctuation and capitals make no difference.
 */
export function alignWords(before, after) {
  let common = 0;
  while (common < before.length && common < after.length && before[common].key === after[common].key) common++;
  const matches = before.map((_, n) => (n < common ? n : -1));
  const [rows, places] = [before.length - common, after.length - common];
  if (!rows || !places || rows * places > MAX_PAIRS) return matches;
  const same = (row, place) => before[common + row].key === after[common + place].key;
  // longest[row][place]: how many words the ends of both have in common from there on
  const longest = Array.from({ length: rows + 1 }, () => new Uint16Array(places + 1));
  for (let row = rows - 1; row >= 0; row--) {
    for (let place = places - 1; place >= 0; place--) {
      longest[row][place] = same(row, place)
        ? longest[row + 1][place + 1] + 1
        : Math.max(longest[row + 1][place], longest[row][place + 1]);
    }
  }
  for (let row = 0, place = 0; row < rows && place < places; ) {
    if (same(row, place)) matches[common + row++] = common + place++;
    else if (longest[row + 1][place] >= longest[row][place + 1]) row++;
    else place++;
  }
  return matches;
}

/** What follows the words of `beginning` in a text whose beginning may be worded differently. */
export function textAfter(text, beginning) {
  const [all, first] = [splitWords(text), splitWords(beginning)];
  const matches = alignWords(first, all);
  const last = matches.findLastIndex((match) => match >= 0); // the words after it were replaced, one by one
  const next = last < 0 ? first.length : matches[last] + first.length - last;
  const end = all[Math.min(next, all.length) - 1]?.end ?? 0;
  return text.slice(end);
}

/**
 * Finds the beginnings of lines again in the next revision of a text. A line begins where its first word is now; if
 * that was replaced, where it must have been. Lines of which nothing is left have the offset -1.
 *
 * starts: offsets in the text before. Returns {starts, kept}; kept: for each line, up to where its words are the same
 */
export function findLines(starts, before, after) {
  const [old, fresh] = [splitWords(before), splitWords(after)];
  const matches = alignWords(old, fresh);
  const found = { starts: [], kept: [] };
  let previous = -1;
  for (const [n, start] of starts.entries()) {
    const next = starts[n + 1] ?? Infinity;
    const last = old.findLastIndex((word, w) => word.start < next && word.end > start && matches[w] >= 0);
    let at = start === 0 ? 0 : findStart(start, old, fresh, matches);
    if (at < 0 && n === 0) at = endOfMatches(old, fresh, matches, start, after.length);
    if (at <= previous) at = -1;
    found.starts.push(at);
    found.kept.push(last < 0 ? Math.max(at, 0) : fresh[matches[last]].end);
    previous = Math.max(previous, at);
  }
  return found;
}

/** The new offset of a line that began at `start`; -1 if no word after it is left. */
function findStart(start, old, fresh, matches) {
  const first = old.findIndex((word) => word.end > start);
  if (first < 0) return -1;
  if (old[first].start < start) {
    const same = fresh[matches[first]]; // the word is on two lines
    const at = same ? same.start + start - old[first].start : Infinity;
    return at < same?.end ? at : -1;
  }
  const kept = matches.findIndex((match, w) => w >= first && match >= 0);
  if (kept < 0) return -1;
  const before = matches.slice(0, first).findLast((match) => match >= 0) ?? -1;
  return fresh[Math.max(matches[kept] - (kept - first), before + 1)].start;
}

/** Where the text continues after the words before `start` that are left. */
function endOfMatches(old, fresh, matches, start, length) {
  const before = matches.findLast((match, w) => match >= 0 && old[w].start < start) ?? -1;
  return fresh[before + 1]?.start ?? length;
}
