// The overlay designer: the settings beside a live preview, and the address that contains them. The preview is the
// overlay itself, with sample captions, in a frame of 1920 by 1080 that is scaled down.

import { fromQuery, loadDescription, toCssColor, toQuery, toToml } from "../overlay/settings.js";
import { AA, luminanceOpposite, parseColor, worstContrast } from "../shared/colors.js";
import { element } from "../shared/elements.js";
import { serverUrl } from "../shared/server_url.js";
import { buildForm } from "./form.js";
import { isPreset, PRESETS, withPreset } from "./presets.js";

const SCENE_WIDTH = 1920; // of OBS, and of #preview
const PREVIEW_DELAY_MS = 250; // a slider moves in many small steps
const FEEDBACK_MS = 1_500;
const MAX_TOML_ROWS = 12;

const byId = (id) => document.querySelector(`#${id}`);
const [screen, preview, several, contrast] = ["screen", "preview", "several", "contrast"].map(byId);
const description = await loadDescription();
const { values } = fromQuery(new URLSearchParams(location.search), description);
let tokenRequired = false;
let timer = 0;

function onChange() {
  showPreset();
  showResults();
  showContrast();
  clearTimeout(timer);
  timer = setTimeout(showPreview, PREVIEW_DELAY_MS);
}

/** Changes all settings at once. */
function setAll(changed) {
  Object.assign(values, changed);
  buildForm(byId("settings"), description, values, onChange);
  onChange();
}

function makePresetButton([name, preset]) {
  const button = Object.assign(element("button", "preset", name), { type: "button" });
  button.addEventListener("click", () => setAll(withPreset(preset, description, values)));
  return button;
}

function showPreset() {
  for (const [n, [, preset]] of PRESETS.entries()) {
    byId("presets").children[n].setAttribute("aria-pressed", isPreset(preset, description, values));
  }
}

function showPreview() {
  const url = new URL("overlay", location.href);
  url.search = toQuery({ ...values, source: description.settings.source }, description);
  url.searchParams.set("demo", several.checked ? "2" : "1");
  preview.contentWindow.location.replace(url); // adds no entry to the browser's history
}

/** Shows the address and the configuration, and puts the settings into this page's own address. */
function showResults() {
  const query = toQuery(values, description);
  const url = new URL("overlay", location.href);
  url.search = query;
  if (tokenRequired) url.search += `${url.search ? "&" : "?"}token=TOKEN`;
  byId("address").value = url.href;
  const toml = toToml(values, description);
  byId("toml").value = toml;
  byId("toml").rows = Math.min(MAX_TOML_ROWS, toml.split("\n").length);
  const own = new URL(location.href);
  own.search = query;
  history.replaceState(null, "", own); // the page can be reloaded and bookmarked
}

function showContrast() {
  const text = parseColor(toCssColor(values.color));
  const behind = values.outline ? luminanceOpposite(text) : parseColor(toCssColor(values.background));
  const worst = worstContrast(text, behind);
  const enough = worst >= AA;
  contrast.dataset.enough = enough;
  contrast.textContent = enough
    ? `Contrast at least ${worst.toFixed(1)} : 1 on any picture`
    : `Contrast may be ${worst.toFixed(1)} : 1 on some pictures. Use a darker box or an outline.`;
}

function fitPreview() {
  preview.style.transform = `scale(${screen.clientWidth / SCENE_WIDTH})`;
}

async function copy(button) {
  const field = byId(button.dataset.copies);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // without TLS, only pages of this machine have a clipboard object
  }
  button.textContent = "Copied";
  setTimeout(() => {
    button.textContent = "Copy";
  }, FEEDBACK_MS);
}

/** Finds out whether an overlay in OBS needs a token: this page's cookie does not exist there. */
async function checkTokenRequired() {
  const response = await fetch(serverUrl("overlay.json"), { credentials: "omit" });
  tokenRequired = response.status === 401;
  byId("tokenhint").hidden = !tokenRequired;
  showResults();
}

byId("presets").append(...PRESETS.map(makePresetButton));
byId("reset").addEventListener("click", () => setAll(description.settings));
byId("settings").addEventListener("submit", (event) => event.preventDefault());
for (const radio of document.querySelectorAll("[name=backdrop]")) {
  radio.addEventListener("change", () => {
    screen.dataset.backdrop = radio.value;
  });
}
for (const button of document.querySelectorAll("[data-copies]")) button.addEventListener("click", () => copy(button));
several.addEventListener("change", showPreview);
byId("address").addEventListener("focus", () => byId("address").select());
new ResizeObserver(fitPreview).observe(screen);
setAll({});
await checkTokenRequired();
