"""The overlay's settings: what may be configured, and what the page is told of it."""

import json
from http import HTTPStatus

import pytest
from pydantic import ValidationError

from streamstt.config.changes import compare
from streamstt.config.overlay import OverlaySettings
from streamstt.config.settings import Settings, SourceSettings
from streamstt.hub.protocol import DaemonInfo, SourceInfo, make_hello
from streamstt.server.http.pages import Pages
from streamstt.server.http.response import HEADERS
from tests.support.captions import make_hub

GOOD = ["#fff", "#ffcc00", "#000c", "#000000cc", "ffcc00", "gold", "none", "rgb(0 0 0 / 80%)", "rgba(0,0,0,.8)"]
BAD = ["", "#12", "#12345", "url(x)", "red;}", "rgb(0 0 0", 'gold"', "var(--x)", "a b"]


def test_the_page_is_told() -> None:
    """``/overlay.json`` has every setting in force, and of each its type, default, limits and help."""
    routes = Pages(make_hub())
    routes.overlay = OverlaySettings(lines=3, source=("you",))
    answer = routes.respond("/overlay.json?token=x")
    told = json.loads(answer.body)
    assert (answer.status, answer.content_type) == (HTTPStatus.OK, "application/json")
    assert set(told["settings"]) == set(told["schema"]) == set(OverlaySettings.model_fields)
    assert (told["settings"]["lines"], told["settings"]["source"]) == (3, ["you"])
    assert told["schema"]["lines"]["default"] == 2
    assert (told["schema"]["lines"]["minimum"], told["schema"]["lines"]["maximum"]) == (1, 4)
    assert told["schema"]["mode"]["enum"] == ["rollup", "popon"]


def test_what_the_page_can_read() -> None:
    """The page knows numbers with limits, switches, choices, patterns and lists; no setting is of another kind."""
    for name, rule in json.loads(Pages(make_hub()).respond("/overlay.json").body)["schema"].items():
        assert rule["description"], name
        if rule["type"] in {"integer", "number"}:
            assert {"minimum", "maximum", "default"} <= set(rule), name
        elif rule["type"] == "string":
            assert "enum" in rule or "pattern" in rule, name
        else:
            assert rule["type"] in {"boolean", "array"}, name


@pytest.mark.parametrize("color", GOOD)
def test_colors(color: str) -> None:
    """A colour is what CSS calls one; the # may be left out."""
    assert OverlaySettings(color=color).color == color
    assert SourceSettings(color=color).color == color


@pytest.mark.parametrize("color", BAD)
def test_no_colors(color: str) -> None:
    """What could be more than a colour is none."""
    with pytest.raises(ValidationError):
        OverlaySettings(color=color)
    if color:  # empty: the page chooses
        with pytest.raises(ValidationError):
            SourceSettings(color=color)


def test_sources_from_the_command_line() -> None:
    """One string is a list with commas."""
    assert OverlaySettings.model_validate({"source": "you, them"}).source == ("you", "them")


def test_it_changes_on_a_reload() -> None:
    """The overlay's look is read again; a source's colour needs a restart, as all of a source does."""
    now, read = Settings(), Settings(overlay=OverlaySettings(lines=4), source=(SourceSettings(color="gold"),))
    assert compare(now, read).live == ("overlay.lines",)
    assert compare(now, read).needs_restart == ("source",)


def test_hello_tells_a_color() -> None:
    """``make_hello`` has the colour of a source that has one."""
    about = DaemonInfo("1", "s", "2026-01-02T03:04:05+00:00", "base", "int8", "en")
    sources = [SourceInfo("you", "You", "now", "gold"), SourceInfo("them", "Them", "now")]
    told = json.loads(make_hello(about, sources, 0, []))["sources"]
    assert told[0]["color"] == "gold"
    assert "color" not in told[1]


def test_the_font() -> None:
    """The font is served as one, with its licence beside it; the policy allows the daemon's own only."""
    answer = Pages(make_hub()).respond("/pages/fonts/atkinson-next-latin.woff2")
    assert answer.content_type == "font/woff2"
    assert answer.body[:4] == b"wOF2"
    assert len(answer.body) < 60_000
    assert "font-src 'self'" in HEADERS["Content-Security-Policy"]
