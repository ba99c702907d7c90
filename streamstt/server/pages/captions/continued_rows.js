// A caption may end in the middle of what is being spoken. Its last words are then the first ones of the next caption,
// and stay where they are: the next row begins on the line on which the row before it ends.

/** Lets a row begin where the row before it ends. spaced: whether there is a space between them. */
export function continueRow(row, before, spaced) {
  const words = before.lastChild;
  const range = document.createRange();
  range.selectNodeContents(words);
  const end = [...range.getClientRects()].at(-1);
  if (!end) return;
  const box = words.getBoundingClientRect();
  const { direction, font, lineHeight } = getComputedStyle(words);
  const used = direction === "rtl" ? box.right - end.left : end.right - box.left;
  const padding = before.getBoundingClientRect().bottom - box.bottom;
  row.classList.add("continued");
  row.dataset.spaced = spaced ? "1" : "";
  row.style.marginTop = `${-parseFloat(lineHeight) - 2 * padding}px`;
  row.lastChild.style.textIndent = `${used + (spaced ? spaceWidth(font) : 0)}px`;
}

/** Puts a row in the place of another. */
export function takePlace(row, other) {
  row.classList.toggle("continued", other.classList.contains("continued"));
  row.dataset.spaced = other.dataset.spaced ?? "";
  row.style.marginTop = other.style.marginTop;
  row.lastChild.style.textIndent = other.lastChild.style.textIndent;
}

/** Lets a row begin on a line of its own. */
export function separateRow(row) {
  if (!row.classList.contains("continued")) return; // it may be a notice
  row.classList.remove("continued");
  row.style.marginTop = "";
  row.lastChild.style.textIndent = "";
}

/** Places such rows again when the width or the size of the letters has changed. */
export function observeSize(log, partials) {
  let last = "";
  new ResizeObserver(() => {
    const now = `${log.clientWidth} ${getComputedStyle(log).getPropertyValue("--caption")}`;
    if (now === last) return;
    last = now;
    for (const row of document.querySelectorAll(".continued")) {
      const before = row.parentElement === partials ? log.lastElementChild : row.previousElementSibling;
      if (before) continueRow(row, before, row.dataset.spaced);
    }
  }).observe(log);
}

function spaceWidth(font) {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.font = font;
  return canvas.measureText(" ").width;
}
