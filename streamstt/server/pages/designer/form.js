// The designer's form: a field for each setting that the daemon tells of, with its help, limits and what is wrong.

import { asColor, read } from "../overlay/settings.js";
import { parse } from "../shared/colors.js";

const GROUPS = [
  ["Text", ["font", "weight", "size", "upper", "lines", "chars", "align", "dir"]],
  ["Colours", ["color", "background", "outline", "tentative"]],
  ["Place", ["position", "margin"]],
  ["Speakers", ["labels", "colors", "source"]],
  ["Time", ["mode", "clear", "min", "cps"]],
];
const NAMES = {
  font: "Font",
  weight: "Weight",
  size: "Size",
  color: "Text",
  background: "Box",
  outline: "Outline",
  position: "Position",
  margin: "Distance from the edge",
  align: "Alignment",
  lines: "Lines",
  chars: "Characters a line",
  mode: "Appearance",
  tentative: "Uncertain words",
  labels: "Labels",
  colors: "Speaker's colour on",
  upper: "Capital letters",
  dir: "Direction",
  clear: "Clear after silence",
  min: "Least time",
  cps: "Reading speed",
  source: "Only these sources",
};
const STEPS = { weight: 50, size: 0.1, outline: 0.5, clear: 0.5, min: 0.1 };

/** Fills the form. values: changed in place with each valid input; changed(): called then. */
export function buildForm(form, { schema }, values, changed) {
  const grouped = new Set(GROUPS.flatMap(([, names]) => names));
  const rest = Object.keys(schema).filter((name) => !grouped.has(name)); // of a daemon newer than this list
  for (const [title, names] of [...GROUPS, ["More", rest]]) {
    const known = names.filter((name) => name in schema);
    if (!known.length) continue;
    const group = element("fieldset");
    group.append(element("legend", title), ...known.map((name) => field(name, schema, values, changed)));
    form.append(group);
  }
  form.addEventListener("submit", (event) => event.preventDefault());
}

function field(name, schema, values, changed) {
  const rule = schema[name];
  const block = element("div");
  block.className = "field";
  const control = makeControl(name, rule, values[name]);
  control.main.id = `setting-${name}`;
  control.main.setAttribute("aria-describedby", `help-${name}`);
  const label = element("label", NAMES[name] ?? name);
  label.htmlFor = control.main.id;
  const help = element("p", rule.description);
  help.id = `help-${name}`;
  help.className = "help";
  const take = (text) => {
    const { value, problem } = read(name, name === "source" ? text.split(",") : [text], schema);
    control.main.setAttribute("aria-invalid", Boolean(problem));
    help.textContent = problem ?? rule.description;
    help.classList.toggle("problem", Boolean(problem));
    if (problem) return;
    values[name] = value;
    changed();
  };
  control.listen(take);
  const row = element("div");
  row.className = "control";
  row.append(...control.parts);
  block.append(label, row, help);
  return block;
}

/** {main, parts, listen}: the field itself, all that is shown, and how to hear of what is put in. */
function makeControl(name, rule, value) {
  if (rule.type === "boolean") return makeSwitch(value);
  if (rule.enum) return makeChoice(rule.enum, value);
  if (rule.type === "integer" || rule.type === "number") return makeSlider(name, rule, value);
  if (rule.type === "array") return makeText(value.join(", "));
  return name === "font" ? makeText(value) : makeColor(value);
}

function makeText(value) {
  const main = input("text", { value, spellcheck: false });
  return { main, parts: [main], listen: (take) => main.addEventListener("input", () => take(main.value)) };
}

function makeSwitch(value) {
  const main = input("checkbox", { checked: value });
  return { main, parts: [main], listen: (take) => main.addEventListener("input", () => take(main.checked ? "1" : "0")) };
}

function makeChoice(choices, value) {
  const main = element("select");
  main.append(...choices.map((choice) => Object.assign(element("option", choice), { value: choice })));
  main.value = value;
  return { main, parts: [main], listen: (take) => main.addEventListener("input", () => take(main.value)) };
}

/** A slider for the eye, and a number for exact ones. */
function makeSlider(name, { minimum: min, maximum: max }, value) {
  const step = STEPS[name] ?? 1;
  const slider = input("range", { min, max, step, value, tabIndex: -1 });
  slider.setAttribute("aria-hidden", "true"); // the number says the same
  const main = input("number", { min, max, step, value });
  const listen = (take) => {
    for (const [one, other] of [[slider, main], [main, slider]]) {
      one.addEventListener("input", () => {
        other.value = one.value;
        take(one.value);
      });
    }
  };
  return { main, parts: [slider, main], listen };
}

/** A colour in CSS's words, the browser's own picker for its shade, and a slider for how opaque it is. */
function makeColor(value) {
  const main = input("text", { value, spellcheck: false });
  const [shade, opacity] = [input("color", {}), input("range", { min: 0, max: 100 })];
  shade.setAttribute("aria-label", "Shade");
  opacity.setAttribute("aria-label", "Opacity in per cent");
  const toPickers = () => {
    const [red, green, blue, alpha] = parse(asColor(main.value));
    shade.value = `#${[red, green, blue].map(hex).join("")}`;
    opacity.value = Math.round(alpha * 100);
  };
  const toText = () => {
    const alpha = hex(opacity.value * 2.55);
    main.value = shade.value + (alpha === "ff" ? "" : alpha);
  };
  toPickers();
  const listen = (take) => {
    main.addEventListener("input", () => {
      take(main.value);
      if (main.getAttribute("aria-invalid") === "false") toPickers();
    });
    for (const picker of [shade, opacity]) {
      picker.addEventListener("input", () => {
        toText();
        take(main.value);
      });
    }
  };
  return { main, parts: [shade, opacity, main], listen };
}

function hex(value) {
  return Math.round(value).toString(16).padStart(2, "0");
}

function input(type, properties) {
  return Object.assign(element("input"), { type }, properties);
}

function element(tag, text = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
