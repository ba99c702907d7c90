// Sample captions for designing an overlay: calls the same handlers as CaptionFeed, without a daemon.

const WORD_MS = 320;
const PAUSE_MS = 1_100;
const TENTATIVE_WORDS = 2;
const SOURCES = [
  { name: "one", label: "Anna" },
  { name: "two", label: "Ben" },
];
// [speaker, text]
const TURNS = [
  [0, "Good morning, everybody, and welcome."],
  [0, "Captions appear here while people are still speaking, word by word, and a line that was shown stays as it is."],
  [
    1,
    "Thank you, Anna. Last year 10 000 people read along, " +
      "because they could not hear us or did not want to miss a word.",
  ],
  [0, "That is why they are large, calm and easy to read."],
  [1, "Shall we begin?"],
];

export class Demo {
  #handlers;
  #speakers;
  #turn = 0;
  #shownWords = 0;

  /** speakers: 1 or 2. */
  constructor(handlers, speakers) {
    this.#handlers = handlers;
    this.#speakers = speakers;
  }

  start() {
    this.#handlers.onHello({ sources: SOURCES.slice(0, this.#speakers) }, { first: true, restarted: false });
    this.#handlers.onConnection("open", "");
    this.#show(TURNS[0][1].split(" ").length); // the whole first turn, so that there are words at once
  }

  /** Shows so many words of the current turn, and schedules the next word. */
  #show(count) {
    const [speaker, text] = TURNS[this.#turn % TURNS.length];
    const words = text.split(" ");
    const caption = { id: `demo-${this.#turn}`, source: SOURCES[speaker % this.#speakers].name, language: "en" };
    this.#shownWords = Math.min(count, words.length);
    if (this.#shownWords === words.length) {
      this.#handlers.onFinal({ ...caption, type: "final", text }, { replayed: false });
      this.#turn++;
      this.#shownWords = 0;
    } else {
      const first = (n) => words.slice(0, Math.max(0, n)).join(" ");
      const stable = first(this.#shownWords - TENTATIVE_WORDS).length;
      this.#handlers.onPartial({ ...caption, type: "partial", text: first(this.#shownWords), stable });
    }
    setTimeout(() => this.#show(this.#shownWords + 1), this.#shownWords ? WORD_MS : PAUSE_MS);
  }
}
