"""Puts captions of several sources and runs on a common timeline. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from streamstt.events import Final


def align_captions(finals: Sequence[tuple[Final, datetime | None]]) -> list[Final]:
    """Shifts stream times, which start at 0 for each source and run, to count from the earliest start of all.

    Args:
        finals: Captions with the wall time of their start; None if unknown: such a caption is not shifted.
    """
    origins = [at - timedelta(seconds=final.start) if at else None for final, at in finals]
    earliest = min((origin for origin in origins if origin), default=None)
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
