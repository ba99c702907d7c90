// Subscribes to the captions of the daemon that served this page (protocol v1 over WebSocket). Resumes after a lost
// connection without missing or repeating a final, and passes events on. It does not know how captions are displayed.

import { connectionProblem } from "./connection_problem.js";
import { socketUrl } from "./server_url.js";
import { ReconnectingSocket, SILENCE_TIMEOUT_MS } from "./socket.js";

const HELLO_TIMEOUT_MS = 10_000;
const MAX_KNOWN_IDS = 4_000; // hours of speech; the oldest is dropped: only ids around a reconnect are seen again
const MAX_SOURCES = 500; // remote clients choose their names; the oldest is dropped, and would get a new color
const COLORS = 6; // as many .source-N rules as the style sheets have
const HANDLERS = {
  final: "onFinal",
  revised: "onRevised",
  partial: "onPartial",
  status: "onStatus",
  gap: "onGap",
  level: "onLevel",
};

/** Splits a partial into [stable, tentative]. The daemon counts code points, JavaScript strings count UTF-16 units. */
export function splitStable({ text, stable }) {
  const points = Array.from(text);
  return [points.slice(0, stable).join(""), points.slice(stable).join("")];
}

/**
 * Label and color of each source: those listed in the hello message, and any that appears later, under its name.
 * `color` is the configured one, if any; `className` selects one of the page's own colors.
 */
export class Sources {
  #known = new Map(); // name -> {label, className, color}
  #added = 0;

  update(sources) {
    for (const { name, label, color } of sources) Object.assign(this.get(name), { label: label || name, color });
  }

  /** label: if the source is not known yet: it may have left before. */
  get(name, label = "") {
    let source = this.#known.get(name);
    if (!source) {
      source = { label: label || name, className: `source-${this.#added++ % COLORS}` };
      this.#known.set(name, source);
      dropOldest(this.#known, MAX_SOURCES);
    }
    return source;
  }

  get several() {
    return this.#known.size > 1;
  }
}

/**
 * Calls these handlers, all optional, in this order after each (re)connect, then as events arrive:
 *
 *   onConnection(state, reason)   "connecting"; "retrying" after a failure; "open" once the history has been passed on
 *   onHello(hello, {first, restarted})   open partials and states are void: the server sends them again
 *   onFinal(final, {replayed})    once for each id; replayed: from the history. An empty text withdraws the partial
 *   onRevised(revised)            a final that was passed on before was corrected, hidden or starred
 *   onPartial(partial)            never after the final of its id
 *   onStatus(status), onGap(gap)
 *   onLevel(level)                levels are requested only if this handler exists
 */
export class CaptionFeed {
  #handlers;
  #only;
  #socket;
  #reason = ""; // why there is no connection, if the server said so
  #isUnexplained = false; // the server has said nothing in this attempt, neither hello nor why not
  #losses = 0; // since the last hello
  #session = null;
  #seq = 0; // the highest that was applied in this session
  #finals = new Set(); // ids of this session: the daemon's next run may use the same ids for other captions

  /** sources: names of those to pass on; none means all. */
  constructor(handlers, sources = []) {
    this.#handlers = handlers;
    this.#only = new Set(sources);
    const socketHandlers = {
      url: () => this.#url(),
      onConnecting: (failures) => {
        this.#isUnexplained = true;
        if (!failures) this.#notify("onConnection", "connecting", "");
      },
      onMessage: (message) => this.#receive(message),
      onLost: () => this.#tellLoss(),
    };
    this.#socket = new ReconnectingSocket(socketHandlers, HELLO_TIMEOUT_MS, SILENCE_TIMEOUT_MS);
  }

  start() {
    // A socket that survived the network's absence may be half dead. Resuming loses nothing, so always reconnect.
    addEventListener("online", () => this.#socket.connect());
    document.addEventListener("visibilitychange", () => document.hidden || this.#socket.hurry());
    this.#socket.connect();
  }

  #url() {
    const resume = this.#session === null ? {} : { since: this.#seq, session: this.#session };
    return socketUrl("captions", { ...resume, heartbeat: 1, ...(this.#handlers.onLevel && { levels: 1 }) });
  }

  /** Tells that there is no connection, at once, and then why, if the server can be asked. */
  async #tellLoss() {
    const losses = ++this.#losses;
    this.#notify("onConnection", "retrying", this.#reason);
    if (!this.#isUnexplained) return;
    const problem = await connectionProblem({ repeated: losses > 2 });
    if (losses !== this.#losses || problem === this.#reason) return;
    this.#reason = problem;
    this.#notify("onConnection", "retrying", problem);
  }

  #receive(message) {
    switch (message.type) {
      case "hello":
        this.#receiveHello(message);
        break;
      case "error":
        this.#reason = message.message; // the server closes now, and the next attempt follows
        this.#isUnexplained = false;
        break;
      default:
        this.#seq = Math.max(this.#seq, message.seq ?? 0);
        this.#apply(message, false);
    }
  }

  #receiveHello(hello) {
    if (hello.protocol !== 1) {
      this.#reason = "The caption server was updated: reload this page.";
      this.#isUnexplained = false;
      this.#socket.reconnect();
      return;
    }
    this.#socket.established();
    const first = this.#session === null;
    const restarted = !first && hello.session !== this.#session;
    if (restarted) {
      this.#seq = 0;
      this.#finals.clear();
    }
    this.#session = hello.session;
    this.#reason = "";
    this.#losses = 0;
    this.#isUnexplained = false;
    this.#notify("onHello", hello, { first, restarted });
    for (const message of [...hello.history, ...(hello.revisions ?? [])]) this.#apply(message, true);
    this.#seq = Math.max(this.#seq, hello.seq);
    this.#notify("onConnection", "open", "");
  }

  #apply(message, replayed) {
    if (message.type === "final") {
      if (this.#finals.has(message.id)) return;
      this.#finals.add(message.id);
      dropOldest(this.#finals, MAX_KNOWN_IDS);
    } else if (message.type === "partial" && this.#finals.has(message.id)) {
      return;
    }
    if (this.#only.size && !this.#only.has(message.source)) return;
    if (!Object.hasOwn(HANDLERS, message.type)) return; // from a newer daemon
    this.#notify(HANDLERS[message.type], message, { replayed });
  }

  #notify(name, ...values) {
    this.#handlers[name]?.(...values);
  }
}

function dropOldest(collection, limit) {
  // Sets and maps keep the order of insertion.
  if (collection.size > limit) collection.delete(collection.keys().next().value);
}
