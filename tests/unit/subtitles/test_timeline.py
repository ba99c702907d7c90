"""Captions of several sources and runs on a common timeline."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streamstt.events import Final
from streamstt.subtitles.formats import Format, render
from streamstt.subtitles.timeline import align_captions, separate_captions, shift_caption
from tests.support.captions import final
from tests.support.drawing import PROPERTY
from tests.support.subtitles import parse_subtitles

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_one_source_stays() -> None:
    """Captions of one source and run keep their stream times, whenever the run began."""
    finals = [final("One.", 1.0, 2.0), final("Two.", 61.25, 62.0)]
    assert align_captions([(f, NOON + timedelta(seconds=f.start)) for f in finals]) == finals


def test_an_earlier_run_comes_first() -> None:
    """Times of a later run or source are shifted by its later start."""
    before, after = final("Before.", 5.0, 6.0), final("After.", 1.0, 2.0)
    both = [(before, NOON + timedelta(seconds=5)), (after, NOON + timedelta(seconds=101))]
    assert align_captions(both) == [before, shift_caption(after, 100.0)]
    assert (shift_caption(after, 100.0).start, shift_caption(after, 100.0).end) == (101.0, 102.0)
    assert shift_caption(after, 100.0).words[0].start == 101.0


def test_unknown_times_stay() -> None:
    """A caption with unknown wall time is not shifted."""
    known, unknown = final("One.", 5.0, 6.0), final("Two.", 1.0, 2.0)
    assert align_captions([(known, NOON), (unknown, None)]) == [known, unknown]
    assert align_captions([(unknown, None)]) == [unknown]
    assert align_captions([]) == []


pauses = st.sampled_from((0, 0, 0.001, -0.001, -0.2, -0.6, 0.3, 4.0))
durations = st.sampled_from((0.0, 0.001, 0.3, 1.9, 7.0))


@st.composite
def overlapping_captions(draw: st.DrawFn) -> list[Final]:
    """Captions of two sources, whose times touch, overlap, or are the same, and whose words have none of their own."""
    at, captions = 1.0, []
    for n in range(draw(st.integers(1, 9))):
        start = max(0.0, round(at + draw(pauses), 3))
        at = round(start + draw(durations), 3)
        text = draw(
            st.sampled_from(("Yes.", "It is the same with us in the evening, when it is dark and nobody is here."))
        )
        captions.append(final(text, start, at, draw(st.sampled_from(("mic", "door"))), n))
    return captions


@PROPERTY
@given(overlapping_captions())
def test_captions_of_a_source_are_separate(captions: list[Final]) -> None:
    """Captions are in order, each lasts, and ends before the next of its source; their words are within them."""
    separate = separate_captions(captions)
    assert [f.start for f in separate] == sorted(f.start for f in separate)
    assert {f.id for f in separate} == {f.id for f in captions}
    for source in ("mic", "door"):
        of_source = [f for f in separate if f.source == source]
        assert all(before.end <= after.start for before, after in pairwise(of_source))
    for f in separate:
        assert f.start < f.end
        times = [f.start, *(time for w in f.words for time in (w.start, w.end)), f.end]
        assert times == sorted(times)


@PROPERTY
@given(overlapping_captions(), st.sampled_from(("srt", "vtt", "json")))
def test_cues_of_a_source_never_overlap(captions: list[Final], file_format: Format) -> None:
    """Nor do those of a file."""
    content = render(captions, file_format)
    if file_format == "json":
        spans = [(c["start"], c["end"], c["source"]) for c in json.loads(content)["captions"]]
    else:
        spans = [(c.start, c.end, c.name or c.lines[0].split(": ")[0]) for c in parse_subtitles(content)]
    several = len({f.source for f in captions}) > 1
    assert all(start < end for start, end, _ in spans)
    assert [start for start, _, _ in spans] == sorted(start for start, _, _ in spans)
    for source in ("mic", "door"):
        of_source = [(start, end) for start, end, name in spans if name == source or not several]
        assert all(before[1] <= after[0] for before, after in pairwise(of_source))


def test_captions_in_order_stay() -> None:
    """Captions that do not overlap are not changed."""
    finals = [final("One.", 1.0, 2.0), final("Two.", 2.0, 3.0), final("Three.", 2.5, 3.5, "door")]
    assert separate_captions(finals) == finals


def test_the_first_of_two_ends_earlier() -> None:
    """Where two captions overlap a little, the second keeps its start."""
    first, second = separate_captions([final("One.", 1.0, 2.2), final("Two.", 2.0, 3.0)])
    assert (first.end, first.words[-1].end, second.start) == (2.0, 2.0, 2.0)
