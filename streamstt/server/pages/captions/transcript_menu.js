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
      if (link.hasAttribute("download")) link.download = fileName(path, day);
      link.href = serverUrl(path);
    }
    this.#menu.addEventListener("beforetoggle", (event) => {
      this.#reset();
      if (event.newState === "open") this.#showSession();
    });
    document.querySelector("#copy").addEventListener("click", () => this.#copy());
  }

  #reset() {
    clearTimeout(this.#timer);
    const selection = getSelection();
    const inLog = selection.rangeCount > 0 && selection.getRangeAt(0).intersectsNode(document.querySelector("#log"));
    this.#selection = inLog ? selection.toString().trim() : "";
    setText(this.#copyLabel, this.#selection ? "Copy the selection" : "Copy everything");
  }

  /** Says since when there are captions to download, and whether a part of them can be downloaded on its own. */
  async #showSession() {
    const session = await fetch(serverUrl("session.json")).then(
      (response) => (response.ok ? response.json() : null),
      () => null,
    );
    if (!session) return; // the links may work all the same
    const title = session.whole ? "Download the whole session" : "Download what is kept";
    setText(document.querySelector("#downloads-title"), title);
    setText(document.querySelector("#downloads-from"), fromTime(session.from));
    document.querySelector("#set").hidden = !session.set;
    if (!session.set) return;
    setText(
      document.querySelector("#set-title"),
      session.set.title ? `Only “${session.set.title}”` : "Only the last part",
    );
    setText(document.querySelector("#set-from"), fromTime(session.set.from));
  }

  async #copy() {
    if (this.#selection) {
      this.#showResult(await this.#write(this.#selection), "Copied");
      return;
    }
    const missing = await this.#history.load().then(
      (whole) => (whole ? "" : "; earlier ones are no longer kept"),
      () => "; earlier ones could not be loaded",
    );
    const lines = this.#log.rows.map(lineOf);
    const copied = `Copied ${lines.length === 1 ? "1 line" : `${lines.length} lines`}`;
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

function fileName(path, day) {
  const [file, part] = path.split("?");
  return file.replace("transcript", part ? `captions-${day}-part` : `captions-${day}`);
}

/** "from 14:05 on", with the date if it is another day. */
function fromTime(at) {
  if (!at) return "";
  const time = new Date(at);
  const date = { day: "numeric", month: "short" };
  const isToday = time.toDateString() === new Date().toDateString();
  return `from ${time.toLocaleString([], { hour: "2-digit", minute: "2-digit", ...(isToday ? {} : date) })} on`;
}

/** A row as text: time and label if they are visible, then the words. */
function lineOf(row) {
  const isShown = (part) => part.textContent && getComputedStyle(part).display !== "none";
  const [time, label, text] = row.children;
  const several = document.body.classList.contains("several");
  const star = row.classList.contains("starred") ? "★ " : "";
  const speaker = several ? `${label.textContent}: ` : "";
  return `${star}${isShown(time) ? `${time.textContent} ` : ""}${speaker}${text.textContent}`;
}
