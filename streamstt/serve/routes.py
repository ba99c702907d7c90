"""What a plain GET gets: the pages, their files, health, metrics, and the transcript so far. No sockets."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from pathlib import PurePosixPath
from urllib.parse import unquote

from streamstt.serve.health import health_of
from streamstt.serve.hub import Hub
from streamstt.serve.metrics import CONTENT_TYPE, Metrics
from streamstt.serve.protocol import to_json
from streamstt.speech.subtitles import CONTENT_TYPES, FORMATS, Format, render

PAGES = {"/": "index.html", "/overlay": "overlay.html"}
PAGE_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing from elsewhere, nothing inline: what is spoken or sent can never run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
# Only the captions page may ask for the microphone, and no page for anything else.
NO_DEVICES = "camera=(), display-capture=(), geolocation=(), microphone=()"
PERMISSIONS = {"/": NO_DEVICES.replace("microphone=()", "microphone=(self)")}
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()  # besides HEADERS


class Routes:
    """Answers by path; the pages are read once."""

    def __init__(self, hub: Hub) -> None:
        """Reads the pages.

        Args:
            hub: Whose history the transcript is, and whose state health and metrics tell.
        """
        self._hub = hub
        self._measures = Metrics(hub)
        self._files = {
            page.name: page.read_bytes()
            for page in files("streamstt.serve").joinpath("pages").iterdir()
            if PurePosixPath(page.name).suffix in PAGE_TYPES
        }
        self._routes: dict[str, Callable[[str], Answer]] = {"/healthz": self._health, "/metrics": self._metrics}
        self._routes |= {f"/transcript.{form}": partial(self._transcript, form) for form in FORMATS}

    def answer(self, target: str) -> Answer:
        """The answer to ``GET target``."""
        path, _, query = target.partition("?")
        path = unquote(path)
        name = PAGES.get(path) or path.removeprefix("/pages/")
        if (path in PAGES or path.startswith("/pages/")) and name in self._files:
            devices = ("Permissions-Policy", PERMISSIONS.get(path, NO_DEVICES))
            return Answer(HTTPStatus.OK, PAGE_TYPES[PurePosixPath(name).suffix], self._files[name], (devices,))
        route = self._routes.get(path)
        if route:
            return route(query)
        known = ", ".join([*PAGES, *self._routes])
        return plain(
            HTTPStatus.NOT_FOUND, f"Nothing is here. Pages: {known}. WebSocket: /captions, /audio, /control.\n"
        )

    def _health(self, query: str) -> Answer:
        health = health_of(self._hub)
        status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        if "plain" in query.split("&"):
            return plain(status, f"{health.line}\n")
        body = {
            "status": health.word,
            "why": list(health.why),
            "sources": self._hub.states,
            "viewers": self._hub.viewers,
        }
        return Answer(status, "application/json", (to_json(body) + "\n").encode())

    def _metrics(self, _: str) -> Answer:
        return Answer(HTTPStatus.OK, CONTENT_TYPE, self._measures.render())

    def _transcript(self, form: Format, _: str) -> Answer:
        return Answer(HTTPStatus.OK, CONTENT_TYPES[form], render(self._hub.finals, form).encode())


def plain(status: HTTPStatus, text: str, **headers: str) -> Answer:
    """A sentence as an answer; a header's name is written with underscores."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, "text/plain; charset=utf-8", text.encode(), named)
