// A new viewer receives the last captions only. This loads the earlier ones that the server keeps, once, on request.

import { socketUrl } from "../shared/server_url.js";
import { firstMessage } from "../shared/socket.js";

const TIMEOUT_MS = 15_000;

export class HistoryLoader {
  #log;
  #autoScroll;
  #button = document.querySelector("#earlier");
  #loading = null;

  constructor(log, autoScroll) {
    this.#log = log;
    this.#autoScroll = autoScroll;
    this.#button.addEventListener("click", () => this.load().catch(() => {}));
  }

  /** Sets how many earlier captions the server has; with none there is nothing to load. */
  setAvailable(count) {
    this.#button.hidden = count === 0;
    if (count === 0) this.#loading = Promise.resolve(true);
  }

  /** Whether all captions that the server keeps are in the page. */
  get complete() {
    return this.#button.hidden;
  }

  /** Resolves when all captions that the server keeps are in the page, to whether there were no older ones; rejects if
   * it does not answer. */
  load() {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = null;
      this.#button.disabled = false;
      throw error;
    });
    return this.#loading;
  }

  async #load() {
    this.#button.disabled = true;
    // To a viewer who has seen nothing since the first message, hello has every final that is kept.
    const hello = await firstMessage(socketUrl("captions", { since: 0 }), TIMEOUT_MS);
    if (hello.type !== "hello") throw new Error(hello.message);
    const first = this.#log.firstSeq;
    const earlier = hello.history.filter((final) => final.seq < first);
    this.#autoScroll.keepPosition(() => {
      this.#button.hidden = true;
      this.#log.prepend(earlier, hello.gap_in_history ? "Earlier captions are no longer kept" : "");
    });
    return !hello.gap_in_history;
  }
}
