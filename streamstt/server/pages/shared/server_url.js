// Addresses on the server that this page came from.

/** `path` on this server, relative to the page (a proxy may add a prefix), with the page's token, if it has one. */
export function serverUrl(path, parameters = {}) {
  const url = new URL(path, location.href);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const token = new URLSearchParams(location.search).get("token");
  if (token !== null) url.searchParams.set("token", token);
  return url;
}

/** The same for a WebSocket. */
export function socketUrl(path, parameters = {}) {
  const url = serverUrl(path, parameters);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}
