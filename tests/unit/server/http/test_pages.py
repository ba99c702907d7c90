"""What a plain GET gets."""

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamstt.events import State, Status
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import EngineState
from streamstt.server.http.pages import Pages
from streamstt.server.http.response import HEADERS, Download, Response
from streamstt.subtitles.formats import FORMATS, Format
from streamstt.transcripts.archive import SessionSet
from streamstt.transcripts.record import SetHeader
from tests.support.captions import final, make_hub
from tests.support.drawing import PROPERTY

ROUTES = Pages(make_hub())


@dataclass
class Records:
    """The transcripts of a session."""

    session_sets: tuple[SessionSet, ...]
    is_session_whole: bool = True


@pytest.mark.parametrize(
    ("target", "kind", "content"),
    [
        ("/", "text/html", b"<html"),
        ("/?theme=dark", "text/html", b"<html"),
        ("/overlay", "text/html", b"<html"),
        ("/overlay?source=mic&lines=2", "text/html", b"<html"),
        ("/pages/captions/captions.css", "text/css", b"{"),
        ("/pages/shared/feed.js", "text/javascript", b"WebSocket"),
    ],
)
def test_pages(target: str, kind: str, content: bytes) -> None:
    """The pages and their files are served as what they are; what follows a question mark is theirs."""
    answer = ROUTES.respond(target)
    assert answer.status is HTTPStatus.OK
    assert answer.content_type.startswith(kind)
    assert content in answer.body


def test_pages_differ() -> None:
    """The captions page is not the overlay."""
    assert ROUTES.respond("/").body != ROUTES.respond("/overlay").body


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "/pages/",
        "/pages/nothing.html",
        "/pages/../server.py",
        "/pages/%2e%2e/server.py",
        "/pages/..%2fserver.py",
        "/pages/../../../../../../etc/passwd",
        "/pages//etc/passwd",
        "/server.py",
        "/index.html",
        "/transcript",
        "/transcript.doc",
        "/Healthz",
        "",
        "*",
    ],
)
def test_not_found(target: str) -> None:
    """What is not there, or not meant to be read, is not found; the answer lists what is."""
    answer = ROUTES.respond(target)
    assert answer.status is HTTPStatus.NOT_FOUND
    for choice in ("/overlay", "/healthz", "/transcript.vtt", "/captions", "/audio"):
        assert choice in answer.body.decode()


@PROPERTY
@given(st.text(max_size=60))
@example("//[")
@example("/%ff%00")
@example("/pages/%00")
def test_any_address_is_answered(target: str) -> None:
    """Any address gets a response."""
    assert ROUTES.respond(target).status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}


def health(hub: Hub, query: str = "") -> tuple[HTTPStatus, str]:
    answer = Pages(hub).respond(f"/healthz{query}")
    return answer.status, answer.body.decode()


def test_ready() -> None:
    """While every source is there, the daemon is ready; it says what each does and how many look on."""
    hub = make_hub(sources=("mic", "door"))
    hub.publish(Status("mic", State.SPEECH))
    hub.publish(Status("door", State.WAITING, "The source has ended."))
    with hub.subscribe():
        answer = Pages(hub).respond("/healthz")
    assert answer.status is HTTPStatus.OK
    assert answer.content_type == "application/json"
    assert json.loads(answer.body) == {
        "status": "ready",
        "why": [],
        "sources": {"mic": "speech", "door": "waiting"},
        "viewers": 1,
        "model": "base",
        "precision": "int8",
    }
    hub.engine_state = EngineState(auto=True, update_s=0.1612, promised_s=None, interval_s=0.6, sources=3)
    assert json.loads(health(hub)[1])["engine"] == {"auto": True, "update_s": 0.161, "interval_s": 0.6, "sources": 3}
    assert health(hub, "?plain") == (HTTPStatus.OK, "ready\n")


def test_degraded() -> None:
    """A lost source is named with the reason, and a monitor sees it by the status alone; it is over when it is back."""
    hub = make_hub(sources=("mic", "door"))
    hub.publish(Status("mic", State.SPEECH))
    hub.publish(Status("door", State.LOST, "Unplugged."))
    status, body = health(hub)
    assert status is HTTPStatus.SERVICE_UNAVAILABLE
    assert json.loads(body)["status"] == "degraded"
    assert json.loads(body)["why"] == ["door is not there: Unplugged."]
    assert health(hub, "?plain") == (status, "degraded: door is not there: Unplugged.\n")
    hub.publish(Status("door", State.LISTENING))
    assert health(hub)[0] is HTTPStatus.OK


