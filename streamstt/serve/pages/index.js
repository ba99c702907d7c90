// The captions page: finals as paragraphs, open partials below them, what the microphones do in the header.
// All text comes from outside and goes into the page through textContent only.

import { CaptionFeed, Sources, serverUrl, splitStable } from "./feed.js";

const MAX_LINES = 2_000; // hours of speech; the oldest paragraph leaves the page, the transcript files still have it
const NEAR_END_PX = 24;

const log = document.querySelector("#log");
const partials = document.querySelector("#partials");
const stateLine = document.querySelector("#state");
const scroller = document.querySelector("#scroller");
const hint = document.querySelector("#hint");
const newer = document.querySelector("#newer");

const sources = new Sources();
const openPartials = new Map(); // source -> {id, row}: a source has at most one
const statuses = new Map(); // source -> status
let connection = { state: "connecting", reason: "" };
let shownState = "";

// --- Staying at the end -------------------------------------------------------------------------------------------

let following = true;
let lastTop = 0;
let unseen = 0;

function toEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  lastTop = scroller.scrollTop;
}

function setFollowing(value) {
  following = value;
  scroller.classList.toggle("following", following);
  if (following) unseen = 0;
  newer.hidden = unseen === 0;
  newer.textContent = unseen === 1 ? "1 new line" : `${unseen} new lines`;
}

/** To be called in the same task as the change of content: then only the reader can be the cause of being elsewhere. */
function contentChanged(newLines = 0) {
  if (following) toEnd();
  else unseen += newLines;
  setFollowing(following);
}

scroller.addEventListener("scroll", () => {
  const top = scroller.scrollTop;
  const toGo = scroller.scrollHeight - scroller.clientHeight - top;
  if (toGo < 2) setFollowing(true);
  else if (top < lastTop) setFollowing(false);
  else if (top > lastTop && toGo < NEAR_END_PX) setFollowing(true);
  lastTop = top;
});
newer.addEventListener("click", () => {
  setFollowing(true);
  toEnd();
  scroller.focus(); // the button is gone: the keyboard goes on in the captions
});
const resized = new ResizeObserver(() => following && toEnd());
for (const element of [scroller, log]) resized.observe(element);

// --- Captions -----------------------------------------------------------------------------------------------------

function captionRow({ source, language }) {
  const { label, className } = sources.get(source);
  const row = element("p", "caption");
  row.dataset.source = source;
  const text = element("span", "text");
  text.dir = "auto";
  if (language) text.lang = language;
  row.append(element("span", `label ${className}`, label), text);
  document.body.classList.toggle("several", sources.several);
  return row;
}

function append(row) {
  const speaker = row.dataset.source;
  row.classList.toggle("same", speaker !== undefined && speaker === log.lastElementChild?.dataset.source);
  log.append(row);
  while (log.childElementCount > MAX_LINES) log.firstElementChild.remove();
  log.firstElementChild.classList.remove("same");
}

function showPartial(partial) {
  let open = openPartials.get(partial.source);
  if (open?.id !== partial.id) {
    open?.row.remove();
    open = { id: partial.id, row: captionRow(partial) };
    openPartials.set(partial.source, open);
  }
  const [stable, tentative] = splitStable(partial);
  open.row.lastChild.replaceChildren(element("span", "stable", stable), element("span", "tentative", tentative));
  if (!partial.text) open.row.remove();
  else if (!open.row.isConnected) partials.append(open.row);
  contentChanged();
}

function showFinal(final, { replayed }) {
  const open = openPartials.get(final.source);
  if (open?.id === final.id) {
    open.row.remove();
    openPartials.delete(final.source);
  }
  if (final.text) {
    const row = captionRow(final);
    row.lastChild.textContent = final.text;
    append(row);
  }
  if (replayed) unseen += final.text && !following ? 1 : 0; // one layout for the whole history, when it is through
  else contentChanged(final.text ? 1 : 0);
}

function showGap({ source, start, end }) {
  const where = sources.several ? ` (${sources.get(source).label})` : "";
  append(element("p", "notice", `${Math.max(0.1, end - start).toFixed(1)} s of sound were lost${where}`));
  contentChanged();
}

// --- State --------------------------------------------------------------------------------------------------------

const WORDS = {
  listening: "listening",
  speech: "speech",
  waiting: "waiting for sound",
  lost: "microphone lost",
  paused: "paused",
};

function statusText({ source, state, detail }) {
  const { label } = sources.get(source);
  const words = WORDS[state] ?? state;
  const sentence = sources.several ? `${label}: ${words}` : capital(words) + (state === "lost" ? `: ${label}` : "");
  return detail ? `${sentence} – ${detail}` : sentence;
}

function connectionText({ state, reason }) {
  if (state === "connecting") return "Connecting …";
  return `${reason || "No connection to the caption server."} Trying again …`;
}

function showState() {
  const chips = [];
  if (connection.state !== "open") chips.push([connection.state, connectionText(connection)]);
  else for (const status of statuses.values()) chips.push([status.state, statusText(status)]);
  if (!chips.length) chips.push(["listening", "Connected"]);
  if (shownState === JSON.stringify(chips)) return; // a live region read the same again
  shownState = JSON.stringify(chips);
  // Speech and silence take turns too often to be read out; trouble is read out.
  const trouble = chips.some(([state]) => state === "lost" || state === "retrying");
  stateLine.setAttribute("aria-live", trouble ? "polite" : "off");
  stateLine.replaceChildren(
    ...chips.map(([state, text]) => {
      const chip = element("span", "chip", text);
      chip.dataset.state = state;
      return chip;
    }),
  );
}

// --- Helpers, start -----------------------------------------------------------------------------------------------

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

for (const link of document.querySelectorAll("footer a")) link.href = serverUrl(link.getAttribute("href"));

new CaptionFeed({
  onHello(hello, { first, restarted }) {
    sources.greet(hello.sources);
    document.body.classList.toggle("several", sources.several);
    openPartials.clear();
    partials.replaceChildren();
    statuses.clear();
    if (restarted) append(element("p", "notice", "The captions were restarted"));
    else if (hello.gap_in_history) append(element("p", "notice", "Some captions are missing here"));
    // What was said before the reader came is not read out; what was missed in between is.
    if (first) setTimeout(() => log.setAttribute("aria-live", "polite"), 1_000);
  },
  onFinal: showFinal,
  onPartial: showPartial,
  onGap: showGap,
  onStatus(status) {
    statuses.set(status.source, status);
    showState();
  },
  onConnection(state, reason) {
    connection = { state, reason };
    showState();
    if (state !== "open") return;
    hint.hidden = false;
    contentChanged();
  },
}).start();
