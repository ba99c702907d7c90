"""Puts captions of several sources and runs on a common timeline. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from streamstt.events import Final

SHORTEST_S = 0.1  # no caption is shorter: players drop a cue that ends when it begins
MAX_SHARE_S = 1.0  # a caption that overlaps the next one keeps half of its time, or as much


def align_captions(finals: Sequence[tuple[Final, datetime | None]], zero: datetime | None = None) -> list[Final]:
    """Shifts stream times, which start at 0 for each source and run, to one timeline.

    Args:
        finals: Captions with the time of their start; None if unknown: such a caption is not shifted.
        zero: When the timeline begins; captions from before have negative times. None: at the earliest start of all.
    """
    origins = [at - timedelta(seconds=final.start) if at else None for final, at in finals]
    earliest = zero or min((origin for origin in origins if origin), default=None)
    return [
        shift_caption(final, (origin - earliest).total_seconds()) if origin and earliest else final
        for (final, _), origin in zip(finals, origins, strict=True)
    ]


def shift_caption(final: Final, seconds: float) -> Final:
    """Shifts a caption and its words by ``seconds``, rounded to the millisecond."""
    offset_s = round(seconds, 3)
    if not offset_s:
        return final
    words = tuple(replace(w, start=round(w.start + offset_s, 3), end=round(w.end + offset_s, 3)) for w in final.words)
    return replace(final, start=round(final.start + offset_s, 3), end=round(final.end + offset_s, 3), words=words)


def separate_captions(finals: Iterable[Final]) -> list[Final]:
    """Orders captions by their start, and removes overlaps between those of the same source.

    Starts are more exact than ends, so the first caption ends earlier; if that would hide it, the next begins later.

    Args:
        finals: Captions on one timeline.

    Returns:
        The captions; each lasts, and ends before the next one of its source begins.
    """
    separate: list[Final] = []
    latest: dict[str, int] = {}  # by source: index of its last caption
    for final in sorted(finals, key=lambda f: f.start):
        start = final.start
        if final.source in latest:
            n = latest[final.source]
            before = separate[n]
            share = round(before.start + min(MAX_SHARE_S, (before.end - before.start) / 2), 3)
            separate[n] = clip_caption(before, before.start, min(before.end, max(start, share)))
            start = max(start, separate[n].end)
        latest[final.source] = len(separate)
        separate.append(clip_caption(final, start, final.end))
    return sorted(separate, key=lambda f: f.start)


def clip_caption(final: Final, start: float, end: float) -> Final:
    """Changes the times of a caption; words outside of them are moved in. It lasts at least ``SHORTEST_S``."""
    end = max(end, round(start + SHORTEST_S, 3))
    words, at = [], start
    for word in final.words:
        at = min(max(word.start, at), end)
        words.append(replace(word, start=at, end=(at := min(max(word.end, at), end))))
    return replace(final, start=start, end=end, words=tuple(words))
