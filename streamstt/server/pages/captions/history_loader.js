// A new viewer is greeted with the last captions only; this brings in the others that the server keeps, once, on demand.

import { serverUrl } from "../shared/feed.js";

const TIMEOUT_MS = 15_000;

export class Earlier {
  #log;
  #follower;
  #button = document.querySelector("#earlier");
  #loading = null;

  constructor(log, follower) {
    this.#log = log;
    this.#follower = follower;
    this.#button.addEventListener("click", () => this.load().catch(() => {}));
  }

  /** There are `count` more; none: there is nothing to load. */
  offer(count) {
    this.#button.hidden = count === 0;
    if (count === 0) this.#loading = Promise.resolve();
  }

  /** Resolves when all that is kept is in the page; rejects when the server does not answer. */
  load() {
    this.#loading ??= this.#load().catch((problem) => {
      this.#loading = null;
      this.#button.disabled = false;
      throw problem;
    });
    return this.#loading;
  }

  async #load() {
    this.#button.disabled = true;
    const { history, gap_in_history: gap } = await greeting();
    const first = Number(this.#log.rows[0]?.dataset.seq ?? Infinity);
    const older = history.filter((final) => final.seq < first);
    this.#follower.keepPlace(() => {
      this.#button.hidden = true;
      this.#log.prepend(older, gap ? "What was said before is no longer kept here" : "");
    });
  }
}

/** The `hello` to a viewer who has seen nothing since the first message: with every final that is kept. */
function greeting() {
  return new Promise((resolve, reject) => {
    const url = serverUrl("captions", { since: 0 });
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    const timer = setTimeout(() => socket.close(), TIMEOUT_MS);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "hello") resolve(message);
      socket.close();
    };
    socket.onclose = () => {
      clearTimeout(timer);
      reject(new Error("the server did not answer")); // without effect when it has
    };
  });
}
