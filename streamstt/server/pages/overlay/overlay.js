// The overlay: the latest words, large, on a transparent page. It is on air, so it never shows anything but captions:
// no connection states, no microphones, no errors. Its settings come from its address (docs/overlay.md) or the daemon.

import { columns } from "../shared/characters.js";
import { CaptionFeed, Sources } from "../shared/feed.js";
import { loadLanguageData } from "../shared/language_data.js";
import { Demo } from "./demo.js";
import { PopOn } from "./popon.js";
import { Recent } from "./recent.js";
import { RollUp } from "./rollup.js";
import { Rows } from "./rows.js";
import { fromQuery, loadDescription } from "./settings.js";
import { Speakers } from "./speakers.js";
import { OverlayStyle } from "./style.js";

const query = new URLSearchParams(location.search);
const { values, problems } = fromQuery(query, await loadDescription());
for (const [name, problem] of problems) console.warn(`overlay: ${name} is ignored. ${problem}`);

const style = new OverlayStyle(values, document.documentElement);
const rows = new Rows(document.querySelector("#box"), document.querySelector("#lines"), style);
const sources = new Sources();
const speakers = new Speakers(sources, style);
const recent = new Recent();
const presenter =
  values.mode === "popon" ? new PopOn(rows, style, speakers, restartClearTimer) : new RollUp(rows, style, speakers);
await Promise.all([style.load(), loadLanguageData()]);

// --- Clearing -----------------------------------------------------------------------------------------------------

let timer = 0;
let clearAt = Infinity;

/** The words on the screen have changed: they stay for a while, and as long as it takes to read the last line. */
function restartClearTimer() {
  clearTimeout(timer);
  if (!values.clear) return;
  const unread = values.mode === "popon" ? rows.text : rows.lastText;
  const shownMs = 1_000 * Math.max(values.clear, columns(unread) / values.cps);
  clearAt = performance.now() + shownMs;
  timer = setTimeout(clear, shownMs);
}

function clear() {
  clearAt = Infinity;
  recent.clear();
  rows.fadeOut();
  presenter.onCleared();
}

function show(message) {
  recent.add(message);
  const before = rows.text;
  if (presenter.show(message) && rows.text !== before) restartClearTimer();
}

// While OBS hides the source, timers hardly run: words that are too old are removed before they become visible again.
document.addEventListener("visibilitychange", () => performance.now() >= clearAt && clear());
addEventListener("resize", () => {
  if (!style.measure()) return;
  presenter.discardShown(); // lines have another length now
  rows.clear();
});

// --- Captions -----------------------------------------------------------------------------------------------------

let disconnectedAt = -Infinity; // at first, so that nothing from before the overlay was opened is shown

const handlers = {
  onHello(hello, { restarted }) {
    sources.update(hello.sources);
    recent.discardOpen();
    if (restarted) presenter.discardOpen();
  },
  onPartial: show,
  onFinal(final, { replayed }) {
    // What was missed is shown only if it would still be on the screen.
    if (replayed && performance.now() - disconnectedAt > 1_000 * (values.clear || 5)) return;
    sources.get(final.source, final.label);
    show(final);
  },
  onRevised(revised) {
    const final = recent.revise(revised);
    if (final) presenter.revise(final, recent.messages);
  },
  onStatus({ source, label }) {
    if (label) sources.get(source).label = label; // this source came after the hello message
  },
  onConnection(state) {
    if (state === "open") disconnectedAt = Infinity;
    else disconnectedAt = Math.min(disconnectedAt, performance.now());
  },
};

const demo = query.get("demo");
const feed = demo === null ? new CaptionFeed(handlers, values.source) : new Demo(handlers, demo === "2" ? 2 : 1);
feed.start();
