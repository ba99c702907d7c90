// Sends this device's sound to the daemon (WebSocket /audio). Reconnects after a loss, and counts the sound that was
// lost meanwhile. It knows neither the microphone nor the page.

import { socketUrl } from "../shared/server_url.js";
import { ReconnectingSocket, SILENCE_TIMEOUT_MS } from "../shared/socket.js";

const HELLO_TIMEOUT_MS = 12_000; // a server that requires a token refuses after ten seconds without one
const FINISH_TIMEOUT_MS = 20_000; // how long the last captions may take after the end
const MAX_BUFFERED_BYTES = 2 * 16_000 * 2 * 2; // 4 s of sound; while more waits, new sound is dropped and counted

/**
 * Handlers:
 *
 *   onState("on", {name, lostSeconds})   the server accepts sound; how much was lost since it last did
 *   onState("retrying")                  no connection; trying again
 *   onState("token", {message})          over: the server requires a speaker's token, or another one
 *   onState("refused", {message})        over: the server refuses this source
 *   onState("done")                      over: after `end`, the last words are final
 */
export class AudioUplink {
  #token;
  #onState;
  #socket;
  #timer = 0; // the last captions are overdue
  #accepted = false; // the server accepts sound
  #ending = false;
  #lostMs = 0;

  constructor({ label, rate, token }, onState) {
    this.#token = token;
    this.#onState = onState;
    const handlers = {
      url: () => socketUrl("audio", { name: label, label, rate, heartbeat: 1 }),
      // Always, because a page cannot know whether a token is required; other servers ignore it.
      onOpen: () => this.#socket.send(JSON.stringify({ type: "auth", token })),
      onMessage: (message) => this.#receive(message),
      onLost: () => this.#lost(),
    };
    this.#socket = new ReconnectingSocket(handlers, HELLO_TIMEOUT_MS, SILENCE_TIMEOUT_MS);
    this.#socket.connect();
  }

  send(pcm, ms) {
    if (this.#ending) return;
    if (this.#accepted && this.#socket.bufferedAmount < MAX_BUFFERED_BYTES) this.#socket.send(pcm);
    else this.#lostMs += ms;
  }

  /** Ends the sound. Words that are being recognized still become captions. */
  end() {
    this.#ending = true;
    if (!this.#accepted) {
      this.#finish("done");
      return;
    }
    this.#socket.send('{"type":"end"}');
    this.#timer = setTimeout(() => this.#finish("done"), FINISH_TIMEOUT_MS);
  }

  #receive({ type, code, message, sources }) {
    if (type === "hello") {
      this.#socket.established();
      const detail = { name: sources[0]?.label ?? "", lostSeconds: this.#lostMs / 1000 };
      this.#accepted = true;
      this.#lostMs = 0;
      this.#onState("on", detail);
    } else if (type === "error" && /_token$/.test(code)) {
      this.#finish("token", { message: this.#token ? message : "" });
    } else if (type === "error" && code !== "idle") {
      this.#finish("refused", { message });
    }
  }

  #lost() {
    this.#accepted = false;
    if (this.#ending) this.#finish("done");
    else this.#onState("retrying");
  }

  #finish(state, detail = {}) {
    clearTimeout(this.#timer);
    this.#ending = true;
    this.#accepted = false;
    this.#socket.close();
    this.#onState(state, detail);
  }
}
