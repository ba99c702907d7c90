// Characters as readers see them: what is one character, how wide it is, and what a line may not begin or end with. The
// same as in streamstt/text/characters.py.

const WIDE = charClass(
  String.raw`\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60` +
    String.raw`\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}` +
    String.raw`\p{Emoji_Presentation}`,
);
/** A character of a script without spaces between words. */
export const SPACELESS = charClass(
  String.raw`\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u3029\u3030-\u312f\u31a0-\u4dbf\u4e00-\ua4cf` +
    String.raw`\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff65\u{20000}-\u{3fffd}`,
);
const SPACE = String.raw`[\p{White_Space}\x1c-\x1f]`;
/** A space at which a line may end: no non-breaking one. */
export const BREAKING_SPACE = new RegExp(String.raw`(?![\u00a0\u2007\u202f])${SPACE}`, "u");
const OUTER_SPACE = new RegExp(`^${SPACE}+|${SPACE}+$`, "gu");
export const MARK = /[\p{M}\p{Cf}]/u;
/** The signs that end a sentence. A full stop may also belong to an abbreviation: see sentences.js. */
export const SENTENCE_ENDS = ".?!…。？！．｡؟۔।॥።։។။";
export const CLAUSE_ENDS = `${SENTENCE_ENDS},;:、，；：،؛､`;
export const CLOSERS = ")]}）］｝〕〉》」』】〙〗’”»›'\"";
/** These may follow the end of a sentence or clause: also quotation marks that only some languages close with. */
export const END_CLOSERS = `${CLOSERS}“‘«‹`;
/** No line begins with these. */
export const CLOSING = new Set(`${CLAUSE_ENDS}${CLOSERS}ー々ゝヽぁぃぅぇぉっゃゅょァィゥェォッャュョ・％%ๆฯะาำๅະາຳ`);
/** No line ends with these. */
export const OPENING = new Set("([{（［｛〔〈《「『【〘〖‘“„‚«‹¿¡เแโใไເແໂໃໄ");
const ASCII = /^[ -~]*$/u;
const EMOJI_STYLE = /[\ufe0f\u20e3]/u; // shows the character before it as an emoji, and a digit as a key
const SEGMENTER = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Splits a text into characters as readers see them: a letter with its marks, a family of emoji. */
export function graphemes(text) {
  return ASCII.test(text) ? text.split("") : Array.from(SEGMENTER.segment(text), ({ segment }) => segment);
}

/** The width of a text in narrow characters: wide characters count two, marks on a letter none. */
export function columns(text) {
  return ASCII.test(text) ? text.length : graphemes(text).reduce((sum, character) => sum + width(character), 0);
}

/** A text without space around it. */
export function strip(text) {
  return text.replace(OUTER_SPACE, "");
}

/** The first code point of a text. */
export function firstOf(text) {
  return String.fromCodePoint(text.codePointAt(0));
}

/** The last code point of a text. */
export function lastOf(text) {
  return Array.from(text.slice(-2)).at(-1);
}

function width(grapheme) {
  if (EMOJI_STYLE.test(grapheme)) return 2;
  let sum = 0;
  for (const char of grapheme) sum += WIDE.test(char) ? 2 : MARK.test(char) ? 0 : 1;
  return Math.min(2, sum);
}

function charClass(ranges) {
  return new RegExp(`[${ranges}]`, "u");
}
