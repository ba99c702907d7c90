"""What a plain GET gets."""

import json
import re
from http import HTTPStatus

import pytest
from drawing import PROPERTY
from hypothesis import example, given
from hypothesis import strategies as st
from making import final, make_hub

from streamstt.serve.routes import HEADERS, Routes
from streamstt.speech.captions import State, Status
from streamstt.speech.subtitles import CONTENT_TYPES, FORMATS, render

ROUTES = Routes(make_hub())


@pytest.mark.parametrize(
    ("target", "kind", "content"),
    [
        ("/", "text/html", b"<html"),
        ("/?theme=dark", "text/html", b"<html"),
        ("/overlay", "text/html", b"<html"),
        ("/overlay?source=mic&lines=2", "text/html", b"<html"),
        ("/pages/captions.css", "text/css", b"{"),
        ("/pages/feed.js", "text/javascript", b"WebSocket"),
    ],
)
def test_pages(target: str, kind: str, content: bytes) -> None:
    """The pages and their files are served as what they are; what follows a question mark is theirs."""
    answer = ROUTES.answer(target)
    assert answer.status is HTTPStatus.OK
    assert answer.content_type.startswith(kind)
    assert content in answer.body


def test_pages_differ() -> None:
    """The captions page is not the overlay."""
    assert ROUTES.answer("/").body != ROUTES.answer("/overlay").body


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
    answer = ROUTES.answer(target)
    assert answer.status is HTTPStatus.NOT_FOUND
    for choice in ("/overlay", "/healthz", "/transcript.vtt", "/captions", "/audio"):
        assert choice in answer.body.decode()


@PROPERTY
@given(st.text(max_size=60))
@example("//[")
@example("/%ff%00")
@example("/pages/%00")
def test_any_address_is_answered(target: str) -> None:
    """Whatever a stranger asks for, there is an answer."""
    assert ROUTES.answer(target).status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}


def test_healthy() -> None:
    """While every source is there, health is ok; it says what each does and how many look on."""
    hub = make_hub(sources=("mic", "door"))
    hub.publish(Status("mic", State.SPEECH))
    hub.publish(Status("door", State.WAITING))
    with hub.subscribe():
        answer = Routes(hub).answer("/healthz")
    assert answer.status is HTTPStatus.OK
    assert answer.content_type == "application/json"
    assert json.loads(answer.body) == {
        "status": "ok",
        "detail": "",
        "sources": {"mic": "speech", "door": "waiting"},
        "viewers": 1,
    }


def test_degraded() -> None:
    """A lost source is named, and a monitor sees it by the status alone; when it is back, all is well again."""
    hub = make_hub(sources=("mic", "door"))
    hub.publish(Status("mic", State.SPEECH))
    hub.publish(Status("door", State.LOST, "unplugged"))
    answer = Routes(hub).answer("/healthz")
    assert answer.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert json.loads(answer.body)["status"] == "degraded"
    assert json.loads(answer.body)["detail"] == "lost: door"
    hub.publish(Status("door", State.LISTENING))
    assert Routes(hub).answer("/healthz").status is HTTPStatus.OK


@pytest.mark.parametrize("form", FORMATS)
def test_transcript(form: str) -> None:
    """The transcript so far, in each format, as it is at this moment."""
    hub = make_hub()
    routes = Routes(hub)
    empty = routes.answer(f"/transcript.{form}")
    assert empty.status is HTTPStatus.OK
    hub.publish(final("Grüße."))
    answer = routes.answer(f"/transcript.{form}")
    assert answer.content_type == CONTENT_TYPES[form]
    assert answer.body.decode() == render([final("Grüße.")], form)
    assert answer.body != empty.body


def test_nothing_from_elsewhere() -> None:
    """Pages may load and run only what this daemon serves, and nothing written into them."""
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for page in ("/", "/overlay"):
        body = ROUTES.answer(page).body.decode()
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", body)
        assert "<style" not in body
        assert " style=" not in body
        assert " onclick=" not in body
        assert "<script>" not in body
