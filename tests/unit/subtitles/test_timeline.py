"""Captions of several sources and runs on a common timeline."""

from datetime import UTC, datetime, timedelta

from streamstt.subtitles.timeline import align_captions, shift_caption
from tests.support.captions import final

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
