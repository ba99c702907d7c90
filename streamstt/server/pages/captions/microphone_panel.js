// The panel that makes this device a microphone: its form, its messages, its meter. Sound comes from capture.js, and is
// sent by audio_uplink.js.

import { formatDuration } from "../shared/duration.js";
import { setText } from "../shared/elements.js";
import { AudioUplink } from "./audio_uplink.js";
import { startCapture } from "./capture.js";
import { Meter } from "./meter.js";

const TOKEN_KEY = "streamstt.speaker-token"; // in sessionStorage: it is forgotten with the tab
const NAME_KEY = "streamstt.name";
const MIN_LOST_SECONDS = 0.5; // shorter losses are not mentioned

const part = (name) => document.querySelector(`#microphone${name}`);

export class MicrophonePanel {
  #opener = part("-open");
  #panel = part("");
  #form = part("-form");
  #name = part("-name");
  #token = part("-token");
  #tokenField = part("-token-field");
  #message = part("-words");
  #live = part("-live");
  #stop = part("-stop");
  #meter = new Meter("this device’s microphone");
  #capture = null;
  #uplink = null;
  #wakeLock = null;

  constructor() {
    part("-meter").replaceWith(this.#meter.element);
    this.#opener.addEventListener("click", () => this.#toggle());
    part("-close").addEventListener("click", () => this.#close());
    this.#stop.addEventListener("click", () => this.#end());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    this.#form.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
    this.#name.value = load("localStorage", NAME_KEY);
    this.#token.value = load("sessionStorage", TOKEN_KEY);
  }

  #toggle() {
    if (this.#panel.hidden) this.#setOpen(true);
    else if (this.#form.hidden) this.#stop.focus();
    else this.#close();
    if (!this.#panel.hidden && !this.#form.hidden) this.#name.focus();
  }

  #setOpen(open) {
    this.#panel.hidden = !open;
    this.#opener.setAttribute("aria-expanded", open);
  }

  #close() {
    this.#setOpen(false);
    this.#showMessage("");
    this.#opener.focus();
  }

  #showMessage(text, problem = false) {
    this.#message.classList.toggle("problem", problem);
    setText(this.#message, text);
  }

  #setRunning(running) {
    this.#panel.classList.toggle("running", running);
    this.#form.hidden = running;
    this.#live.hidden = !running;
    this.#opener.classList.toggle("on", running);
    this.#stop.disabled = false;
  }

  async #start() {
    if (this.#capture) return;
    const name = this.#name.value.trim();
    save("localStorage", NAME_KEY, name);
    this.#showMessage("Asking for the microphone …");
    try {
      this.#capture = await startCapture({
        onChunk: (chunk) => this.#onChunk(chunk),
        onLost: (sentence) => this.#fail(sentence),
      });
    } catch (error) {
      this.#fail(error.message);
      return;
    }
    this.#showMessage("Connecting …");
    const request = { label: name || "Guest", rate: this.#capture.rate, token: this.#token.value.trim() };
    const uplink = new AudioUplink(request, (state, detail) => uplink === this.#uplink && this.#onState(state, detail));
    this.#uplink = uplink;
    this.#setRunning(true);
    this.#stop.focus();
    this.#requestWakeLock();
  }

  #onChunk({ pcm, ms, level }) {
    this.#uplink?.send(pcm, ms);
    if (level) this.#meter.show(level);
  }

  #onState(state, detail) {
    switch (state) {
      case "on":
        save("sessionStorage", TOKEN_KEY, this.#token.value.trim());
        this.#showMessage(`The microphone is on, as ${detail.name}.${describeLoss(detail.lostSeconds)}`);
        break;
      case "retrying":
        this.#showMessage("No connection. Trying again … Until then, speech is not captioned.", true);
        break;
      case "token":
        this.#tokenField.hidden = false;
        this.#fail(detail.message || "This server requires a speaker’s token. Ask the person who runs it.");
        this.#token.focus();
        break;
      case "refused":
        this.#fail(`The server refused this microphone: ${detail.message}.`);
        break;
      default:
        this.#stopCapture();
        this.#showMessage("The microphone is off.");
    }
  }

  #end() {
    this.#capture?.stop(); // the microphone first: from now on nothing may be recorded
    this.#stop.disabled = true;
    this.#showMessage("The microphone is off. Finishing the last words …");
    this.#uplink.end();
  }

  /** Stops with a sentence that says why. Words that were spoken before still become captions. */
  #fail(sentence) {
    const uplink = this.#uplink;
    this.#uplink = null;
    this.#stopCapture();
    uplink?.end();
    this.#showMessage(sentence, true);
  }

  #stopCapture() {
    this.#capture?.stop();
    this.#capture = this.#uplink = null;
    const focused = this.#live.contains(document.activeElement);
    this.#setRunning(false);
    if (focused) this.#form.querySelector("[type=submit]").focus();
    this.#wakeLock?.release();
    this.#wakeLock = null;
  }

  /** A phone that goes to sleep stops recording. */
  async #requestWakeLock() {
    try {
      this.#wakeLock = await navigator.wakeLock.request("screen");
    } catch {
      // The user can still keep the screen on.
    }
  }
}

function describeLoss(seconds) {
  return seconds >= MIN_LOST_SECONDS ? ` ${formatDuration(seconds)} of sound was lost.` : "";
}

function load(storage, key) {
  try {
    return globalThis[storage].getItem(key) ?? "";
  } catch {
    return "";
  }
}

function save(storage, key, value) {
  try {
    globalThis[storage].setItem(key, value);
  } catch {
    // Storage is blocked: the user has to type it again.
  }
}
