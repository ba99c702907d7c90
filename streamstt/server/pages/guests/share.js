// The page for those who invite others: the QR code and the address by which phones open the captions.

import { element } from "../shared/elements.js";
import { serverUrl } from "../shared/server_url.js";

const LOOPBACK = /^(localhost|127\..*|\[::1\])$/;
const ONLY_HERE =
  "Only this machine can open the captions. Start the daemon with --host 0.0.0.0, and other devices can as well.";
const NO_MICROPHONES =
  'Phones can read along. To lend their microphones, the daemon must use TLS: server.tls_certificate = "local".';

const byId = (id) => document.querySelector(`#${id}`);
const response = await fetch(serverUrl("share.json"));
const { addresses, token, authority } = await response.json();
const isLocal = LOOPBACK.test(location.hostname);
// Opened from elsewhere, the address that worked for this page works for others; a proxy may be part of it.
const choices = isLocal ? addresses : [new URL("./", location.href).href.split("?")[0]];

function show(address) {
  const code = serverUrl("qr.svg", { address });
  byId("code").src = code;
  const link = new URL(address);
  if (token) link.searchParams.set("token", token);
  byId("address").href = link;
  byId("address").textContent = link;
  byId("trust-address").href = byId("trust-address").textContent = new URL("trust", address).href;
  for (const button of byId("choice").children) button.setAttribute("aria-pressed", button.textContent === address);
}

function note(text) {
  byId("note").textContent = text;
  byId("note").hidden = false;
}

if (choices.length) {
  for (const address of choices) {
    const button = element("button", "", address);
    button.type = "button";
    button.addEventListener("click", () => show(address));
    byId("choice").append(button);
  }
  byId("choice").hidden = choices.length < 2;
  show(choices[0]);
  byId("invitation").hidden = false;
  byId("trust").hidden = !authority;
  if (isLocal && choices[0].startsWith("http:")) note(NO_MICROPHONES);
} else {
  note(ONLY_HERE);
}
