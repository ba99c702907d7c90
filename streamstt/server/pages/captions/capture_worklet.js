// Runs on the browser's audio thread: float samples become s16le in pieces of 40 ms, and now and then their level.

const PIECE_MS = 40;
const LEVEL_EVERY = 5; // pieces
const FLOOR_DB = -100;

class Pieces extends AudioWorkletProcessor {
  #piece = new Int16Array(Math.round((sampleRate * PIECE_MS) / 1000));
  #filled = 0;
  #pieces = 0;
  #energy = 0;
  #peak = 0;

  process([input]) {
    for (const value of input[0] ?? []) {
      const sample = Math.max(-1, Math.min(1, value));
      this.#energy += sample * sample;
      this.#peak = Math.max(this.#peak, Math.abs(sample));
      this.#piece[this.#filled++] = Math.round(sample * 32_767);
      if (this.#filled === this.#piece.length) this.#hand();
    }
    return true;
  }

  #hand() {
    const pcm = littleEndian(this.#piece);
    const level = ++this.#pieces % LEVEL_EVERY ? null : this.#level();
    this.port.postMessage({ pcm, level, ms: PIECE_MS }, [pcm]);
    this.#filled = 0;
  }

  #level() {
    const mean = this.#energy / (LEVEL_EVERY * this.#piece.length);
    const level = { rms: decibels(Math.sqrt(mean)), peak: decibels(this.#peak) };
    this.#energy = this.#peak = 0;
    return level;
  }
}

function decibels(amplitude) {
  return amplitude > 0 ? Math.max(FLOOR_DB, 20 * Math.log10(amplitude)) : FLOOR_DB;
}

function littleEndian(samples) {
  const view = new DataView(new ArrayBuffer(2 * samples.length));
  samples.forEach((sample, i) => view.setInt16(2 * i, sample, true));
  return view.buffer;
}

registerProcessor("pieces", Pieces);
