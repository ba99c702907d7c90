"""The overlay's settings: what can be configured, and what the page receives."""

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


def test_overlay_json() -> None:
    """``/overlay.json`` has all settings in force, and the type, default, limits and help of each."""
    pages = Pages(make_hub())
    pages.overlay = OverlaySettings(lines=3, source=("you",))
    response = pages.respond("/overlay.json?token=x")
    data = json.loads(response.body)
    assert (response.status, response.content_type) == (HTTPStatus.OK, "application/json")
    assert set(data["settings"]) == set(data["schema"]) == set(OverlaySettings.model_fields)
    assert (data["settings"]["lines"], data["settings"]["source"]) == (3, ["you"])
    assert data["schema"]["lines"]["default"] == 2
    assert (data["schema"]["lines"]["minimum"], data["schema"]["lines"]["maximum"]) == (1, 4)
    assert data["schema"]["mode"]["enum"] == ["rollup", "popon"]


def test_what_the_page_can_read() -> None:
    """Every setting is of a kind that the page supports: numbers with limits, booleans, choices, patterns, lists."""
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
    """CSS colors are accepted; the # may be omitted."""
    assert OverlaySettings(color=color).color == color
    assert SourceSettings(color=color).color == color


@pytest.mark.parametrize("color", BAD)
def test_invalid_colors(color: str) -> None:
    """Anything that might be more than a color is rejected."""
    with pytest.raises(ValidationError):
        OverlaySettings(color=color)
    if color:  # empty: the page chooses
        with pytest.raises(ValidationError):
            SourceSettings(color=color)


@pytest.mark.parametrize(
    ("font", "is_valid"), [("Ω 1.5, a+b-c_d", True), ("ä" * 200, True), ("ä" * 201, False), ("", False)]
)
def test_fonts(font: str, is_valid: bool) -> None:
    """A font has a name of at most 200 letters, digits, spaces and a few signs."""
    if is_valid:
        assert OverlaySettings(font=font).font == font
    else:
        with pytest.raises(ValidationError):
            OverlaySettings(font=font)


def test_sources_from_the_command_line() -> None:
    """A list may be one comma-separated string."""
    assert OverlaySettings.model_validate({"source": "you, them"}).source == ("you", "them")


def test_it_changes_on_a_reload() -> None:
    """The overlay can change on a reload; a source's color needs a restart, as all settings of a source."""
    now, read = Settings(), Settings(overlay=OverlaySettings(lines=4), source=(SourceSettings(color="gold"),))
    assert compare(now, read).live == ("overlay.lines",)
    assert compare(now, read).needs_restart == ("source",)


def test_hello_has_the_color() -> None:
    """``hello`` has the color of a source that has one."""
    daemon = DaemonInfo("1", "s", "2026-01-02T03:04:05+00:00", "base", "int8", "en")
    sources = [SourceInfo("you", "You", "now", "gold"), SourceInfo("them", "Them", "now")]
    data = json.loads(make_hello(daemon, sources, 0, []))["sources"]
    assert data[0]["color"] == "gold"
    assert "color" not in data[1]


def test_the_font() -> None:
    """The font is served with its content type; the content security policy allows the daemon's own fonts only."""
    response = Pages(make_hub()).respond("/pages/fonts/atkinson-next-latin.woff2")
    assert response.content_type == "font/woff2"
    assert response.body[:4] == b"wOF2"
    assert len(response.body) < 60_000
    assert "font-src 'self'" in HEADERS["Content-Security-Policy"]
