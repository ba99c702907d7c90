"""Subtitle files, compared exactly: players are strict."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.subtitles.formats import FORMATS, format_timestamp, render
from tests.support.captions import final
from tests.support.drawing import PROPERTY
from tests.support.subtitles import parse_subtitles

TWO = [final("See you.", 3661.5, 3662.25, number=2), final("Good morning.", 1.0, 2.5)]


def test_txt() -> None:
    """Text: one line per caption, ordered by their start."""
    assert render(TWO, "txt") == "Good morning.\nSee you.\n"


def test_srt() -> None:
    """SubRip: numbers from 1, times with a comma, an empty line after each cue."""
    assert render(TWO, "srt") == (
        "1\n00:00:01,000 --> 00:00:02,500\nGood morning.\n\n2\n01:01:01,500 --> 01:01:02,500\nSee you.\n\n"
    )


def test_vtt() -> None:
    """WebVTT: a header, times with a point."""
    assert render(TWO, "vtt") == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nGood morning.\n\n01:01:01.500 --> 01:01:02.500\nSee you.\n\n"
    )


def test_json() -> None:
    """JSON: all fields but those only live clients need; text is not escaped."""
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


def test_no_captions() -> None:
    """Without captions each format is still a valid file."""
    assert render([], "txt") == ""
    assert render([], "srt") == ""
    assert render([], "vtt") == "WEBVTT\n\n"
    assert json.loads(render([], "json")) == {"captions": []}


@pytest.mark.parametrize("file_format", FORMATS)
def test_withdrawn_partials(file_format: str) -> None:
    """A final that withdraws a partial (empty text) is not in the file."""
    assert render([final("", number=9), *TWO], file_format) == render(TWO, file_format)


def test_several_sources() -> None:
    """With more than one source, each caption names its source."""
    both = [final("Hello.", 0.0, 1.0), final("Hi.", 0.5, 1.5, source="door")]
    assert render(both, "txt") == "mic: Hello.\ndoor: Hi.\n"
    assert "\nmic: Hello.\n" in render(both, "srt")
    assert "\n<v door>Hi.\n" in render(both, "vtt")
    assert [c["source"] for c in json.loads(render(both, "json"))["captions"]] == ["mic", "door"]


def test_markup_is_text() -> None:
    """Captions are never markup in WebVTT."""
    assert "\na &lt;b&gt; &amp;amp; c --&gt; d\n" in render([final("a <b> &amp; c --> d")], "vtt")


@pytest.mark.parametrize("file_format", ["txt", "srt", "vtt"])
def test_one_line(file_format: str) -> None:
    """A line break in a caption does not break its line or end its cue."""
    assert render([final("one\n\ntwo\r\n three")], file_format) == render([final("one two three")], file_format)


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
    """Times are rounded to the millisecond, with carry; hours may have three digits."""
    assert format_timestamp(seconds, ".") == text
    assert format_timestamp(seconds, ",") == text.replace(".", ",")


@pytest.mark.parametrize(
    ("text", "until", "end"),
    [
        ("Yes.", 9.0, "02,000"),
        ("Yes.", 1.6, "01,600"),
        ("Yes.", 1.4, "01,400"),
        ("Yes.", 1.2, "01,250"),
        (34 * "a", 9.0, "03,000"),
    ],
)
def test_time_to_read(text: str, until: float, end: str) -> None:
    """A cue lasts at least 1 s and its reading time, but ends when the next one of its source begins."""
    captions = [final(text, 1.0, 1.5), final("Next.", until, until + 1, number=2)]
    assert f"00:00:01,000 --> 00:00:{end}" in render(captions, "srt")


def test_time_to_read_with_several_sources() -> None:
    """Beyond a second, a cue makes way for another source; what is said at the same time is shown at the same time."""
    captions = [final("x" * 33, 1.0, 1.4), final("Me too.", 1.2, 1.4, source="door"), final("So.", 5, 6, number=2)]
    assert [(cue.start, cue.end) for cue in parse_subtitles(render(captions, "vtt"))] == [(1, 2), (1.2, 2.2), (5, 6)]


LONG = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness."


def test_a_long_caption() -> None:
    """A long caption becomes consecutive cues of at most two lines, each timed by its words."""
    text = render([final(LONG, 10.0, 34.0), final("Well.", 50.0, 50.5, number=2)], "srt")
    assert text == (
        "1\n00:00:10,000 --> 00:00:22,000\nIt was the best of times,\nit was the worst of times,\n\n"
        "2\n00:00:22,000 --> 00:00:34,000\nit was the age of wisdom,\nit was the age of foolishness.\n\n"
        "3\n00:00:50,000 --> 00:00:51,000\nWell.\n\n"
    )


def test_label_of_a_long_caption() -> None:
    """Each cue names its source, for a cue is shown by itself."""
    both = [final(LONG, 10.0, 33.0), final("Hi.", 50.0, 51.5, source="door")]
    assert render(both, "srt").count("mic: ") == 2
    assert render(both, "vtt").count("<v mic>") == 2


@PROPERTY
@given(st.lists(st.text(min_size=1, max_size=20).filter(str.strip), min_size=1, max_size=4))
def test_any_text_comes_back(texts: list[str]) -> None:
    """Any short text becomes one cue, from which the text can be read back."""
    captions = [final(text, float(i), i + 1.0, number=i) for i, text in enumerate(texts)]
    cues = parse_subtitles(render(captions, "vtt"))
    back = [" ".join(c.lines).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for c in cues]
    assert [text.split() for text in back] == [text.split() for text in texts]
