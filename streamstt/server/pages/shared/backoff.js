// How long to wait before the next attempt to reach the server.

const FIRST_MS = 500;
const MAX_MS = 10_000;

export class Backoff {
  /** Attempts that have failed since the last success. */
  failures = 0;

  /** Counts a failure. Returns milliseconds: longer each time, and random, so that clients do not return in step. */
  next() {
    const longest = Math.min(MAX_MS, FIRST_MS * 2 ** ++this.failures);
    return FIRST_MS + Math.random() * (longest - FIRST_MS);
  }

  reset() {
    this.failures = 0;
  }
}
