// Characters as readers see them: what is one character, how wide it is, and what a line may not begin or end with.

const WIDE = charClass(
  String.raw`\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60` +
    String.raw`\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}`,
);
/** A character of a script without spaces between words. */
export const SPACELESS = charClass(
  String.raw`\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u3029\u3030-\u312f\u31a0-\u4dbf\u4e00-\ua4cf` +
    String.raw`\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff65\u{20000}-\u{3fffd}`,
);
export const MARK = /[\p{M}\p{Cf}]/u;
/** No line begins with these. */
export const CLOSING = new Set(
  ".?!…,;:،؛؟۔।。？！、，；：．｡､)]}）］｝〕〉》」』】〙〗’”»›'\"ー々ゝヽぁぃぅぇぉっゃゅょァィゥェォッャュョ・％%ๆฯะาำๅະາຳ",
);
/** No line ends with these. */
export const OPENING = new Set("([{（［｛〔〈《「『【〘〖‘“«‹¿¡เแโใไເແໂໃໄ");
const ASCII = /^[ -~]*$/u;
const EMOJI_SEQUENCE = /[\p{Extended_Pictographic}\p{Regional_Indicator}].|\u20e3/u; // several characters, one picture
const SEGMENTER = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Splits a text into characters as readers see them: a letter with its marks, a family of emoji. */
export function graphemes(text) {
  return Array.from(SEGMENTER.segment(text), ({ segment }) => segment);
}

/** The width of a text in narrow characters: wide characters count two, marks on a letter none. */
export function columns(text) {
  return ASCII.test(text) ? text.length : graphemes(text).reduce((sum, character) => sum + width(character), 0);
}

function width(grapheme) {
  if (EMOJI_SEQUENCE.test(grapheme)) return 2;
  let sum = 0;
  for (const char of grapheme) sum += WIDE.test(char) ? 2 : MARK.test(char) ? 0 : 1;
  return sum;
}

function charClass(ranges) {
  return new RegExp(`[${ranges}]`, "u");
}
