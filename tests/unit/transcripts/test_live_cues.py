"""The cues of a live file, which are never changed once they are written."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.clock import format_utc
from streamstt.hub.protocol import encode, wall_time
from streamstt.subtitles.formats import CueFormat
from streamstt.transcripts.live_cues import LiveCues
from tests.support.captions import final
from tests.support.drawing import PROPERTY
from tests.support.subtitles import WrittenCue, parse_subtitles

BEGIN = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
LONG = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness."


def entry(text: str, start: float, end: float, source: str = "mic", **more: str) -> Mapping[str, Any]:
    spoken = final(text, start, end, source)
    return {**encode(spoken, 1, wall_time(BEGIN.isoformat(), start)).data, **more}


def write(finals: list[Mapping[str, Any]], live_format: CueFormat = "srt") -> list[WrittenCue]:
    cues = LiveCues(live_format, BEGIN)
    return parse_subtitles("".join(cues.render(data).decode() for data in finals))


def test_times_count_from_the_start_of_the_set() -> None:
    """A cue's time counts from the start of the set, whatever run and source it is from, and is never negative."""
    later = {**entry("Late.", 2, 3), "at": (BEGIN + timedelta(hours=2)).isoformat()}
    early = {**entry("Early.", 2, 3, "door"), "at": (BEGIN - timedelta(seconds=5)).isoformat()}
    assert [(cue.start, cue.end) for cue in write([later, early])] == [(7200, 7201), (0, 1)]


@pytest.mark.parametrize("seconds", [-3600, 3600, 1.8e9], ids=["back", "forward", "from 1970 on"])
def test_a_clock_that_is_set(seconds: float) -> None:
    """Where there is a steady time, it counts: cues do not move when the wall clock does."""
    begin = BEGIN.timestamp()
    before = {**entry("Before.", 10, 12), "steady": begin + 10}
    after = {**entry("After.", 12, 13), "steady": begin + 14.5, "at": format_utc(begin + 14.5 + seconds)}
    assert [(cue.start, cue.end) for cue in write([before, after])] == [(10, 12), (14.5, 15.5)]


def test_what_was_said_before_the_start() -> None:
    """A caption that began before the set did is cut off at its beginning; its end stays."""
    assert [(cue.start, cue.end) for cue in write([entry("He went on.", -3, 2.5), entry("Yes.", 4, 5)])] == [
        (0, 2.5),
        (4, 5),
    ]


def test_a_clock_that_was_set_back() -> None:
    """In records without steady times, the cues of a source follow each other though the clock was set back."""
    before, after = entry("Before.", 10, 12), entry("After.", 4, 6)
    assert [(cue.start, cue.end) for cue in write([before, after])] == [(10, 12), (12, 13)]


def test_numbers_continue() -> None:
    """A long caption has several numbers in SubRip; the next one continues after them."""
    cues = LiveCues("srt", BEGIN)
    text = (cues.render(entry(LONG, 1, 8)) + cues.render(entry("Yes.", 9, 10))).decode()
    assert re.findall(r"^(\d+)$", text, re.MULTILINE) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        ((1.0, 9.0), [(1.0, 2.0), (9.0, 10.0)]),  # at least a second, for nobody knows what comes next
        ((1.0, 1.6), [(1.0, 2.0), (2.0, 2.6)]),  # and the next one waits for it,
        ((1.0, 1.6, 2.2), [(1.0, 2.0), (2.0, 2.6), (2.6, 3.2)]),  # but delays do not add up
        ((1.0, 1.2), [(1.0, 2.0), (2.0, 2.6)]),  # overlapping words
        ((1.0, 1.0), [(1.0, 2.0), (2.0, 2.6)]),
    ],
)
def test_short_captions(starts: tuple[float, ...], expected: list[tuple[float, float]]) -> None:
    """A caption of 0.6 s is shown for a second if there is room."""
    assert [(cue.start, cue.end) for cue in write([entry("So it is.", at, at + 0.6) for at in starts])] == expected


moments = st.sampled_from((0, 0, 0.001, -0.001, -0.2, 0.3, 1.2, 4.0))
durations = st.sampled_from((0.0, 0.001, 0.3, 2.5, 7.0))
NAMES = ("mic", "a name of thirty-one letters...")


@PROPERTY
@given(
    st.lists(
        st.tuples(moments, durations, st.sampled_from(NAMES), st.sampled_from((LONG, "Yes.", "It is."))), max_size=9
    ),
    st.sampled_from(("srt", "vtt")),
)
def test_cues_of_a_source_never_overlap(spoken: list[tuple[float, float, str, str]], live_format: CueFormat) -> None:
    """Whatever the times of captions, cues of one source follow each other, each lasts, and all text is in them."""
    at, finals = 0.0, []
    for pause, duration, source, text in spoken:
        start = max(0.0, round(at + pause, 3))
        finals.append(entry(text, start, round(start + duration, 3), source, label=source))
        at = start + duration
    cues = write(finals, live_format)
    assert all(cue.start < cue.end for cue in cues)
    for name in NAMES:
        of_source = [cue for cue in cues if f"{name}:" in cue.lines[0] or cue.name == name]
        assert all(before.end <= after.start for before, after in pairwise(of_source))
        shown = " ".join(" ".join(cue.lines).removeprefix(f"{name}:") for cue in of_source)
        assert shown.split() == " ".join(text for _, _, source, text in spoken if source == name).split()
