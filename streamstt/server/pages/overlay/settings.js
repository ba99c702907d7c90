// The overlay's settings: their description by the daemon (names, defaults, limits, help), their values in an address,
// and the way back into an address or a configuration. It does not know what a setting does.

import { Backoff } from "../shared/backoff.js";
import { serverUrl } from "../shared/server_url.js";

const NOT_SETTINGS = new Set(["token", "demo"]); // other parameters of an address
const TRUE_WORDS = new Set(["", "1", "true", "yes", "on"]);
const FALSE_WORDS = new Set(["0", "false", "no", "off"]);

/** {settings, schema} of this daemon. Repeats the request until it is answered: the daemon may be restarting. */
export async function loadDescription() {
  const backoff = new Backoff();
  for (;;) {
    try {
      const response = await fetch(serverUrl("overlay.json"));
      if (response.ok) return await response.json();
    } catch {
      // No connection.
    }
    await new Promise((resolve) => setTimeout(resolve, backoff.next()));
  }
}

/** The effective settings for a query (URLSearchParams), and what is wrong with it: [[name, sentence]...]. */
export function fromQuery(query, { settings, schema }) {
  const values = { ...settings };
  const problems = [];
  for (const name of new Set(query.keys())) {
    if (NOT_SETTINGS.has(name)) continue;
    const { value, problem } = parseSetting(name, query.getAll(name), schema);
    if (problem) problems.push([name, problem]);
    else values[name] = value;
  }
  return { values, problems };
}

/** Parses one setting: {value}, or {problem}, a sentence. texts: one for each time that the setting was given. */
export function parseSetting(name, texts, schema) {
  const rule = Object.hasOwn(schema, name) ? schema[name] : null;
  if (!rule) return { problem: `There is no such setting. Settings: ${Object.keys(schema).join(", ")}.` };
  if (rule.type === "array") return { value: texts.map((text) => text.trim()).filter(Boolean) };
  const text = texts.at(-1).trim();
  if (rule.type === "boolean") return parseSwitch(text);
  if (rule.type === "integer" || rule.type === "number") return parseNumber(text, rule);
  if (rule.enum) return parseChoice(text, rule.enum);
  const matches = text.length <= (rule.maxLength ?? Infinity) && new RegExp(rule.pattern, "u").test(text);
  if (name === "font") {
    return matches ? { value: text } : { problem: "Must be names of fonts: letters, digits and spaces." };
  }
  if (matches && CSS.supports("color", toCssColor(text))) return { value: text };
  return { problem: "Must be a color, for example #ffcc00, #000c (with opacity), gold, or rgb(0 0 0 / 80%)." };
}

/** A color for CSS. The # may be missing, because it is tedious to write in an address; "none" is transparent. */
export function toCssColor(text) {
  if (text.toLowerCase() === "none") return "transparent";
  return /^([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/iu.test(text) && !CSS.supports("color", text) ? `#${text}` : text;
}

/** A query with the settings that differ from the daemon's. */
export function toQuery(values, { settings, schema }) {
  const query = new URLSearchParams();
  for (const name of Object.keys(schema)) {
    if (equal(values[name], settings[name])) continue;
    const value = values[name];
    // An empty list must override one that the daemon has: it is given as one empty name.
    const texts = Array.isArray(value) && value.length === 0 ? [""] : [value].flat().map(String);
    for (const text of texts) query.append(name, text.replace(/^#/u, ""));
  }
  return query;
}

/** The section [overlay] of a configuration, with the settings that differ from the defaults. */
export function toToml(values, { schema }) {
  const lines = Object.keys(schema)
    .filter((name) => !equal(values[name], schema[name].default))
    .map((name) => `${name} = ${JSON.stringify(values[name])}`);
  return ["[overlay]", ...lines].join("\n");
}

function parseSwitch(text) {
  const word = text.toLowerCase();
  if (TRUE_WORDS.has(word)) return { value: true };
  if (FALSE_WORDS.has(word)) return { value: false };
  return { problem: "Must be 1 or 0." };
}

function parseNumber(text, { type, minimum, maximum }) {
  const value = text === "" ? NaN : Number(text.replace(",", "."));
  const valid = value >= minimum && value <= maximum && (type === "number" || Number.isInteger(value));
  const kind = type === "integer" ? "a whole number" : "a number";
  return valid ? { value } : { problem: `Must be ${kind} from ${minimum} to ${maximum}.` };
}

function parseChoice(text, choices) {
  return choices.includes(text) ? { value: text } : { problem: `Must be one of ${choices.join(", ")}.` };
}

function equal(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
