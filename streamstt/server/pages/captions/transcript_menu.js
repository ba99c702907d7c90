// The transcript menu: copies captions to the clipboard, and offers the transcript files.

import { setText } from "../shared/elements.js";
import { serverUrl } from "../shared/server_url.js";

const FEEDBACK_MS = 4_000;

export class TranscriptMenu {
  #log;
  #history;
  #menu = document.querySelector("#transcript");
  #copyLabel = document.querySelector("#copy-words");
  #selection = ""; // selected text of the captions when the menu was opened
  #timer = 0;

  constructor(log, history) {
    this.#log = log;
    this.#history = history;
    const day = new Date().toLocaleDateString("sv"); // 2026-01-31
    for (const link of document.querySelectorAll("#transcript a, #view a")) {
      const path = link.getAttribute("href");
      if (link.hasAttribute("download")) link.download = path.replace("transcript", `captions-${day}`);
      link.href = serverUrl(path);
    }
    this.#menu.addEventListener("beforetoggle", () => this.#reset());
    document.querySelector("#copy").addEventListener("click", () => this.#copy());
  }

  #reset() {
    clearTimeout(this.#timer);
    const selection = getSelection();
    const inLog = selection.rangeCount > 0 && selection.getRangeAt(0).intersectsNode(document.querySelector("#log"));
    this.#selection = inLog ? selection.toString().trim() : "";
    setText(this.#copyLabel, this.#selection ? "Copy the selection" : "Copy everything");
  }

  async #copy() {
    if (this.#selection) {
      this.#showResult(await this.#write(this.#selection), "Copied");
      return;
    }
    const complete = await this.#history.load().then(
      () => true,
      () => false,
    );
    const lines = this.#log.rows.map(lineOf);
    const copied = `Copied ${lines.length === 1 ? "1 line" : `${lines.length} lines`}`;
    const missing = complete ? "" : "; earlier ones could not be loaded";
    this.#showResult(await this.#write(lines.join("\n")), copied + missing);
  }

  #showResult(copied, message) {
    setText(this.#copyLabel, copied ? `✓ ${message}` : "The browser did not allow copying: use a download");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reset(), FEEDBACK_MS);
  }

  /** Writes to the clipboard. Returns whether the browser allowed it. */
  async #write(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return this.#writeBySelection(text); // over plain http from another machine there is no clipboard object
    }
  }

  #writeBySelection(text) {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    this.#menu.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}

/** A row as text: time and label if they are visible, then the words. */
function lineOf(row) {
  const isShown = (part) => part.textContent && getComputedStyle(part).display !== "none";
  const [time, label, text] = row.children;
  const several = document.body.classList.contains("several");
  const star = row.classList.contains("starred") ? "★ " : "";
  return `${star}${isShown(time) ? `${time.textContent} ` : ""}${several ? `${label.textContent}: ` : ""}${text.textContent}`;
}
