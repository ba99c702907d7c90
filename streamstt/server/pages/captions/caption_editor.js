// For those who may control the daemon: tools beside a caption, which correct, hide and star it for everybody. Tools
// and field float above the rows, which stay as they are. A row is chosen with the pointer, or with Tab and the arrow
// keys.

import { setText } from "../shared/elements.js";
import { socketUrl } from "../shared/server_url.js";
import { firstMessage } from "../shared/socket.js";

const TIMEOUT_MS = 10_000;
const STEPS = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };

export class CaptionEditor {
  #log;
  #autoScroll;
  #rows = document.querySelector("#log");
  #switch = document.querySelector("#editing");
  #panel = document.querySelector("#editor");
  #tools = document.querySelector("#editor-tools");
  #hide = document.querySelector("#editor-hide");
  #star = document.querySelector("#editor-star");
  #form = document.querySelector("#editor-form");
  #field = document.querySelector("#editor-text");
  #words = document.querySelector("#editor-words");
  #row = null; // the one that the tools are beside
  #edited = null; // the caption whose text is in the field, as it was then

  constructor(log, autoScroll) {
    this.#log = log;
    this.#autoScroll = autoScroll;
    this.#switch.addEventListener("change", () => this.#setEditing(this.#switch.checked));
    this.#rows.addEventListener("pointerover", ({ target }) => this.#choose(target));
    this.#rows.addEventListener("focusin", ({ target }) => this.#choose(target));
    this.#rows.addEventListener("keydown", (event) => this.#onRowKey(event));
    const column = document.querySelector("#column");
    // A finger leaves when it is lifted: its tools stay.
    column.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && this.#leave());
    column.addEventListener("focusout", ({ relatedTarget }) => column.contains(relatedTarget) || this.#leave());
    document.querySelector("#editor-edit").addEventListener("click", () => this.#open());
    this.#hide.addEventListener("click", () => this.#send({ hidden: !this.#caption.hidden }));
    this.#star.addEventListener("click", () => this.#send({ starred: !this.#caption.starred }));
    document.querySelector("#editor-cancel").addEventListener("click", () => this.#close());
    this.#panel.addEventListener("keydown", (event) => this.#onKey(event));
    this.#field.addEventListener("input", () => this.#fitField());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    new ResizeObserver(() => this.#place()).observe(this.#rows.parentElement);
    new MutationObserver(() => this.captionsChanged()).observe(this.#rows, { childList: true });
  }

  /** Whether this connection may control the daemon. */
  setAllowed(allowed) {
    document.querySelector("#editing-row").hidden = !allowed;
    if (!allowed && this.#isEditing) this.#setEditing(false);
  }

  /** There are other rows, or other words in them. */
  captionsChanged() {
    if (!this.#isEditing) return;
    if (this.#row && !this.#row.isConnected) this.#row = this.#log.rowOf(this.#caption.seq);
    if (!this.#row) this.#hidePanel();
    this.#setTabStop(this.#rows.contains(document.activeElement) ? document.activeElement : null);
    this.#describe();
    this.#place();
  }

  get #isEditing() {
    return document.body.classList.contains("editing");
  }

  get #caption() {
    return this.#log.captionOf(this.#row);
  }

  #setEditing(editing) {
    this.#switch.checked = editing;
    this.#log.showHidden(editing);
    this.#hidePanel();
    for (const row of this.#rows.querySelectorAll("[tabindex]")) row.removeAttribute("tabindex");
    this.captionsChanged();
  }

  /** One row can be reached with Tab: the one that has the focus, or else the newest. */
  #setTabStop(focused) {
    const row = focused ?? [...this.#rows.querySelectorAll(".caption:not([hidden])")].at(-1);
    for (const other of this.#rows.querySelectorAll('[tabindex="0"]')) if (other !== row) other.tabIndex = -1;
    if (row) row.tabIndex = 0;
  }

  #onRowKey(event) {
    const rows = [...this.#rows.querySelectorAll(".caption:not([hidden])")];
    const step = STEPS[event.key];
    if (!this.#isEditing || step === undefined || !rows.includes(event.target)) return;
    event.preventDefault();
    const next = rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(event.target) + step))];
    this.#autoScroll.pause();
    this.#setTabStop(next);
    next.focus();
  }

  #onKey(event) {
    if (event.key === "Escape" && !this.#form.hidden) this.#close();
    else if (event.key === "Enter" && event.target === this.#field && !event.isComposing) this.#save();
    else return;
    event.preventDefault();
  }

  /** Moves the tools to the row of an element, unless a caption is being edited. */
  #choose(target) {
    const row = target.closest(".caption");
    if (!this.#isEditing || this.#edited || !row || !this.#log.captionOf(row)) return;
    if (this.#tools.querySelector(":focus-visible") && row !== this.#row) return; // the keyboard is in the tools
    this.#row = row;
    this.#panel.hidden = false;
    setText(this.#words, "");
    this.#describe();
    this.#place();
  }

  #leave() {
    const focused = document.activeElement;
    if (!this.#edited && !this.#panel.contains(focused) && !this.#rows.contains(focused)) this.#hidePanel();
  }

  #hidePanel() {
    this.#panel.hidden = true;
    this.#form.hidden = true;
    this.#tools.hidden = false;
    this.#row = this.#edited = null;
  }

  #describe() {
    if (!this.#row) return;
    const { hidden, starred } = this.#caption;
    setText(this.#hide, hidden ? "Show again" : "Hide");
    this.#star.ariaPressed = starred;
  }

  #place() {
    if (this.#panel.hidden || !this.#row) return;
    const { top } = this.#panel.parentElement.getBoundingClientRect();
    const row = this.#row.getBoundingClientRect();
    this.#panel.style.top = `${row.top - top}px`;
  }

  #open() {
    this.#edited = this.#caption;
    this.#autoScroll.pause();
    this.#field.value = this.#edited.text;
    this.#tools.hidden = true;
    this.#form.hidden = false;
    setText(this.#words, "");
    this.#fitField();
    this.#field.focus();
  }

  #fitField() {
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight + 2}px`;
  }

  #close() {
    this.#form.hidden = true;
    this.#tools.hidden = false;
    this.#edited = null;
    setText(this.#words, "");
    this.#setTabStop(this.#row);
    this.#row?.focus({ preventScroll: true });
  }

  async #save() {
    const { text, rev } = this.#edited;
    const typed = this.#field.value.trim();
    if (typed === text || (await this.#send(typed ? { text: typed, rev } : { hidden: true }))) this.#close();
  }

  /** Asks the daemon to change the caption. Returns whether it has; if not, says why. */
  async #send(change) {
    const { id } = this.#edited ?? this.#caption;
    try {
      const answer = await firstMessage(socketUrl("control"), TIMEOUT_MS, { type: "revise", id, ...change });
      setText(this.#words, answer.type === "error" ? `Not changed: ${answer.message}.` : "");
      return answer.type !== "error";
    } catch {
      setText(this.#words, "Not changed: the server does not answer.");
      return false;
    }
  }
}
