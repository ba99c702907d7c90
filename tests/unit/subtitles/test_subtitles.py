"""Subtitle files, compared exactly: players are strict."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.events import Word
from streamstt.subtitles.cues import make_cues
from streamstt.subtitles.formats import FORMATS, count_cues, format_timestamp, render, render_cue
from streamstt.text.characters import width
from tests.support.captions import final
from tests.support.drawing import PROPERTY

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


def test_a_cue_lasts() -> None:
    """A cue ends after it begins: players drop others."""
    assert "00:00:01,000 --> 00:00:01,001" in render_cue("srt", 1, final("x", 1.0, 1.0))
    assert "00:00:01.000 --> 00:00:01.001" in render_cue("vtt", 1, final("x", 1.0, 0.5))


@pytest.mark.parametrize(
    ("text", "until", "end"),
    [("Yes.", 9.0, "02,000"), ("Yes.", 1.6, "01,600"), ("Yes.", 1.2, "01,500"), (34 * "a", 9.0, "03,000")],
)
def test_time_to_read(text: str, until: float, end: str) -> None:
    """A cue lasts at least 1 s and its reading time, but ends at the next one; never before its speech ends."""
    captions = [final(text, 1.0, 1.5), final("Next.", until, until + 1, number=2)]
    assert f"00:00:01,000 --> 00:00:{end}" in render(captions, "srt")


LONG = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness."


def test_a_long_caption() -> None:
    """A long caption becomes consecutive cues of at most two lines, each timed by its words."""
    text = render([final(LONG, 10.0, 34.0), final("Well.", 50.0, 50.5, number=2)], "srt")
    assert text == (
        "1\n00:00:10,000 --> 00:00:22,000\nIt was the best of times,\nit was the worst of times,\n\n"
        "2\n00:00:22,000 --> 00:00:34,000\nit was the age of wisdom,\nit was the age of foolishness.\n\n"
        "3\n00:00:50,000 --> 00:00:51,000\nWell.\n\n"
    )
    assert count_cues(final(LONG)) == 2


def test_three_lines() -> None:
    """Of three lines, those of the same clause are shown together."""
    text = "It was the season of all light, and we were seen going direct to heaven by all of them."
    spoken = [tuple(c.lines) for c in make_cues(final(text))]
    assert spoken == [
        ("It was the season of all light,",),
        ("and we were seen going direct to heaven", "by all of them."),
    ]


def test_no_word_by_itself() -> None:
    """Text that fits on two lines does not use a third: a cue with one word is too short to read."""
    text = "Please leave the window open for a while because this room is very warm today."
    (cue,) = make_cues(final(text))
    assert cue.lines == ("Please leave the window open for a while", "because this room is very warm today.")


def test_label_of_a_long_caption() -> None:
    """Each cue names its source, for a cue is shown by itself."""
    both = [final(LONG, 10.0, 33.0), final("Hi.", 50.0, 51.5, source="door")]
    assert render(both, "srt").count("mic: ") == len(make_cues(both[0], "mic")) > 1
    assert render(both, "vtt").count("<v mic>") == 2


@pytest.mark.parametrize("count", range(14, 60))
def test_no_orphan_cue(count: int) -> None:
    """The last cue of a caption of several is no single word."""
    words = ("yellow lemons ripen slowly under warm southern skies beside quiet rivers " * 8).split()[:count]
    cues = make_cues(final(" ".join(words)))
    assert len(cues) == 1 or len(" ".join(cues[-1].lines).split()) > 1


def test_without_words() -> None:
    """A caption without matching words is split in proportion to its letters."""
    bare = replace(final(LONG, 0.0, 23.0), words=(Word("?", 0.0, 1.0, 0.5),))
    first, second = make_cues(bare)
    assert 0 == first.start < first.end == second.start < second.end == 23.0


@PROPERTY
@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from((LONG, "Yes.", "今日は" * 30, "x" * 200))), max_size=6))
def test_cues_are_for_reading(spoken: list[tuple[int, str]]) -> None:
    """No cue has more than two lines or a line that is too wide; cues of a source do not overlap."""
    at, captions = 0.0, []
    for n, (pause, text) in enumerate(spoken):
        captions.append(final(text, at, at + 5, number=n))
        at += 5 + pause / 10
    for file_format in ("srt", "vtt"):
        written = parse_cues(render(captions, file_format))
        assert all(len(shown) <= 2 and all(width(line) <= 42 for line in shown) for _, shown in written)
        times = [tuple(map(read_clock, timing.split(" --> "))) for timing, _ in written]
        assert all(start < end for start, end in times)
        assert all(before[1] <= after[0] for before, after in pairwise(times))
        assert (
            "".join("".join(line.split()) for _, shown in written for line in shown).split()
            == "".join("".join(text.split()) for _, text in spoken).split()
        )


def read_clock(text: str) -> float:
    hours, minutes, seconds = text.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def parse_cues(text: str) -> list[tuple[str, list[str]]]:
    """A small, strict parser of cues: blocks between empty lines, a timing line, lines of text."""
    cues = []
    for block in text.removeprefix("WEBVTT\n\n").split("\n\n")[:-1]:
        lines = block.split("\n")
        timing = next(i for i, line in enumerate(lines) if " --> " in line)
        assert timing == (1 if lines[0].isdigit() and " --> " in lines[1] else 0)
        assert all(line.strip() for line in lines)
        cues.append((lines[timing], lines[timing + 1 :]))
    return cues


@PROPERTY
@given(st.lists(st.text(min_size=1, max_size=20).filter(str.strip), min_size=1, max_size=4))
def test_any_text_comes_back(texts: list[str]) -> None:
    """Any short text becomes one cue, from which the text can be read back."""
    captions = [final(text, float(i), i + 1.0, number=i) for i, text in enumerate(texts)]
    cues = parse_cues(render(captions, "vtt"))
    back = [" ".join(c).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for _, c in cues]
    assert [text.split() for text in back] == [text.split() for text in texts]
