"""Collects what of a recording cannot be read, and says it in a sentence. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streamstt.audio.mixing import is_number

MAX_SPANS = 5  # that a sentence names
JOIN_S = 0.1  # s: damages closer to each other are one
FAULT_S = 0.02  # s: in so short a stretch few samples that are no numbers are a click, and most of them are damage


@dataclass(frozen=True, slots=True)
class _Span:
    """Audio between two times (s) that cannot be read; ``end`` None: up to the end."""

    start: float
    end: float | None


class DamageLog:
    """What of one recording cannot be read."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []

    def add(self, start: float, end: float | None) -> None:
        """Adds audio between two times (s) that cannot be read; ``end`` None: up to the end."""
        if any(span.start <= start and (span.end is None or (end or np.inf) <= span.end) for span in self._spans):
            return  # known from an earlier time that the recording was read
        if self._spans and (last := self._spans[-1]).end is not None and last.start <= start <= last.end + JOIN_S:
            start = self._spans.pop().start
        self._spans.append(_Span(start, end))

    def add_faults(self, samples: npt.NDArray[np.float32], at: float, rate: int) -> None:
        """Adds where most samples are no numbers.

        Args:
            samples: Shape (n, channels).
            at: Time (s) at which they begin.
            rate: Sample rate, Hz.
        """
        good = is_number(samples)  # (n, channels)
        if good.all():
            return
        size = max(1, round(FAULT_S * rate))
        for start in range(0, len(good), size):
            stretch = good[start : start + size]
            if 2 * np.count_nonzero(stretch) < stretch.size:
                self.add(at + start / rate, at + (start + len(stretch)) / rate)

    def describe(self) -> str:
        """Returns when what was damaged, such as "from 1.0 s to 2.5 s, from 9.0 s to its end"; empty: nothing."""
        spans = [
            f"from {span.start:.1f} s to {'its end' if span.end is None else f'{span.end:.1f} s'}"
            for span in self._spans[:MAX_SPANS]
        ]
        more = len(self._spans) - MAX_SPANS
        return ", ".join(spans) + (f" and in {more} more places" if more > 0 else "")
