// Text whose lines the script breaks: what fits on a line, its nodes, and places in it.

const SPARE = 0.75; // em: so much is left free on new lines, for punctuation that is added later
const ROUNDING_PX = 1; // the browser would break a line that is wider than measured

const canvas = document.createElement("canvas").getContext("2d");

/** A part of a text, with line breaks before the offsets in `starts`; a row begins with the first of them. */
export function brokenText(text, from, to, starts) {
  const inner = starts.filter((start) => start > starts[0] && start >= from && start < to);
  const nodes = [text.slice(from, inner[0] ?? to)];
  for (const [n, start] of inner.entries()) {
    nodes.push(document.createElement("br"), text.slice(start, inner[n + 1] ?? to));
  }
  return nodes;
}

/** Range of the characters of an element from one offset to another. */
export function rangeOf(parent, start, end) {
  const range = new Range();
  const walker = document.createTreeWalker(parent, NodeFilter.SHOW_TEXT);
  let offset = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (start >= offset && start <= offset + node.length) range.setStart(node, start - offset);
    if (end > offset && end <= offset + node.length) range.setEnd(node, end - offset);
    offset += node.length;
  }
  return range;
}

/** Where the words before an offset end. */
export function endOfWords(text, offset) {
  return text.slice(0, offset).trimEnd().length;
}

/** Whether a line fits beside an indent (px), for caption_lines.js: indent => fits. */
export function lineCapacity(words) {
  const { font, fontSize } = getComputedStyle(words);
  const width = (words.getBoundingClientRect().width || Infinity) - ROUNDING_PX; // none if the page is not laid out
  canvas.font = font;
  return (indent) =>
    (line, shown = false) =>
      canvas.measureText(line).width + indent + (shown ? 0 : SPARE * parseFloat(fontSize)) <= width;
}
