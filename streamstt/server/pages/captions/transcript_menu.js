// The transcript's menu: what was said into the clipboard, and the downloads.

import { setText } from "../shared/elements.js";
import { serverUrl } from "../shared/feed.js";

const FEEDBACK_MS = 4_000;

export class Copying {
  #log;
  #earlier;
  #words = document.querySelector("#copy-words");
  #selected = "";
  #timer = 0;

  constructor(log, earlier) {
    this.#log = log;
    this.#earlier = earlier;
    const day = new Date().toLocaleDateString("sv"); // 2026-01-31
    for (const link of document.querySelectorAll("#transcript a, #view a")) {
      const path = link.getAttribute("href");
      if (link.hasAttribute("download")) link.download = path.replace("transcript", `captions-${day}`);
      link.href = serverUrl(path);
    }
    document.querySelector("#transcript").addEventListener("beforetoggle", () => this.#opening());
    document.querySelector("#copy").addEventListener("click", () => this.#copy());
  }

  #opening() {
    clearTimeout(this.#timer);
    const selection = getSelection();
    const inside = selection.rangeCount > 0 && selection.getRangeAt(0).intersectsNode(document.querySelector("#log"));
    this.#selected = inside ? selection.toString().trim() : "";
    setText(this.#words, this.#selected ? "Copy the selection" : "Copy everything");
  }

  async #copy() {
    let text = this.#selected;
    let missing = "";
    if (!text) {
      await this.#earlier.load().catch(() => (missing = " that this page has"));
      const lines = this.#log.rows.map(asLine);
      text = lines.join("\n");
      this.#say(await put(text), `Copied ${lines.length === 1 ? "1 line" : `${lines.length} lines`}${missing}`);
      return;
    }
    this.#say(await put(text), "Copied");
  }

  #say(done, words) {
    setText(this.#words, done ? `✓ ${words}` : "The browser did not allow it: use a download");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#opening(), FEEDBACK_MS);
  }
}

/** A row as text: what is visible of time and label, then the words. */
function asLine(row) {
  const shown = (part) => part.textContent && getComputedStyle(part).display !== "none";
  const [time, label, text] = row.children;
  const several = document.body.classList.contains("several");
  return `${shown(time) ? `${time.textContent} ` : ""}${several ? `${label.textContent}: ` : ""}${text.textContent}`;
}

async function put(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return putInTheOldWay(text); // on plain http from another machine there is no clipboard object
  }
}

function putInTheOldWay(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.querySelector("#transcript").append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}
