// The panel that makes this device a microphone: its form, its words, its meter. Sound comes from capture.js, and goes
// out through speaker.js.

import { capture } from "./capture.js";
import { setText } from "../shared/elements.js";
import { Meter } from "./meter.js";
import { Speaker } from "./audio_uplink.js";

const TOKEN_KEY = "streamstt.speaker-token"; // of the session only: it ends with the tab
const NAME_KEY = "streamstt.name";

const part = (name) => document.querySelector(`#microphone${name}`);

export class MicrophonePanel {
  #opener = part("-open");
  #panel = part("");
  #form = part("-form");
  #name = part("-name");
  #token = part("-token");
  #tokenField = part("-token-field");
  #words = part("-words");
  #live = part("-live");
  #stop = part("-stop");
  #meter = new Meter("this device’s microphone");
  #capture = null;
  #speaker = null;
  #label = "";
  #awake = null;

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
    this.#name.value = recall("localStorage", NAME_KEY);
    this.#token.value = recall("sessionStorage", TOKEN_KEY);
  }

  #toggle() {
    if (this.#panel.hidden) this.#show(true);
    else if (this.#form.hidden) this.#stop.focus();
    else this.#close();
    if (!this.#panel.hidden && !this.#form.hidden) this.#name.focus();
  }

  #show(open) {
    this.#panel.hidden = !open;
    this.#opener.setAttribute("aria-expanded", open);
  }

  #close() {
    this.#show(false);
    this.#say("");
    this.#opener.focus();
  }

  #say(text, trouble = false) {
    this.#words.classList.toggle("trouble", trouble);
    setText(this.#words, text);
  }

  #running(on) {
    this.#panel.classList.toggle("running", on);
    this.#form.hidden = on;
    this.#live.hidden = !on;
    this.#opener.classList.toggle("on", on);
    this.#stop.disabled = false;
  }

  async #start() {
    if (this.#capture) return;
    this.#label = this.#name.value.trim() || "Guest";
    remember("localStorage", NAME_KEY, this.#name.value.trim());
    this.#say("Asking for the microphone …");
    try {
      this.#capture = await capture({
        onPiece: (piece) => this.#piece(piece),
        onGone: (sentence) => this.#fail(sentence),
      });
    } catch (problem) {
      this.#fail(problem.message);
      return;
    }
    this.#say("Connecting …");
    const offer = { label: this.#label, rate: this.#capture.rate, token: this.#token.value.trim() };
    const speaker = new Speaker(offer, (state, detail) => speaker === this.#speaker && this.#state(state, detail));
    this.#speaker = speaker;
    this.#running(true);
    this.#stop.focus();
    this.#stayAwake();
  }

  #piece({ pcm, ms, level }) {
    this.#speaker?.send(pcm, ms);
    if (level) this.#meter.show(level);
  }

  #state(state, detail) {
    switch (state) {
      case "on":
        remember("sessionStorage", TOKEN_KEY, this.#token.value.trim());
        this.#say(`The microphone is on, as ${detail.name}.${lostWords(detail.lost_s)}`);
        return;
      case "retrying":
        this.#say("No connection. Trying again … What is said meanwhile is not captioned.", true);
        return;
      case "token":
        this.#tokenField.hidden = false;
        this.#fail(detail.message || "This server wants a token from whoever speaks. Its owner has it.");
        this.#token.focus();
        return;
      case "refused":
        this.#fail(`The server does not take this microphone: ${detail.message}.`);
        return;
      default:
        this.#off();
        this.#say("The microphone is off.");
    }
  }

  #end() {
    this.#capture?.stop(); // the microphone first: nobody wants to be heard after that
    this.#stop.disabled = true;
    this.#say("The microphone is off. Finishing the last words …");
    this.#speaker.end();
  }

  /** Over, with a sentence that says why; what was said before still becomes captions. */
  #fail(sentence) {
    const speaker = this.#speaker;
    this.#speaker = null;
    this.#off();
    speaker?.end();
    this.#say(sentence, true);
  }

  #off() {
    this.#capture?.stop();
    this.#capture = this.#speaker = null;
    const focused = this.#live.contains(document.activeElement);
    this.#running(false);
    if (focused) this.#form.querySelector("[type=submit]").focus();
    this.#awake?.release();
    this.#awake = null;
  }

  /** A phone that goes to sleep hears nothing. */
  async #stayAwake() {
    try {
      this.#awake = await navigator.wakeLock.request("screen");
    } catch {
      // it can still be kept awake by hand
    }
  }
}

function lostWords(seconds) {
  return seconds >= 0.5 ? ` ${seconds.toFixed(1)} s of sound were lost before.` : "";
}

function recall(storage, key) {
  try {
    return globalThis[storage].getItem(key) ?? "";
  } catch {
    return "";
  }
}

function remember(storage, key, value) {
  try {
    globalThis[storage].setItem(key, value);
  } catch {
    // then it is asked for again
  }
}