def test_a_device_that_is_awaited() -> None:
    """A microphone that has not come yet is as bad as one that is lost; a client that has left is not."""
    hub = make_hub()
    hub.publish(Status("mic", State.WAITING, "There is no sound server."))
    assert health(hub)[0] is HTTPStatus.OK
    hub.set_device_pending("mic", pending=True)
    assert health(hub, "?plain")[1] == "degraded: mic is not there: There is no sound server.\n"


@pytest.mark.parametrize("about", ["late", "engine", "stuck", "transcript", "overflow", "settings"])
def test_notices_degrade(about: str) -> None:
    """Monitors see whatever keeps captions from being published, in time, and stored."""
    hub = make_hub()
    hub.publish(Status("mic", State.LISTENING))
    hub.notify(about, "Something is wrong.", "mic" if about in {"late", "overflow"} else "")
    assert health(hub)[0] is HTTPStatus.SERVICE_UNAVAILABLE
    assert "Something is wrong." in health(hub)[1]
    hub.notify(about, "", "mic" if about in {"late", "overflow"} else "")
    assert health(hub)[0] is HTTPStatus.OK


@pytest.mark.parametrize("about", ["clipping", "silence"])
def test_advice_does_not(about: str) -> None:
    """Warnings about the sound are shown, but a muted microphone leaves the daemon ready."""
    hub = make_hub()
    hub.publish(Status("mic", State.LISTENING))
    hub.notify(about, "Is it muted?", "mic")
    assert health(hub, "?plain") == (HTTPStatus.OK, "ready: mic: Is it muted?\n")


@pytest.mark.parametrize("form", FORMATS)
def test_transcript(form: Format) -> None:
    """The captions can be downloaded in each format, those of the session or of the current set only."""
    assert Pages(make_hub()).respond(f"/transcript.{form}") == Download(form)
    assert Pages(make_hub()).respond(f"/transcript.{form}?token=x&set=current") == Download(form, current_set=True)


def test_session() -> None:
    """``/session.json`` says since when captions can be downloaded, whether that is all, and of the current set."""
    hub = make_hub(history=2)
    pages = Pages(hub)

    def session() -> dict[str, Any]:
        response = pages.respond("/session.json")
        assert isinstance(response, Response)
        return dict(json.loads(response.body))

    assert session() == {"session": "run-1", "whole": True, "from": None, "set": None}
    hub.publish(final("One.", 1.0, 2.0))
    assert session()["from"] == "2026-01-02T03:04:06.678+00:00"
    hub.publish(final("Two.", 2.0, 3.0, number=2), final("Three.", 3.0, 4.0, number=3))
    assert (session()["whole"], session()["from"]) == (False, "2026-01-02T03:04:07.678+00:00")
    began, break_ended = (datetime(2026, 1, 2, hour, tzinfo=UTC) for hour in (2, 3))
    pages.records = records = Records((SessionSet(Path("a"), SetHeader(began, "", "run-1", 0)),))
    assert session() == {"session": "run-1", "whole": True, "from": "2026-01-02T02:00:00.000+00:00", "set": None}
    records.session_sets += (SessionSet(Path("b"), SetHeader(break_ended, "Break", "run-1", 2)),)
    assert session()["set"] == {"title": "Break", "from": "2026-01-02T03:00:00.000+00:00"}
    records.is_session_whole = False
    assert session()["whole"] is False


def test_devices() -> None:
    """The captions page alone may ask for the microphone, and no page for a camera."""
    granted = {page: dict(ROUTES.respond(page).headers)["Permissions-Policy"] for page in ("/", "/overlay")}
    assert "microphone=(self)" in granted["/"]
    assert "microphone=()" in granted["/overlay"]
    assert all("camera=()" in policy for policy in granted.values())


def test_nothing_from_elsewhere() -> None:
    """Pages may load and run only what this daemon serves; of what is written into them, only scripts by their hash."""
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for page in ("/", "/overlay"):
        response = ROUTES.respond(page)
        body = response.body.decode()
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", body)
        assert "<style" not in body
        assert " style=" not in body
        assert " onclick=" not in body
        allowed = re.findall(r"'sha256-([^']+)'", dict(response.headers)["Content-Security-Policy"])
        scripts = re.findall(r"<script>(.*?)</script>", body, re.DOTALL)
        assert allowed == [b64encode(sha256(script.encode()).digest()).decode() for script in scripts]
        assert len(scripts) == (page == "/")
