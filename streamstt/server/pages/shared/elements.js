// Makes elements. Text goes in through textContent only: all of it may come from outside.

export function element(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/** Sets text only where it differs: a live region would be read out again. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
