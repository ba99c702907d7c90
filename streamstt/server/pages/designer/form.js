// The designer's form: a field for each setting that the daemon describes, with its help, or what is wrong with its
// value.

import { parseSetting, toCssColor } from "../overlay/settings.js";
import { parseColor } from "../shared/colors.js";
import { element } from "../shared/elements.js";
import { CHOICES, GROUPS, HELP, LABELS } from "./words.js";

const STEPS = { weight: 50, size: 0.1, outline: 0.5, clear: 0.5, min: 0.1 };

/** Fills the form anew. values: changed in place by each valid input; onChange(): called afterwards. */
export function buildForm(form, { schema }, values, onChange) {
  const grouped = new Set(GROUPS.flatMap(([, names]) => names));
  form.replaceChildren();
  const others = Object.keys(schema).filter((name) => !grouped.has(name)); // of a daemon newer than this list
  for (const [title, names] of [...GROUPS, ["More", others]]) {
    const known = names.filter((name) => name in schema);
    if (!known.length) continue;
    const group = element("fieldset");
    group.append(element("legend", "", title), ...known.map((name) => makeField(name, schema, values, onChange)));
    form.append(group);
  }
}

function makeField(name, schema, values, onChange) {
  const rule = schema[name];
  const control = makeControl(name, rule, values[name]);
  control.main.id = `setting-${name}`;
  control.main.setAttribute("aria-describedby", `help-${name}`);
  const label = element("label", "", LABELS[name] ?? name);
  label.htmlFor = control.main.id;
  const helpText = HELP[name] ?? rule.description;
  const help = element("p", "help", helpText);
  help.id = `help-${name}`;
  control.onInput((text) => {
    const { value, problem } = parseSetting(name, name === "source" ? text.split(",") : [text], schema);
    control.main.setAttribute("aria-invalid", Boolean(problem));
    help.textContent = problem ?? helpText;
    help.classList.toggle("problem", Boolean(problem));
    if (problem) return;
    values[name] = value;
    onChange();
  });
  const row = element("div", "control");
  row.append(...control.parts);
  const field = element("div", "field");
  field.append(label, row, help);
  return field;
}

/** {main, parts, onInput}: the labelled element, all elements, and a function that registers a handler(text). */
function makeControl(name, rule, value) {
  if (rule.type === "boolean") return makeSwitch(value);
  if (rule.enum) return makeChoice(rule.enum, CHOICES[name] ?? {}, value);
  if (rule.type === "integer" || rule.type === "number") return makeSlider(name, rule, value);
  if (rule.type === "array") return makeText(value.join(", "));
  return name === "font" ? makeText(value) : makeColor(value);
}

function simpleControl(main, text) {
  return { main, parts: [main], onInput: (handler) => main.addEventListener("input", () => handler(text())) };
}

function makeText(value) {
  const main = input("text", { value, spellcheck: false });
  return simpleControl(main, () => main.value);
}

function makeSwitch(value) {
  const main = input("checkbox", { checked: value });
  return simpleControl(main, () => (main.checked ? "1" : "0"));
}

function makeChoice(choices, words, value) {
  const main = element("select");
  main.append(
    ...choices.map((choice) => Object.assign(element("option", "", words[choice] ?? choice), { value: choice })),
  );
  main.value = value;
  return simpleControl(main, () => main.value);
}

/** A slider, and a number for exact values. */
function makeSlider(name, { minimum: min, maximum: max }, value) {
  const step = STEPS[name] ?? 1;
  const slider = input("range", { min, max, step, value, tabIndex: -1 });
  slider.setAttribute("aria-hidden", "true"); // the number is the accessible control
  const main = input("number", { min, max, step, value });
  const onInput = (handler) => {
    const pairs = [
      [slider, main],
      [main, slider],
    ];
    for (const [changed, other] of pairs) {
      changed.addEventListener("input", () => {
        other.value = changed.value;
        handler(changed.value);
      });
    }
  };
  return { main, parts: [slider, main], onInput };
}

/** A color as CSS text, the browser's color picker, and a slider for the opacity. */
function makeColor(value) {
  const main = input("text", { value, spellcheck: false });
  const [shade, opacity] = [input("color", {}), input("range", { min: 0, max: 100 })];
  shade.setAttribute("aria-label", "Shade");
  opacity.setAttribute("aria-label", "Opacity in percent");
  const updatePickers = () => {
    const [red, green, blue, alpha] = parseColor(toCssColor(main.value));
    shade.value = `#${[red, green, blue].map(hex).join("")}`;
    opacity.value = Math.round(alpha * 100);
  };
  const updateText = () => {
    const alpha = hex(opacity.value * 2.55);
    main.value = shade.value + (alpha === "ff" ? "" : alpha);
  };
  updatePickers();
  const onInput = (handler) => {
    main.addEventListener("input", () => {
      handler(main.value);
      if (main.getAttribute("aria-invalid") === "false") updatePickers();
    });
    for (const picker of [shade, opacity]) {
      picker.addEventListener("input", () => {
        updateText();
        handler(main.value);
      });
    }
  };
  return { main, parts: [shade, opacity, main], onInput };
}

function hex(value) {
  return Math.round(value).toString(16).padStart(2, "0");
}

function input(type, properties) {
  return Object.assign(element("input"), { type }, properties);
}
