// Colours and contrast (WCAG 2.2). A colour is [red, green, blue, opacity], 0 to 255 and 0 to 1.

export const BLACK = [0, 0, 0, 1];
export const WHITE = [255, 255, 255, 1];
export const AA = 4.5; // the contrast that text needs (WCAG 2.2, 1.4.3)

/** What CSS calls a colour, as numbers; the canvas knows them all. */
export function parse(css) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.fillStyle = css;
  const hex = /^#(..)(..)(..)$/u.exec(pen.fillStyle);
  if (hex) return [...hex.slice(1).map((part) => parseInt(part, 16)), 1];
  return pen.fillStyle.match(/[\d.]+/gu).map(Number);
}

export function toCss([red, green, blue, opacity]) {
  return `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)} / ${opacity})`;
}

/** The colour that is seen where `top` lies over `bottom`, which is opaque. */
export function over(top, bottom) {
  return [...[0, 1, 2].map((n) => top[n] * top[3] + bottom[n] * (1 - top[3])), 1];
}

/** A colour on its way to another: share 0 is the first, 1 the second. */
export function mix(from, to, share) {
  return [...[0, 1, 2].map((n) => from[n] + (to[n] - from[n]) * share), from[3]];
}

export function luminance(color) {
  const [red, green, blue] = color.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The least contrast of text on a box, whatever picture is behind the box. */
export function worstContrast(text, box) {
  const own = luminance(text);
  const [dark, light] = [luminance(over(box, BLACK)), luminance(over(box, WHITE))];
  if (own > dark && own < light) return 1; // somewhere between, the picture has the text's own brightness
  return Math.min(...[dark, light].map((other) => (Math.max(own, other) + 0.05) / (Math.min(own, other) + 0.05)));
}

/** Black or white, whichever is farther from a colour. */
export function opposite(color) {
  return luminance(color) > 0.18 ? BLACK : WHITE; // 0.18 is as far from one as from the other
}

/** The nearest colour towards black or white that can be read on a box; if none can, the one that is best. */
export function readable(color, box) {
  const goal = worstContrast(WHITE, box) >= worstContrast(BLACK, box) ? WHITE : BLACK;
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = mix(color, goal, share);
    if (worstContrast(mixed, box) >= AA) return mixed;
  }
  return goal;
}

/** A colour that steps back a little behind another, and can still be read. */
export function dimmed(color, box) {
  return readable(mix(color, opposite(color), 0.24), box);
}
