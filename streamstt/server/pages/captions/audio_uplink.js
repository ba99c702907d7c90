// The way of this device's sound to the daemon (WebSocket /audio): connects again after a loss, and counts what was lost
// meanwhile. Knows nothing of microphones and of how the page looks.

import { serverUrl } from "../shared/feed.js";

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;
const HELLO_TIMEOUT_MS = 12_000; // a server that wants a token says so within ten seconds
const LAST_WORDS_MS = 20_000; // how long the last captions may take after the end
const MAX_WAITING_BYTES = 2 * 16_000 * 2 * 2; // 4 s of sound may wait for the network; then new sound is dropped, counted

/**
 * Handlers:
 *
 *   onState("on", {name, lost_s})   the server takes sound; seconds that were lost since it was last so
 *   onState("retrying")             no connection; trying again
 *   onState("token", {message})     the server wants a speaker's token, or another one: over
 *   onState("refused", {message})   the server says no: over
 *   onState("done")                 the last words are final, after `end`
 */
export class Speaker {
  #parameters;
  #token;
  #onState;
  #socket = null;
  #timer = 0;
  #failures = 0;
  #taken = false; // the server takes sound
  #ending = false;
  #lostMs = 0;

  constructor({ label, rate, token }, onState) {
    this.#parameters = { name: label, label, rate };
    this.#token = token;
    this.#onState = onState;
    this.#connect();
  }

  send(pcm, ms) {
    if (this.#ending) return;
    if (this.#taken && this.#socket.bufferedAmount < MAX_WAITING_BYTES) this.#socket.send(pcm);
    else this.#lostMs += ms;
  }

  /** Seconds of sound that were lost since the last `on`. */
  get lost_s() {
    return this.#lostMs / 1000;
  }

  /** No more sound comes. The words that are on their way still become captions. */
  end() {
    this.#ending = true;
    clearTimeout(this.#timer);
    if (!this.#taken) {
      this.#over("done");
      return;
    }
    this.#socket.send('{"type":"end"}');
    this.#timer = setTimeout(() => this.#over("done"), LAST_WORDS_MS);
  }

  #connect() {
    this.#drop();
    const url = serverUrl("audio", this.#parameters);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    // Always, for a page cannot know whether one is wanted; a server that wants none passes it over.
    socket.onopen = () => socket.send(JSON.stringify({ type: "auth", token: this.#token }));
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(JSON.parse(data));
    socket.onclose = () => socket === this.#socket && this.#closed();
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#closed(), HELLO_TIMEOUT_MS);
  }

  #receive({ type, code, message, sources }) {
    if (type === "hello") {
      clearTimeout(this.#timer);
      const lost = { name: sources[0]?.label ?? "", lost_s: this.lost_s };
      this.#taken = true;
      this.#failures = this.#lostMs = 0;
      this.#onState("on", lost);
    } else if (type === "error" && /_token$/.test(code)) {
      this.#over("token", { message: this.#token ? message : "" });
    } else if (type === "error" && code !== "idle") {
      this.#over("refused", { message });
    }
  }

  #closed() {
    if (this.#ending) {
      this.#over("done");
      return;
    }
    this.#drop();
    const longest = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** ++this.#failures);
    this.#timer = setTimeout(() => this.#connect(), RETRY_FIRST_MS + Math.random() * (longest - RETRY_FIRST_MS));
    this.#onState("retrying");
  }

  #over(state, detail = {}) {
    this.#ending = true;
    this.#drop();
    this.#onState(state, detail);
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null; // first: nothing it still delivers counts
    this.#taken = false;
    socket?.close();
  }
}
