// Complete looks to begin with. What a preset does not name has its default.

/** [name, settings]. */
export const PRESETS = [
  ["Stream, bottom", {}],
  ["Meeting room screen, large", { size: 5.6, chars: 30, lines: 3, weight: 700, margin: 4, background: "#000000f2" }],
  ["Light on dark", { color: "#ffffff", background: "#000000" }],
  ["Dark on light", { color: "#111111", background: "#fffffff2" }],
  ["Outlined letters, no box", { background: "none", outline: 5, weight: 700, size: 4, chars: 36 }],
  ["Colors by speaker", { colors: "text", labels: "off", lines: 3 }],
  ["Broadcast pop-on captions", { mode: "popon", align: "center", background: "#000000d9", chars: 37 }],
  ["Small, in a corner", { position: "bottom-left", size: 2.4, chars: 32, lines: 3, margin: 4 }],
];

/** All settings with a preset. What is not a matter of looks stays as it is: which speakers are shown. */
export function withPreset(preset, { schema }, { source }) {
  const defaults = Object.fromEntries(Object.entries(schema).map(([name, rule]) => [name, rule.default]));
  return { ...defaults, ...preset, source };
}

/** Whether all settings are those of a preset. */
export function isPreset(preset, description, values) {
  const wanted = withPreset(preset, description, values);
  return Object.keys(wanted).every((name) => JSON.stringify(wanted[name]) === JSON.stringify(values[name]));
}
