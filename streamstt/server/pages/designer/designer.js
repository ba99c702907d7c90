// The overlay designer: the settings beside a live preview, and the address that has them. The preview is the overlay
// itself in a frame of 1920 by 1080, made smaller, with sample words.

import { AA, opposite, parse, worstContrast } from "../shared/colors.js";
import { asColor, describe, fromQuery, toQuery, toToml } from "../overlay/settings.js";
import { buildForm } from "./form.js";
import { serverUrl } from "../shared/feed.js";

const PICTURE = { width: 1920, height: 1080 }; // the size of a scene in OBS
const SETTLE_MS = 250; // a slider is moved in many small steps

const byId = (id) => document.querySelector(`#${id}`);
const [screen, preview, several, contrast] = ["screen", "preview", "several", "contrast"].map(byId);
const description = await describe();
const { values } = fromQuery(new URLSearchParams(location.search), description);
let tokenWanted = false;
let timer = 0;

function changed() {
  showAddress();
  showContrast();
  clearTimeout(timer);
  timer = setTimeout(showPreview, SETTLE_MS);
}

function showPreview() {
  const url = new URL("overlay", location.href);
  url.search = toQuery({ ...values, source: description.settings.source }, description);
  url.searchParams.set("demo", several.checked ? "2" : "1");
  preview.contentWindow.location.replace(url); // no entry in the history for each step of a slider
}

function showAddress() {
  const query = toQuery(values, description);
  const url = new URL("overlay", location.href);
  url.search = query;
  if (tokenWanted) url.search += `${url.search ? "&" : "?"}token=TOKEN`;
  byId("address").value = url.href;
  const toml = toToml(values, description);
  byId("toml").value = toml;
  byId("toml").rows = Math.min(12, toml.split("\n").length);
  const here = new URL(location.href);
  here.search = query;
  history.replaceState(null, "", here); // the page can be reloaded, and bookmarked
}

function showContrast() {
  const text = parse(asColor(values.color));
  const least = worstContrast(text, values.outline ? opposite(text) : parse(asColor(values.background)));
  const enough = least >= AA;
  contrast.dataset.enough = enough;
  contrast.textContent = enough
    ? `Contrast at least ${least.toFixed(1)} : 1 on any picture`
    : `Contrast may be ${least.toFixed(1)} : 1 on some pictures. Take a darker box or an outline.`;
}

function fitPreview() {
  preview.style.transform = `scale(${screen.clientWidth / PICTURE.width})`;
}

async function copy(button) {
  const field = byId(button.dataset.copies);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // without TLS, browsers have no clipboard but for this machine's own pages
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1_500);
}

/** A daemon that asks for tokens does not answer without one; the cookie of this page is none of OBS's. */
async function askForToken() {
  const answer = await fetch(serverUrl("overlay.json"), { credentials: "omit" });
  tokenWanted = answer.status === 401;
  byId("tokenhint").hidden = !tokenWanted;
  showAddress();
}

buildForm(byId("settings"), description, values, changed);
for (const radio of document.querySelectorAll("[name=backdrop]")) {
  radio.addEventListener("change", () => (screen.dataset.backdrop = radio.value));
}
for (const button of document.querySelectorAll("[data-copies]")) button.addEventListener("click", () => copy(button));
several.addEventListener("change", showPreview);
byId("address").addEventListener("focus", () => byId("address").select());
new ResizeObserver(fitPreview).observe(screen);
changed();
await askForToken();
