// The overlay: the last words, big, on nothing. It is on air: what is no caption (connection, microphones, errors) is
// never shown. Its address says how it looks (docs/overlay.md), or else the daemon's configuration.
// All text comes from outside and goes into the page through textContent only.

import { CaptionFeed, Sources } from "../shared/feed.js";
import { Demo } from "./demo.js";
import { Look } from "./style.js";
import { PopOn } from "./popon.js";
import { RollUp } from "./rollup.js";
import { Rows } from "./rows.js";
import { Speakers } from "./speakers.js";
import { columns } from "../shared/line_breaking.js";
import { describe, fromQuery } from "./settings.js";

const query = new URLSearchParams(location.search);
const { values, problems } = fromQuery(query, await describe());
for (const [name, problem] of problems) console.warn(`overlay: ${name} is passed over. ${problem}`);

const look = new Look(values, document.documentElement);
const rows = new Rows(document.querySelector("#box"), document.querySelector("#lines"), look);
const sources = new Sources();
const speakers = new Speakers(sources, look);
const stage = values.mode === "popon" ? new PopOn(rows, look, speakers, touch) : new RollUp(rows, look, speakers);
await look.ready();

// --- Clearing -----------------------------------------------------------------------------------------------------

let timer = 0;
let clearAt = Infinity;

/** Other words are on the screen: they stay for a while, and as long as it takes to read the last line. */
function touch() {
  clearTimeout(timer);
  if (!values.clear) return;
  const unread = values.mode === "popon" ? rows.all : rows.last;
  const stay = 1_000 * Math.max(values.clear, columns(unread) / values.cps);
  clearAt = performance.now() + stay;
  timer = setTimeout(clear, stay);
}

function clear() {
  clearAt = Infinity;
  rows.fade();
  stage.cleared();
}

function show(message) {
  const before = rows.all;
  if (stage.show(message) && rows.all !== before) touch();
}

// Timers hardly run while OBS hides the source: what is old by then is gone before anybody sees it.
document.addEventListener("visibilitychange", () => performance.now() >= clearAt && clear());
addEventListener("resize", () => look.measure() && values.mode === "rollup" && restart());

/** Lines have another length: what is open begins anew. */
function restart() {
  stage.abandon();
  rows.clear();
}

// --- Captions -----------------------------------------------------------------------------------------------------

let lostAt = -Infinity; // when the connection was lost; at first: whoever opens the overlay wants what is said from now on

const handlers = {
  onHello(hello, { restarted }) {
    sources.greet(hello.sources);
    if (restarted) stage.abandon();
  },
  onPartial: show,
  onFinal(final, { replayed }) {
    // What was missed longer ago than a caption stays on the screen is old: not for air.
    if (replayed && performance.now() - lostAt > 1_000 * (values.clear || 5)) return;
    show(final);
  },
  onStatus({ source, label }) {
    if (label) sources.get(source).label = label; // it came after the greeting
  },
  onConnection(state) {
    if (state === "open") lostAt = Infinity;
    else lostAt = Math.min(lostAt, performance.now());
  },
};

const demo = query.get("demo");
(demo === null ? new CaptionFeed(handlers, values.source) : new Demo(handlers, demo === "2" ? 2 : 1)).start();
