// Creates and fills elements. Text is set through textContent only: all of it may come from outside.

export function element(tag, className = "", text = "") {
  const created = document.createElement(tag);
  if (className) created.className = className;
  created.textContent = text;
  return created;
}

/** Sets text only where it differs: screen readers announce every change of a live region. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function capitalize(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
