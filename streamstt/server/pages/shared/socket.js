// WebSockets of JSON messages: one that reconnects, and one for a single answer. What messages mean, others know.

import { Backoff } from "./backoff.js";

export const SILENCE_TIMEOUT_MS = 8_000; // with heartbeat=1, the server sends something at least every two seconds

/**
 * A connection that is opened again after each loss. The owner must call `established` once the server has greeted it;
 * a greeting that takes longer than `greetingTimeoutMs` counts as a loss. So does silence of `silenceTimeoutMs` later,
 * if the server sends something all the time: browsers do not notice that a network is gone. Handlers, all but `url`
 * optional:
 *
 *   url()                   the address for the next attempt
 *   onConnecting(failures)  an attempt begins, after so many that failed
 *   onOpen()                the connection is open, nothing has been received
 *   onMessage(message)
 *   onLost()                the connection is gone; the next attempt is due after a while
 */
export class ReconnectingSocket {
  #handlers;
  #greetingTimeoutMs;
  #silenceTimeoutMs;
  #socket = null;
  #timer = 0; // whichever comes next: the greeting or the next message is overdue, or the next attempt is due
  #isEstablished = false;
  #backoff = new Backoff();

  constructor(handlers, greetingTimeoutMs, silenceTimeoutMs = Infinity) {
    this.#handlers = handlers;
    this.#greetingTimeoutMs = greetingTimeoutMs;
    this.#silenceTimeoutMs = silenceTimeoutMs;
  }

  /** Connects now; an open connection is replaced. */
  connect() {
    this.close();
    this.#handlers.onConnecting?.(this.#backoff.failures);
    const socket = new WebSocket(this.#handlers.url());
    socket.onopen = () => socket === this.#socket && this.#handlers.onOpen?.();
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      if (this.#isEstablished) this.#awaitMessage();
      this.#handlers.onMessage?.(JSON.parse(data));
    };
    socket.onclose = () => socket === this.#socket && this.reconnect();
    this.#socket = socket;
    this.#timer = setTimeout(() => this.reconnect(), this.#greetingTimeoutMs);
  }

  /** The server has greeted this page: the next loss is the first one again. */
  established() {
    this.#isEstablished = true;
    this.#backoff.reset();
    this.#awaitMessage();
  }

  /** Connects now if the next attempt is due later: there is reason to hope. */
  hurry() {
    if (!this.#socket) this.connect();
  }

  /** Gives the connection up, and connects again after a while. */
  reconnect() {
    this.close();
    this.#timer = setTimeout(() => this.connect(), this.#backoff.next());
    this.#handlers.onLost?.();
  }

  /** Closes the connection, or cancels the next attempt. */
  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null; // first: whatever it still delivers is ignored
    this.#isEstablished = false;
    socket?.close();
  }

  send(data) {
    this.#socket.send(data);
  }

  #awaitMessage() {
    clearTimeout(this.#timer);
    if (this.#silenceTimeoutMs < Infinity) this.#timer = setTimeout(() => this.reconnect(), this.#silenceTimeoutMs);
  }

  /** Bytes that wait for the network. */
  get bufferedAmount() {
    return this.#socket.bufferedAmount;
  }
}

/** Opens a connection for its first message, after a request if there is one. Rejects if none comes in `timeoutMs`. */
export function firstMessage(url, timeoutMs, request) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const timer = setTimeout(() => socket.close(), timeoutMs);
    if (request) socket.onopen = () => socket.send(JSON.stringify(request));
    socket.onmessage = ({ data }) => {
      resolve(JSON.parse(data));
      socket.close();
    };
    socket.onclose = () => {
      clearTimeout(timer);
      reject(new Error("the server did not answer")); // no effect after a message
    };
  });
}
