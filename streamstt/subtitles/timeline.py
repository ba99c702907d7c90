"""Captions of several sources and runs on one line of time. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from streamstt.events import Final


def align_captions(finals: Sequence[tuple[Final, datetime | None]]) -> list[Final]:
    """Moves stream times, which begin at 0 for each source and run, so that they count from the earliest beginning.

    Args:
        finals: Each with the wall time of its start; None if it is not known: it is left where it is.
    """
    origins = [at - timedelta(seconds=final.start) if at else None for final, at in finals]
    earliest = min((origin for origin in origins if origin), default=None)
    return [
        shift_caption(final, (origin - earliest).total_seconds()) if origin and earliest else final
        for (final, _), origin in zip(finals, origins, strict=True)
    ]


def shift_caption(final: Final, seconds: float) -> Final:
    """The caption so much later; to the millisecond."""
    by = round(seconds, 3)
    if not by:
        return final
    words = tuple(replace(w, start=round(w.start + by, 3), end=round(w.end + by, 3)) for w in final.words)
    return replace(final, start=round(final.start + by, 3), end=round(final.end + by, 3), words=words)
