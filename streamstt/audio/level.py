"""Measures audio levels for display. Pure."""

import math
from dataclasses import dataclass

import numpy as np

from streamstt.audio.format import Samples

FLOOR_DB = -100.0  # dBFS, for digital silence, which has no logarithm; 16-bit audio reaches down to about -96


@dataclass(frozen=True, slots=True)
class AudioLevel:
    """Level of a stretch of audio in dBFS, from ``FLOOR_DB`` to 0.

    Attributes:
        rms: Root mean square; -3 for a sine at full scale.
        peak: Largest absolute value.
    """

    rms: float
    peak: float


class LevelMeter:
    """Accumulates the level of the audio since it was last read."""

    def __init__(self) -> None:
        self._count = 0
        self._energy = 0.0
        self._peak = 0.0

    def push(self, samples: Samples) -> None:
        """Adds samples, shape (n,), full scale 1."""
        if len(samples):
            self._count += len(samples)
            self._energy += float(np.dot(samples, samples))
            self._peak = max(self._peak, float(samples.max()), -float(samples.min()))

    @property
    def current(self) -> AudioLevel:
        """Level since the last ``read``, which it does not reset."""
        mean = self._energy / self._count if self._count else 0.0
        return AudioLevel(_decibels(math.sqrt(mean)), _decibels(self._peak))

    def read(self) -> AudioLevel:
        """Returns the level since the last ``read``, and resets."""
        level = self.current
        self._count, self._energy, self._peak = 0, 0.0, 0.0
        return level


def _decibels(amplitude: float) -> float:
    """Converts an amplitude (full scale 1) to dBFS, rounded to a tenth, which is all that a meter shows."""
    return round(min(0.0, max(FLOOR_DB, 20 * math.log10(amplitude))), 1) if amplitude > 0 else FLOOR_DB
