// The overlay's settings: what the daemon says there is (names, defaults, limits, help), what an address asks for, and
// the way back into an address or into a configuration. Nothing here knows what a setting does.

import { serverUrl } from "../shared/feed.js";

const RETRY_MS = 2_000;
const NOT_SETTINGS = new Set(["token", "demo"]); // what an address may have beside settings
const YES = new Set(["", "1", "true", "yes", "on"]);
const NO = new Set(["0", "false", "no", "off"]);

/** {settings, schema} of this daemon; asks until it answers, for it may be starting anew in this very moment. */
export async function describe() {
  for (;;) {
    try {
      const answer = await fetch(serverUrl("overlay.json"));
      if (answer.ok) return await answer.json();
    } catch {
      // No connection.
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** The settings in force for a query (URLSearchParams), and what is wrong with it: [[name, sentence]...]. */
export function fromQuery(query, { settings, schema }) {
  const values = { ...settings };
  const problems = [];
  for (const name of new Set(query.keys())) {
    if (NOT_SETTINGS.has(name)) continue;
    const { value, problem } = read(name, query.getAll(name), schema);
    if (problem) problems.push([name, problem]);
    else values[name] = value;
  }
  return { values, problems };
}

/** One setting from text: {value}, or {problem}, a sentence. texts: each time that the setting was given. */
export function read(name, texts, schema) {
  const rule = Object.hasOwn(schema, name) ? schema[name] : null;
  if (!rule) return { problem: `There is no such setting; there are ${Object.keys(schema).join(", ")}.` };
  if (rule.type === "array") return { value: texts.map((text) => text.trim()).filter(Boolean) };
  const text = texts.at(-1).trim();
  if (rule.type === "boolean") return readSwitch(text);
  if (rule.type === "integer" || rule.type === "number") return readNumber(text, rule);
  if (rule.enum) return rule.enum.includes(text) ? { value: text } : { problem: `It is one of ${rule.enum.join(", ")}.` };
  const known = new RegExp(rule.pattern, "u").test(text);
  if (name === "font") return known ? { value: text } : { problem: "The name of a font has letters and digits only." };
  if (known && CSS.supports("color", asColor(text))) return { value: text };
  return { problem: "It is no colour; write #ffcc00, #000c (with opacity), gold, or rgb(0 0 0 / 80%)." };
}

/** A colour as CSS wants it: in addresses the # is tedious to write, and may be left out; none is transparent. */
export function asColor(text) {
  if (text.toLowerCase() === "none") return "transparent";
  return /^([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/iu.test(text) && !CSS.supports("color", text) ? `#${text}` : text;
}

/** A query with the settings that differ from the daemon's own. */
export function toQuery(values, { settings, schema }) {
  const query = new URLSearchParams();
  for (const name of Object.keys(schema)) {
    if (same(values[name], settings[name])) continue;
    // An empty name stands for "all", where the configuration names some.
    const given = Array.isArray(values[name]) ? (values[name].length ? values[name] : [""]) : [values[name]];
    for (const value of given) query.append(name, String(value).replace(/^#/u, ""));
  }
  return query;
}

/** The same for the configuration: a line each of the section [overlay]; of settings that differ from the defaults. */
export function toToml(values, { schema }) {
  const lines = Object.keys(schema)
    .filter((name) => !same(values[name], schema[name].default))
    .map((name) => `${name} = ${JSON.stringify(values[name])}`);
  return ["[overlay]", ...lines].join("\n");
}

function readSwitch(text) {
  const word = text.toLowerCase();
  if (YES.has(word) || NO.has(word)) return { value: YES.has(word) };
  return { problem: "It is 1 or 0." };
}

function readNumber(text, { type, minimum, maximum }) {
  const value = text === "" ? NaN : Number(text.replace(",", "."));
  const fits = value >= minimum && value <= maximum && (type === "number" || Number.isInteger(value));
  const kind = type === "integer" ? "a whole number" : "a number";
  return fits ? { value } : { problem: `It is ${kind} from ${minimum} to ${maximum}.` };
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
