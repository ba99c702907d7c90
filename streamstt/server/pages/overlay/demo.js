// Sample captions, as a daemon would send them, for designing: the same handlers are called as by CaptionFeed.

const WORD_MS = 320;
const PAUSE_MS = 1_100;
const UNCERTAIN = 2; // words at the end that may still change
const SOURCES = [
  { name: "one", label: "Anna" },
  { name: "two", label: "Ben" },
];
const TURNS = [
  [0, "Good morning, everybody, and welcome."],
  [0, "Captions appear here while people are still speaking, word by word, and a line that was shown stays as it is."],
  [1, "Thank you, Anna. Last year 10 000 people read along, because they could not hear us or did not want to miss a word."],
  [0, "That is why they are large, calm and easy to read."],
  [1, "Shall we begin?"],
];

export class Demo {
  #handlers;
  #speakers;
  #turn = 0;
  #count = 0;

  /** speakers: 1 or 2. */
  constructor(handlers, speakers) {
    this.#handlers = handlers;
    this.#speakers = speakers;
  }

  start() {
    this.#handlers.onHello({ sources: SOURCES.slice(0, this.#speakers) }, { first: true, restarted: false });
    this.#handlers.onConnection("open", "");
    this.#say(TURNS[0][1].split(" ").length); // something is there at once
  }

  #say(count) {
    const [speaker, text] = TURNS[this.#turn % TURNS.length];
    const words = text.split(" ");
    const caption = { id: `demo-${this.#turn}`, source: SOURCES[speaker % this.#speakers].name, language: "en" };
    this.#count = Math.min(count, words.length);
    if (this.#count === words.length) {
      this.#handlers.onFinal({ ...caption, type: "final", text }, { replayed: false });
      this.#turn++;
      this.#count = 0;
    } else {
      const [stable, shown] = [this.#count - UNCERTAIN, this.#count].map((n) => words.slice(0, Math.max(0, n)).join(" "));
      this.#handlers.onPartial({ ...caption, type: "partial", text: shown, stable: stable.length });
    }
    setTimeout(() => this.#say(this.#count + 1), this.#count ? WORD_MS : PAUSE_MS);
  }
}
