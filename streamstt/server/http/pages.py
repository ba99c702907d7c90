"""Responses to plain requests: the pages and their files, health, metrics. No sockets."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from streamstt.config.overlay import OverlaySettings, settings_and_schema
from streamstt.hub.counters import CONTENT_TYPE
from streamstt.hub.health import hub_health
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import to_json
from streamstt.server.http.response import Download, Response, security_policy, text_response
from streamstt.server.http.session import SessionRecords, describe_session
from streamstt.subtitles.formats import FORMATS, Format
from streamstt.text.word_lists import word_lists

PAGES = {
    "/": "captions/captions.html",
    "/overlay": "overlay/overlay.html",
    "/designer": "designer/designer.html",
    "/share": "guests/share.html",
    "/trust": "guests/trust.html",
}
FORM = "guests/token.html"  # asks for a token
PAGE_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
# The overlay breaks lines with the models and the lists of words that files are broken with.
PHRASE_MODELS = "shared/phrases/"
WORD_LISTS = "shared/word_lists.json"
# Only the captions page may ask for the microphone, and no page for any other device.
NO_DEVICES = "camera=(), display-capture=(), geolocation=(), microphone=()"
PERMISSIONS = {"/": NO_DEVICES.replace("microphone=()", "microphone=(self)")}


class Pages:
    """Responds by path; the files of the pages are read once.

    Attributes:
        overlay: Style of the overlay unless its address sets another.
        records: The transcripts; None: none are kept.
    """

    def __init__(self, hub: Hub) -> None:
        """Reads the files of the pages.

        Args:
            hub: Source of the health and the metrics.
        """
        self._hub = hub
        self.overlay = OverlaySettings()
        self.records: SessionRecords | None = None
        self._files = _read_files(files("streamstt.server").joinpath("pages"))
        self._files |= _read_files(files("budoux").joinpath("models"), PHRASE_MODELS)
        self._files[WORD_LISTS] = to_json(word_lists()).encode()
        self._handlers: dict[str, Callable[[str], Response | Download]] = {
            "/healthz": self._health,
            "/metrics": self._metrics,
        }
        self._handlers |= {"/overlay.json": self._overlay, "/session.json": self._session}
        self._handlers |= {f"/transcript.{form}": partial(self._transcript, form) for form in FORMATS}

    @property
    def token_form(self) -> str:
        """HTML of the page that asks for a token."""
        return self._files[FORM].decode()

    def respond(self, target: str) -> Response | Download:
        """Returns the response to ``GET target``, or the file that it asks for."""
        path, _, query = target.partition("?")
        path = unquote(path)
        name = PAGES.get(path) or path.removeprefix("/pages/")
        if (path in PAGES or path.startswith("/pages/")) and name in self._files:
            headers = [("Permissions-Policy", PERMISSIONS.get(path, NO_DEVICES))]
            if path in PAGES:
                headers.append(("Content-Security-Policy", security_policy(self._files[name])))
            return Response(HTTPStatus.OK, PAGE_TYPES[PurePosixPath(name).suffix], self._files[name], tuple(headers))
        handler = self._handlers.get(path)
        if handler:
            return handler(query)
        known = ", ".join([*PAGES, *self._handlers])
        return text_response(
            HTTPStatus.NOT_FOUND, f"Nothing is here. Pages: {known}. WebSocket: /captions, /audio, /control.\n"
        )

    def _health(self, query: str) -> Response:
        health = hub_health(self._hub)
        status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        if "plain" in query.split("&"):
            return text_response(status, f"{health.summary}\n")
        body: dict[str, Any] = {
            "status": health.status,
            "why": list(health.reasons),
            "sources": self._hub.states,
            "viewers": self._hub.viewers,
            "model": self._hub.daemon_info.model,
            "precision": self._hub.daemon_info.precision,
        }
        if self._hub.engine_state:
            body["engine"] = self._hub.engine_state.fields
        return Response(status, "application/json", (to_json(body) + "\n").encode())

    def _overlay(self, _: str) -> Response:
        return Response(HTTPStatus.OK, "application/json", to_json(settings_and_schema(self.overlay)).encode())

    def _session(self, _: str) -> Response:
        body = describe_session(self._hub, self.records)
        return Response(HTTPStatus.OK, "application/json", (to_json(body) + "\n").encode(errors="replace"))

    def _metrics(self, _: str) -> Response:
        return Response(HTTPStatus.OK, CONTENT_TYPE, self._hub.counters.render())

    def _transcript(self, file_format: Format, query: str) -> Download:
        return Download(file_format, current_set="set=current" in query.split("&"))


def _read_files(folder: Traversable, prefix: str = "") -> dict[str, bytes]:
    """Returns the files of the pages by their path below the folder."""
    contents: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            contents |= _read_files(entry, f"{prefix}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in PAGE_TYPES:
            contents[prefix + entry.name] = entry.read_bytes()
    return contents
