// The overlay: the last words, big, on nothing. It is on air: what is no caption (connection, microphones, errors)
// is never shown. `?source=NAME` (more than once for several) limits it to these sources.
// All text comes from outside and goes into the page through textContent only.

import { CaptionFeed, Sources, splitStable, wantedSources } from "./feed.js";

const CLEAR_AFTER_MS = 5_000;
const MAX_LINES = 8; // two are visible; each caption is a paragraph of its own, so dropping old ones moves no word

const box = document.querySelector("#box");
const lines = document.querySelector("#lines");
const sources = new Sources();
const open = new Map(); // source -> {id, line}: the partial on display, at most one per source
let clearTimer = 0;
let lostAt = -Infinity; // when the connection was lost; at first: whoever opens the overlay wants what is said from now on

function span(className, text) {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}

function fill(line, { source, language, text, stable }) {
  const { label, className } = sources.get(source);
  const parts = stable === undefined ? [text, ""] : splitStable({ text, stable });
  line.lang = language || "";
  line.replaceChildren(
    ...(sources.several && wantedSources.length !== 1 ? [span(`label ${className}`, label)] : []),
    span("stable", parts[0]),
    span("tentative", parts[1]),
  );
}

function show(caption, line) {
  if (caption.text) {
    fill(line, caption);
    if (!line.isConnected) lines.append(line);
    clearTimeout(clearTimer);
    clearTimer = setTimeout(clear, CLEAR_AFTER_MS);
  } else {
    line.remove();
  }
  while (lines.childElementCount > MAX_LINES) lines.firstElementChild.remove();
  box.hidden = lines.childElementCount === 0;
}

function newLine() {
  const line = document.createElement("p");
  line.className = "line";
  line.dir = "auto";
  return line;
}

function clear() {
  open.clear();
  lines.replaceChildren();
  box.hidden = true;
}

new CaptionFeed(
  {
    onHello(hello) {
      sources.greet(hello.sources);
      for (const { line } of open.values()) line.remove();
      open.clear();
      box.hidden = lines.childElementCount === 0;
    },
    onPartial(partial) {
      let shown = open.get(partial.source);
      if (shown?.id !== partial.id) {
        shown?.line.remove();
        shown = { id: partial.id, line: newLine() };
        open.set(partial.source, shown);
      }
      show(partial, shown.line);
    },
    onFinal(final, { replayed }) {
      // What was missed longer ago than a caption stays on the screen is old: not for air.
      if (replayed && performance.now() - lostAt > CLEAR_AFTER_MS) return;
      const shown = open.get(final.source);
      if (shown?.id === final.id) open.delete(final.source);
      show(final, shown?.id === final.id ? shown.line : newLine());
    },
    onConnection(state) {
      if (state === "open") lostAt = Infinity;
      else lostAt = Math.min(lostAt, performance.now());
    },
  },
  wantedSources,
).start();
