// The subscription to the daemon that served this page (protocol v1 over WebSocket). It keeps the connection, resumes
// after a loss without missing or repeating a final, and hands events on. It knows nothing of how captions look.

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;
const HELLO_TIMEOUT_MS = 10_000; // a connection that greets later than this is given up and tried anew
const MAX_KNOWN_IDS = 4_000; // hours of speech; the oldest is forgotten: only ids around a reconnect are ever met again
const MAX_SOURCES = 500; // remote clients bring their own names; the oldest is forgotten, and would get a new colour
const COLOURS = 6; // as many .source-N rules as sources.css has

const query = new URLSearchParams(location.search);

/** The sources named by `?source=` of this page; none means all. */
export const wantedSources = query.getAll("source").filter(Boolean);

/** `path` on this server, relative to the page (a proxy may add a prefix), with the token of the page, if any. */
export function serverUrl(path, parameters = {}) {
  const url = new URL(path, location.href);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  if (query.has("token")) url.searchParams.set("token", query.get("token"));
  return url;
}

/** Splits a partial into [stable, tentative]. The daemon counts code points, JavaScript strings count UTF-16 units. */
export function splitStable({ text, stable }) {
  const points = Array.from(text);
  return [points.slice(0, stable).join(""), points.slice(stable).join("")];
}

/**
 * Label and colour of each source: those the greeting lists, and any that turns up later under its name. `color` is
 * what the configuration says, if it says one; `className` is a colour that the page has for it.
 */
export class Sources {
  #known = new Map(); // name -> {label, className}
  #added = 0;

  greet(sources) {
    for (const { name, label, color } of sources) Object.assign(this.get(name), { label: label || name, color });
  }

  get(name) {
    let source = this.#known.get(name);
    if (!source) {
      source = { label: name, className: `source-${this.#added++ % COLOURS}` };
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
 * Calls these handlers, all optional, in this order after each (re)connect, then as events come:
 *
 *   onConnection(state, reason)   "connecting"; "retrying" from the first failure on; "open" once history is through
 *   onHello(hello, {first, restarted})   open partials and states known so far are void, the server sends them again
 *   onFinal(final, {replayed})    once for each id; replayed: from history. An empty text takes back the partial
 *   onPartial(partial)            never after the final of its id
 *   onStatus(status), onGap(gap)
 *   onLevel(level)                asked for only if it is handled
 */
export class CaptionFeed {
  #handlers;
  #only;
  #socket = null;
  #timer = 0; // whichever comes next: the greeting is overdue, or the next attempt is due
  #failures = 0;
  #reason = "";
  #session = null;
  #seq = 0; // the highest applied in this session
  #finals = new Set(); // ids of this session: the next run of the daemon may use the same ids for other captions

  constructor(handlers, sources = []) {
    this.#handlers = handlers;
    this.#only = new Set(sources);
  }

  start() {
    // A socket that survived the network may be half dead, and resuming loses nothing: so also when one is open.
    addEventListener("online", () => this.#connect());
    this.#connect();
  }

  #connect() {
    this.#drop();
    if (!this.#failures) this.#tell("onConnection", "connecting", "");
    const resume = this.#session === null ? {} : { since: this.#seq, session: this.#session };
    const url = serverUrl("captions", this.#handlers.onLevel ? { ...resume, levels: 1 } : resume);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    socket.onmessage = (event) => socket === this.#socket && this.#receive(JSON.parse(event.data));
    socket.onclose = () => socket === this.#socket && this.#retry();
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#retry(), HELLO_TIMEOUT_MS);
  }

  #retry() {
    this.#drop();
    const longest = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** ++this.#failures);
    // Jitter: the clients of a restarted daemon must not all come back in the same moment.
    const delay = RETRY_FIRST_MS + Math.random() * (longest - RETRY_FIRST_MS);
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#tell("onConnection", "retrying", this.#reason);
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null; // first: nothing it still delivers counts
    socket?.close();
  }

  #receive(message) {
    switch (message.type) {
      case "hello":
        return this.#greet(message);
      case "error":
        this.#reason = message.message; // the server closes now, and the next attempt follows
        return undefined;
      default:
        this.#seq = Math.max(this.#seq, message.seq ?? 0);
        return this.#apply(message, false);
    }
  }

  #greet(hello) {
    if (hello.protocol !== 1) {
      this.#reason = "The caption server was updated: reload this page.";
      this.#retry();
      return;
    }
    clearTimeout(this.#timer);
    const first = this.#session === null;
    const restarted = !first && hello.session !== this.#session;
    if (restarted) {
      this.#seq = 0;
      this.#finals.clear();
    }
    this.#session = hello.session;
    this.#failures = 0;
    this.#reason = "";
    this.#tell("onHello", hello, { first, restarted });
    for (const final of hello.history) this.#apply(final, true);
    this.#seq = Math.max(this.#seq, hello.seq);
    this.#tell("onConnection", "open", "");
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
    const name = { final: "onFinal", partial: "onPartial", status: "onStatus", gap: "onGap", level: "onLevel" }[
      message.type
    ];
    if (name) this.#tell(name, message, { replayed }); // a type from a newer daemon is passed over
  }

  #tell(name, ...values) {
    this.#handlers[name]?.(...values);
  }
}

function dropOldest(collection, most) {
  // Sets and maps keep the order of insertion.
  if (collection.size > most) collection.delete(collection.keys().next().value);
}
