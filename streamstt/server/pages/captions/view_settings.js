// How the reader wants the page: text size, colours, times. Kept in this browser only; where it keeps nothing, for now.

import { setText } from "../shared/elements.js";

const SIZES = [70, 85, 100, 115, 130, 150, 175, 200, 250, 300]; // percent
const THEMES = ["auto", "light", "dark"];
const KEY = "streamstt.view";
const DEFAULTS = { size: 100, theme: "auto", times: false };

/** Applies what was kept, and listens to the controls of #view; calls `changed` when lines may break elsewhere. */
export function offerSettings(changed) {
  const kept = read();
  const controls = {
    smaller: document.querySelector("#smaller"),
    larger: document.querySelector("#larger"),
    times: document.querySelector("#times"),
    themes: [...document.querySelectorAll("[name=theme]")],
  };
  const apply = () => {
    show(kept, controls);
    changed();
  };
  const change = (value) => {
    Object.assign(kept, value);
    write(kept);
    apply();
  };
  const step = (by) => () => {
    const size = SIZES[Math.max(0, Math.min(SIZES.length - 1, SIZES.indexOf(kept.size) + by))];
    change({ size });
  };
  controls.smaller.addEventListener("click", step(-1));
  controls.larger.addEventListener("click", step(1));
  controls.times.addEventListener("change", () => change({ times: controls.times.checked }));
  for (const radio of controls.themes) radio.addEventListener("change", () => change({ theme: radio.value }));
  apply();
}

function show({ size, theme, times }, controls) {
  const root = document.documentElement;
  root.style.setProperty("--scale", size / 100);
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  document.body.classList.toggle("times", times);
  setText(document.querySelector("#size"), `${size} %`);
  // Not disabled: the keyboard's focus would be lost.
  controls.smaller.setAttribute("aria-disabled", size === SIZES[0]);
  controls.larger.setAttribute("aria-disabled", size === SIZES.at(-1));
  controls.times.checked = times;
  for (const radio of controls.themes) radio.checked = radio.value === theme;
}

function read() {
  let found = {};
  try {
    found = JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    // storage is blocked, or holds something else
  }
  return {
    size: SIZES.includes(found.size) ? found.size : DEFAULTS.size,
    theme: THEMES.includes(found.theme) ? found.theme : DEFAULTS.theme,
    times: found.times === true,
  };
}

function write(kept) {
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // then it holds for this visit
  }
}
