// Colors and contrast (WCAG 2.2). A color is [red, green, blue, opacity], from 0 to 255 and from 0 to 1.

export const BLACK = [0, 0, 0, 1];
export const WHITE = [255, 255, 255, 1];
export const AA = 4.5; // the contrast that text needs (WCAG 2.2, 1.4.3)
const MIDDLE_LUMINANCE = 0.18; // its contrast with black is about that with white

/** Parses a color of CSS; the canvas knows all notations. */
export function parseColor(css) {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = css;
  const hex = /^#(..)(..)(..)$/u.exec(canvas.fillStyle);
  if (hex) return [...hex.slice(1).map((part) => parseInt(part, 16)), 1];
  return canvas.fillStyle.match(/[\d.]+/gu).map(Number);
}

export function toCss([red, green, blue, opacity]) {
  return `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)} / ${opacity})`;
}

/** The visible color where `top` is drawn over `bottom`, which is opaque. */
export function blend(top, bottom) {
  return [...[0, 1, 2].map((n) => top[n] * top[3] + bottom[n] * (1 - top[3])), 1];
}

/** A color between two others: fraction 0 is the first, 1 the second. */
export function mix(from, to, fraction) {
  return [...[0, 1, 2].map((n) => from[n] + (to[n] - from[n]) * fraction), from[3]];
}

export function luminance(color) {
  const [red, green, blue] = color.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The lowest contrast of text on a box, over all pictures that may be behind the box. */
export function worstContrast(text, box) {
  const own = luminance(text);
  const [dark, light] = [luminance(blend(box, BLACK)), luminance(blend(box, WHITE))];
  if (own > dark && own < light) return 1; // some picture gives the box the luminance of the text
  return Math.min(...[dark, light].map((other) => (Math.max(own, other) + 0.05) / (Math.min(own, other) + 0.05)));
}

/** Black or white, whichever contrasts more with a color. */
export function luminanceOpposite(color) {
  return luminance(color) > MIDDLE_LUMINANCE ? BLACK : WHITE;
}

/** The nearest color, towards black or white, that is readable on a box; if none is, the one that is best. */
export function makeReadable(color, box) {
  const target = worstContrast(WHITE, box) >= worstContrast(BLACK, box) ? WHITE : BLACK;
  for (let fraction = 0; fraction < 1; fraction += 0.05) {
    const mixed = mix(color, target, fraction);
    if (worstContrast(mixed, box) >= AA) return mixed;
  }
  return target;
}

/** A less prominent variant of a color that is still readable on a box. */
export function dim(color, box) {
  return makeReadable(mix(color, luminanceOpposite(color), 0.24), box);
}
