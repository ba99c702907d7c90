"""The real hub and server without an engine, for tests of the pages, and scripts that read what the pages show."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import numpy as np
from selenium import webdriver

from streamstt.config.server import ServerSettings as Settings
from streamstt.events import Event, Final, Partial
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import DaemonInfo, SourceInfo
from streamstt.hub.revisions import Correction
from streamstt.server.endpoint import Extensions
from streamstt.server.http.response import text_response
from streamstt.server.limits import ConnectionCounter
from streamstt.server.server import CaptionServer
from tests.support.brokers import free_port
from tests.support.browser import until_equal
from tests.support.http_server import NoIngest

FINALS = "return Array.from(document.querySelectorAll('#log .caption .text'), e => e.textContent)"
PARTIALS = "return Array.from(document.querySelectorAll('#partials .text'), e => e.textContent)"
STATE = "return document.querySelector('#state').textContent.toLowerCase()"
SHOWN_TEXT = "return document.body.innerText.trim()"

# Keeps as window[arguments[1]] each text that an element has had, in order: some are replaced very soon.
REMEMBER = """
  const [selector, name] = arguments;
  const kept = window[name] = [];
  const note = () => {
    const text = document.querySelector(selector).textContent;
    if (text !== kept.at(-1)) kept.push(text);
  };
  note();
  new MutationObserver(note).observe(document.body, {
    attributes: true, characterData: true, childList: true, subtree: true });
"""

XSS = '<img src=x onerror="window.ran=1;alert(1)"><script>window.ran=1</script>'


class ScriptedDaemon:
    """The real hub and server on a thread of their own, with one source, ``desk``; the test publishes the events."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-daemon")
        self._thread.start()
        self._runs = 0
        self._port = free_port()  # every run listens on the same
        self.url = self._call(self._start()).rstrip("/")

    @property
    def viewers(self) -> int:
        """How many pages are connected."""
        return self._hub.viewers

    @property
    def limits(self) -> ConnectionCounter:
        """Counts its WebSockets; the test may change the bounds."""
        return self._server._connection_policy.counter

    def publish(self, event: Event) -> None:
        """Sends an event to all clients."""
        self._loop.call_soon_threadsafe(self._hub.publish, event)

    def revise(self, caption: str, text: str | None = None, *, hidden: bool | None = None) -> None:
        """Corrects or hides a final, as somebody else would."""
        self._loop.call_soon_threadsafe(self._hub.revise, Correction(caption, text, hidden=hidden))

    def look_again(self, caption: str, text: str) -> None:
        """Corrects a final as a second look does."""
        self._loop.call_soon_threadsafe(self._hub.take_second_look, [(caption, text, ())])

    def refuse_control(self) -> None:
        """From now on, clients that connect may not revise captions."""
        refusal = text_response(HTTPStatus.NOT_FOUND, "at the daemon\n")
        self._server._extensions = Extensions(unavailable=lambda path: refusal if path == "/control" else None)

    def publish_finals(self, *texts: str, source: str = "desk") -> None:
        """Sends a final for each text."""
        for number, text in enumerate(texts):
            self.publish(final(text, f"{source}{number}", source))

    def add_source(self, name: str, label: str) -> None:
        """Announces a source to clients that connect from now on."""
        self._loop.call_soon_threadsafe(self._hub.add_source, SourceInfo(name, label, "2026-01-02T03:04:05.678+00:00"))

    def remove_source(self, name: str) -> None:
        """Removes a source; its finals stay."""
        self._loop.call_soon_threadsafe(self._hub.remove_source, name)

    @contextmanager
    def tone(self, amplitude: float, source: str = "desk") -> Iterator[None]:
        """A constant signal arrives from a source until the block ends.

        Args:
            amplitude: From 0 to 1, full scale.
            source: Name of the source.
        """
        block = np.full(800, amplitude, np.float32)

        async def play() -> None:
            while True:
                self._hub.levels.measure(source, block, time.monotonic())
                await asyncio.sleep(0.05)

        playing = asyncio.run_coroutine_threadsafe(play(), self._loop)
        try:
            yield
        finally:
            playing.cancel()

    def restart(self) -> None:
        """Stops the server and starts a new session on the same port."""
        self._call(self._server.drain())
        self._call(self._start())

    def close(self) -> None:
        """Stops the server and its thread."""
        try:
            self._call(self._server.drain())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=90)
            self._loop.close()

    async def _start(self) -> str:
        self._runs += 1
        now = "2025-01-01T12:00:00+00:00"
        about = DaemonInfo(
            version="0", session=f"run-{self._runs}", started_at=now, model="base", precision="int8", language="en"
        )
        self._hub = Hub(about, history=100, hello_history=50, queue=500)
        self._hub.add_source(SourceInfo("desk", "Desk", now))
        self._server = CaptionServer(Settings(host="127.0.0.1", port=self._port), self._hub, NoIngest())
        return await self._server.start()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=90)


def partial(text: str, stable: int = 0, caption: str = "c1", source: str = "desk", rev: int = 1) -> Partial:
    return Partial(source, caption, rev, 0.0, 1.0, text, stable, "en")


def final(text: str, caption: str = "c1", source: str = "desk") -> Final:
    return Final(source, caption, 99, 0.0, 1.0, text, (), "en")


def open_connected(browser: webdriver.Chrome, url: str) -> None:
    """Opens a page that records its WebSockets as ``sockets``; returns when the first has received a message."""
    recorder = """
      window.sockets = [];
      window.WebSocket = class extends WebSocket {
        constructor(...values) {
          super(...values);
          sockets.push(this);
          this.addEventListener('message', () => { this.greeted = true; });
        }
      };
    """
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": recorder})
    try:
        browser.get(url)
    finally:  # the browser serves other tests, too
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    until_equal(browser, "return sockets.at(-1)?.greeted ?? false", True)
