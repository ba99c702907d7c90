// Why a page has no connection: a browser does not tell it why a WebSocket was refused, so the server is asked.

import { serverUrl } from "./server_url.js";

const TIMEOUT_MS = 5_000;

/** Resolves with a sentence; empty if the server cannot be reached, or nothing is wrong. `repeated`: once more. */
export async function connectionProblem({ repeated }) {
  const address = serverUrl("connection", { origin: location.origin });
  try {
    const response = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    const type = response.headers.get("content-type") ?? "";
    if (response.ok && type.startsWith("application/json")) {
      const { problem } = await response.json();
      return problem || (repeated ? noWebSockets() : "");
    }
    if (type.startsWith("text/plain")) return (await response.text()).trim().slice(0, 300);
    return `A proxy in between answers with status ${response.status}: it does not reach the caption server.`;
  } catch {
    return "";
  }
}

function noWebSockets() {
  return (
    "The caption server can be reached, but WebSockets do not get through: " +
    "a proxy in between must pass them on (the headers Upgrade and Connection)."
  );
}
