"""Divides a caption into cues of at most two short lines, timed by their words. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from streamstt.events import Final
from streamstt.subtitles.division import MIN_CUE_S, READING_S_PER_CHARACTER, Division
from streamstt.subtitles.word_times import LetterTimes
from streamstt.text.characters import width
from streamstt.text.line_breaking import BREAKING_SPACE


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines that are shown together from ``start`` to ``end`` (stream time, seconds)."""

    start: float
    end: float
    lines: tuple[str, ...]


def make_cues(final: Final, label: str = "", until: float = math.inf) -> list[Cue]:
    """Divides a caption into as few cues as hold it, in order and without overlap.

    Each lasts a second at least, if the caption lasts as many.

    Args:
        final: A final caption with text.
        label: Name of the source, shown in each cue; empty: none.
        until: Until when the last cue may be shown (s), for the sake of its minimum duration.
    """
    text = " ".join(filter(None, BREAKING_SPACE.split(final.text)))
    if not text.strip():
        return []
    division = Division(text, final.language, label, LetterTimes(final), until)
    chosen = division.find_best()
    spoken = [division.time(place) for place in chosen[:-1]]
    times = _share_time(spoken, final.end, until)
    return [
        Cue(start, end, division.lines(i, j))
        for (start, end), (i, j) in zip(pairwise(times), pairwise(chosen), strict=True)
    ]


def extend_for_reading(cue: Cue, until: float) -> Cue:
    """Extends a cue until it can be read, but not beyond the start of the next one.

    Args:
        cue: A cue that ends with its last word.
        until: Start of the next cue (s).
    """
    duration = READING_S_PER_CHARACTER * sum(map(width, cue.lines))
    return replace(cue, end=max(cue.end, min(cue.start + duration, until)))


def _share_time(starts: Sequence[float], end: float, until: float) -> list[float]:
    """Moves the starts of cues as little as gives each its minimum duration.

    Args:
        starts: When the text of each cue begins to be spoken (s).
        end: When that of the last one ends.
        until: Until when the last one may be shown.

    Returns:
        The start of each cue, and the end of the last one.
    """
    count = len(starts)
    latest = max(end, min(starts[0] + count * MIN_CUE_S, until), starts[0] + count * 0.001)  # no cue without a time
    shortest = min(MIN_CUE_S, (latest - starts[0]) / count)
    moved = list(starts)
    for n in range(1, count):
        moved[n] = max(moved[n], moved[n - 1] + shortest)
    for n in range(count - 1, 0, -1):
        moved[n] = min(moved[n], (moved[n + 1] if n + 1 < count else latest) - shortest)
    return [*(round(time, 3) for time in moved), round(max(end, min(latest, moved[-1] + shortest)), 3)]
