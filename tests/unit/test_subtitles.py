"""Captions as files: exact, for players are not forgiving."""

import json

import pytest
from drawing import PROPERTY
from hypothesis import given
from hypothesis import strategies as st
from making import final

from streamstt.speech.subtitles import FORMATS, clock, render

TWO = [final("See you.", 3661.5, 3662.25, number=2), final("Good morning.", 1.0, 2.5)]


def test_txt() -> None:
    """A line a caption, in the order of their start."""
    assert render(TWO, "txt") == "Good morning.\nSee you.\n"


def test_srt() -> None:
    """SubRip: numbers from 1, times with a comma, an empty line after each."""
    assert render(TWO, "srt") == (
        "1\n00:00:01,000 --> 00:00:02,500\nGood morning.\n\n2\n01:01:01,500 --> 01:01:02,250\nSee you.\n\n"
    )


def test_vtt() -> None:
    """WebVTT: its header, times with a point."""
    assert render(TWO, "vtt") == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nGood morning.\n\n01:01:01.500 --> 01:01:02.250\nSee you.\n\n"
    )


def test_json() -> None:
    """JSON: all that is known of a caption but what only live clients need; text is readable."""
    text = render([final("Grüße an", 1.0, 2.0)], "json")
    assert json.loads(text) == {
        "captions": [
            {
                "source": "mic",
                "start": 1.0,
                "end": 2.0,
                "text": "Grüße an",
                "words": [
                    {"text": "Grüße", "start": 1.0, "end": 1.5, "probability": 0.9},
                    {"text": "an", "start": 1.5, "end": 2.0, "probability": 0.9},
                ],
                "language": "en",
            }
        ]
    }
    assert "Grüße" in text
    assert text.endswith("\n")


def test_nothing_said() -> None:
    """Without captions each format is still a whole file."""
    assert render([], "txt") == ""
    assert render([], "srt") == ""
    assert render([], "vtt") == "WEBVTT\n\n"
    assert json.loads(render([], "json")) == {"captions": []}


@pytest.mark.parametrize("form", FORMATS)
def test_taken_back(form: str) -> None:
    """A caption that took a partial back is not in the transcript."""
    assert render([final("", number=9), *TWO], form) == render(TWO, form)


def test_several_sources() -> None:
    """With more than one source, each caption says whose it is."""
    both = [final("Hello.", 0.0, 1.0), final("Hi.", 0.5, 1.5, source="door")]
    assert render(both, "txt") == "mic: Hello.\ndoor: Hi.\n"
    assert "\nmic: Hello.\n" in render(both, "srt")
    assert "\n<v door>Hi.\n" in render(both, "vtt")
    assert [c["source"] for c in json.loads(render(both, "json"))["captions"]] == ["mic", "door"]


def test_markup_is_text() -> None:
    """What is spoken is never markup in WebVTT."""
    assert "\na &lt;b&gt; &amp;amp; c --&gt; d\n" in render([final("a <b> &amp; c --> d")], "vtt")


@pytest.mark.parametrize("form", ["txt", "srt", "vtt"])
def test_one_line(form: str) -> None:
    """A line break in a caption does not break its line or end its cue."""
    assert render([final("one\n\ntwo\r\n three")], form) == render([final("one two three")], form)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00.000"),
        (0.0004, "00:00:00.000"),
        (0.0005, "00:00:00.001"),
        (0.9996, "00:00:01.000"),
        (59.9999, "00:01:00.000"),
        (3599.9996, "01:00:00.000"),
        (1.001, "00:00:01.001"),
        (360_000, "100:00:00.000"),
    ],
)
def test_clock(seconds: float, text: str) -> None:
    """Times are rounded to the millisecond, carrying over; after 99 hours they go on."""
    assert clock(seconds, ".") == text
    assert clock(seconds, ",") == text.replace(".", ",")


def test_a_cue_lasts() -> None:
    """A cue never ends before or when it begins: players drop it."""
    assert "00:00:01,000 --> 00:00:01,001" in render([final("x", 1.0, 1.0)], "srt")
    assert "00:00:01.000 --> 00:00:01.001" in render([final("x", 1.0, 0.5)], "vtt")


def parse_cues(text: str, arrow: str = " --> ") -> list[tuple[str, str]]:
    """A strict little reader of cues: blocks between empty lines, a timing line, one line of text."""
    cues = []
    for block in text.removeprefix("WEBVTT\n\n").removesuffix("\n\n").split("\n\n"):
        lines = block.split("\n")
        timing = next(i for i, line in enumerate(lines) if arrow in line)
        assert len(lines) == timing + 2
        cues.append((lines[timing], lines[timing + 1]))
    return cues


@PROPERTY
@given(st.lists(st.text(min_size=1, max_size=20).filter(str.strip), min_size=1, max_size=4))
def test_any_text_is_one_cue(texts: list[str]) -> None:
    """Whatever is said, there is one cue a caption, and its text comes back."""
    captions = [final(text, float(i), i + 1.0, number=i) for i, text in enumerate(texts)]
    cues = parse_cues(render(captions, "vtt"))
    back = [c.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for _, c in cues]
    assert back == [" ".join(text.split()) for text in texts]
