// Runs on the browser's audio thread: turns float samples into chunks of 40 ms of s16le, and measures their level.

const CHUNK_MS = 40;
const LEVEL_EVERY = 5; // chunks
const FLOOR_DB = -100;

class ChunkProcessor extends AudioWorkletProcessor {
  #chunk = new Int16Array(Math.round((sampleRate * CHUNK_MS) / 1000));
  #filled = 0; // samples in #chunk
  #chunks = 0;
  #energy = 0; // of the chunks since the last level
  #peak = 0;

  process([input]) {
    for (const value of input[0] ?? []) {
      const sample = Math.max(-1, Math.min(1, value));
      this.#energy += sample * sample;
      this.#peak = Math.max(this.#peak, Math.abs(sample));
      this.#chunk[this.#filled++] = Math.round(sample * 32_767);
      if (this.#filled === this.#chunk.length) this.#post();
    }
    return true;
  }

  #post() {
    const pcm = littleEndian(this.#chunk);
    const level = ++this.#chunks % LEVEL_EVERY ? null : this.#level();
    this.port.postMessage({ pcm, level, ms: CHUNK_MS }, [pcm]);
    this.#filled = 0;
  }

  #level() {
    const mean = this.#energy / (LEVEL_EVERY * this.#chunk.length);
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
  for (const [i, sample] of samples.entries()) view.setInt16(2 * i, sample, true);
  return view.buffer;
}

registerProcessor("chunks", ChunkProcessor);
