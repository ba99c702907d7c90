// The reader's view of the page: text size, colors, times. Kept in this browser, or only for this visit if that fails.

import { setText } from "../shared/elements.js";

const SIZES = [70, 85, 100, 115, 130, 150, 175, 200, 250, 300]; // percent
const THEMES = ["auto", "light", "dark"];
const STORAGE_KEY = "streamstt.view";
const DEFAULTS = { size: 100, theme: "auto", times: false };

/** Applies the stored view, and connects the controls of #view. onChange(): lines may break elsewhere now. */
export function bindViewSettings(onChange) {
  const view = load();
  const controls = {
    smaller: document.querySelector("#smaller"),
    larger: document.querySelector("#larger"),
    times: document.querySelector("#times"),
    themes: [...document.querySelectorAll("[name=theme]")],
  };
  const apply = () => {
    show(view, controls);
    onChange();
  };
  const change = (settings) => {
    Object.assign(view, settings);
    save(view);
    apply();
  };
  const step = (by) => () => {
    const size = SIZES[Math.max(0, Math.min(SIZES.length - 1, SIZES.indexOf(view.size) + by))];
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
  // Not `disabled`: the button would lose the keyboard focus.
  controls.smaller.setAttribute("aria-disabled", size === SIZES[0]);
  controls.larger.setAttribute("aria-disabled", size === SIZES.at(-1));
  controls.times.checked = times;
  for (const radio of controls.themes) radio.checked = radio.value === theme;
}

function load() {
  let stored = {};
  try {
    stored = JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? {};
  } catch {
    // Storage is blocked, or holds something else.
  }
  return {
    size: SIZES.includes(stored.size) ? stored.size : DEFAULTS.size,
    theme: THEMES.includes(stored.theme) ? stored.theme : DEFAULTS.theme,
    times: stored.times === true,
  };
}

function save(view) {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(view));
  } catch {
    // The view lasts for this visit.
  }
}
