// Breaks captions into lines, by phrase where it can. The rule and its tests are those of streamstt/text/line_breaking.py;
// here a break is an offset in the text, and words that are on the screen already stay where they are.

import { COUNTERS, DOTTED_TITLES, NUMERALS, OPENERS, TITLES, UNITS } from "./line_break_data.js";

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
const SPACELESS =
  /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u3029\u3030-\u312f\u31a0-\u4dbf\u4e00-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff65\u{20000}-\u{3fffd}]/u;
const MARK = /[\p{M}\p{Cf}]/u;
const CLOSING = new Set(
  ".?!…,;:،؛؟۔।。？！、，；：．｡､)]}）］｝〕〉》」』】〙〗’”»›'\"ー々ゝヽぁぃぅぇぉっゃゅょァィゥェォッャュョ・％%ๆฯะาำๅະາຳ",
);
const OPENING = new Set("([{（［｛〔〈《「『【〘〖‘“«‹¿¡เแโใไເແໂໃໄ");
const CLAUSE_END = /[.?!…,;:،؛؟۔।。？！、，；：．｡､][)\]}）］｝〕〉》」』】〙〗’”»›'"]*$/u;
const SENTENCE_END = /[.?!…؟۔।。？！．｡][)\]}）］｝〕〉》」』】〙〗’”»›'"]*$/u;
const NUMBER = /^[^\p{L}\p{N}_\s]*\p{Nd}(?:[\p{Nd}.,'’:/–-]*\p{Nd})?$/u;
const SPACE = /[^\S\u00a0\u2007\u202f]+/u; // not the kinds of it that say that no line ends there
const GROUP = /^\p{Nd}{3}(?!\p{Nd})/u; // "000" of "10 000"

/** How many narrow characters wide a text is: wide ones count two, marks on a letter none. */
export function columns(text) {
  let sum = 0;
  for (const char of text) sum += WIDE.test(char) ? 2 : MARK.test(char) ? 0 : 1;
  return sum;
}

/** The lines of a whole text, without space around them. room(n): limit, and fits if there is one, of line n. */
export function breakLines(text, room, language = "") {
  const lines = [];
  const spaced = text.trim().split(SPACE).join(" ");
  for (let start = 0; start < spaced.length; ) {
    const rest = spaced.slice(start);
    const length = nextBreak(rest, { ...room(lines.length), language }) || rest.length;
    lines.push(rest.slice(0, length).trim());
    start += length;
  }
  return lines;
}

/** Where the last phrase ends that something follows: a sentence, or a clause of half a line at least; 0: nowhere. */
export function phraseEnd(text, limit) {
  const atoms = tied(atomsOf(text));
  const ends = atoms.slice(0, -1).filter((atom, n) => {
    if (atoms[n + 1].tied) return false;
    return SENTENCE_END.test(atom.text) || (CLAUSE_END.test(atom.text) && 2 * columns(text.slice(0, atom.end)) >= limit);
  });
  return ends.at(-1)?.end ?? 0;
}

/** How far two texts are the same, in whole words: a word that has grown is another one, a sign behind it is not. */
export function sameUpTo(before, after) {
  let same = 0;
  while (same < before.length && before[same] === after[same]) same++;
  const inWord = (text, at) => /[\p{L}\p{M}\p{N}]/u.test(text.slice(at, at + 1)) && !SPACELESS.test(text[at]);
  if (same && same < after.length && inWord(after, same) && inWord(after, same - 1)) {
    while (same && inWord(after, same - 1)) same--;
  }
  const low = after.charCodeAt(same);
  return low >= 0xdc00 && low < 0xe000 ? same - 1 : same; // not between the halves of one character
}

/**
 * Where the second line of a text begins, as an offset; 0: one line is enough.
 *
 * options: limit: width of the line in narrow characters; language: code; kept: up to here the words are on the
 * screen and stay on the line; fits(line): whether it also has room in pixels; sentences: whether a line that is full
 * by half is ended by a sentence even when the next word would still fit: it will not have to move later.
 */
export function nextBreak(text, { limit, language = "", kept = 0, fits = () => true, sentences = false }) {
  const atoms = tied(atomsOf(text)).flatMap((atom) => cut(atom, limit, fits));
  const count = fill(text, atoms, { limit, openers: Object.hasOwn(OPENERS, language) ? OPENERS[language] : new Set(), kept, fits, sentences });
  return count < atoms.length ? atoms[count].start : 0;
}

function fill(text, atoms, { limit, openers, kept, fits, sentences }) {
  const wide = [0]; // wide[n]: of the first n atoms
  let full = false;
  for (const [n, atom] of atoms.entries()) {
    wide.push(wide[n] + (n > 0 && atom.spaced ? 1 : 0) + columns(atom.text));
    // A word that is on the screen stays, even when a comma that comes behind it sticks out a little.
    full = atom.start >= kept && (wide[n + 1] > limit || (n > 0 && !fits(text.slice(atoms[0].start, atom.end))));
    if (full) break;
  }
  const most = full ? Math.max(1, wide.length - 2) : atoms.length; // the first that does not fit begins the next line
  const free = range(1, most).filter((n) => n === most || atoms[n - 1].end >= kept);
  const inner = free.filter((n) => n < atoms.length && !atoms[n].tied);
  const second = inner.filter((n) => 2 * wide[n] >= limit);
  if (!full) {
    const ends = second.filter((n) => sentences && SENTENCE_END.test(atoms[n - 1].text));
    return ends.at(-1) ?? atoms.length;
  }
  const clauses = second.filter((n) => CLAUSE_END.test(atoms[n - 1].text));
  const phrases = second.filter((n) => openers.has(bare(atoms[n].text)) && !openers.has(bare(atoms[n - 1].text)));
  const spaces = free.filter((n) => atoms[n].spaced);
  return [clauses, phrases, inner, spaces, [most]].find((places) => places.length).at(-1);
}

/** What is not broken: words; in scripts without spaces characters, with the signs that belong to them. */
function atomsOf(text) {
  const atoms = [];
  for (const { 0: word, index } of text.matchAll(/(?:\S|[\u00a0\u2007\u202f])+/gu)) {
    let piece = "";
    let start = index;
    let spaceless = false;
    for (const char of word) {
      let wanted = spaceless || SPACELESS.test(char);
      if (piece && wanted && parts(piece, char)) {
        atoms.push({ text: piece, start, end: start + piece.length, spaced: start === index });
        start += piece.length;
        piece = "";
        wanted = SPACELESS.test(char);
      }
      piece += char;
      spaceless = wanted;
    }
    atoms.push({ text: piece, start, end: start + piece.length, spaced: start === index });
  }
  return atoms;
}

/** Whether a script without spaces can be broken between them. */
function parts(piece, char) {
  const last = Array.from(piece).at(-1);
  if (MARK.test(char) || CLOSING.has(char) || OPENING.has(last) || last === "\u200d") return false;
  return !(COUNTERS.has(char) && /\p{Nd}/u.test(piece));
}

function tied(atoms) {
  return atoms.map((atom, n) => ({ ...atom, tied: n > 0 && atom.spaced && together(atoms[n - 1].text, atom.text) }));
}

/** A number and its next group or unit, a title and its name; a sign that has a space before it, as in French. */
function together(first, second) {
  if (Array.from(second).every((char) => CLOSING.has(char))) return true;
  if (NUMBER.test(first) || NUMERALS.has(first.toLowerCase())) {
    return GROUP.test(second) || UNITS.has(second.toLowerCase()) || UNITS.has(bare(second));
  }
  const title = withoutOpening(first);
  return TITLES.has(title.replace(/\.$/u, "")) || DOTTED_TITLES.has(title);
}

function withoutOpening(word) {
  const chars = Array.from(word);
  const first = chars.findIndex((char) => !OPENING.has(char) && char !== '"' && char !== "'");
  return chars.slice(Math.max(0, first)).join("");
}

/** An atom in parts that fit into a line; a mark stays with its letter. */
function cut(atom, limit, fits) {
  if (columns(atom.text) <= limit && fits(atom.text)) return [atom];
  const pieces = [""];
  for (const char of atom.text) {
    const longer = pieces.at(-1) + char;
    if (pieces.at(-1) && !MARK.test(char) && (columns(longer) > limit || !fits(longer))) pieces.push(char);
    else pieces[pieces.length - 1] = longer;
  }
  let start = atom.start;
  return pieces.map((text, n) => {
    const piece = { text, start, end: start + text.length, spaced: n === 0 && atom.spaced, tied: n === 0 && atom.tied };
    start = piece.end;
    return piece;
  });
}

/** A word without the signs around it, in small letters. */
function bare(word) {
  return word.toLowerCase().replace(/^[^\p{L}\p{N}_]+|[^\p{L}\p{N}_]+$/gu, "");
}

function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
}
