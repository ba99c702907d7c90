"""How loud audio is, for a meter that people look at. Pure."""

import math
from dataclasses import dataclass

import numpy as np

from streamstt.audio.format import Samples

FLOOR_DB = -100.0  # digital silence has no logarithm; 16 bits reach down to about -96


@dataclass(frozen=True, slots=True)
class AudioLevel:
    """Of some audio, in dB below full scale, from ``FLOOR_DB`` to 0; a sine at full scale has an ``rms`` of -3."""

    rms: float
    peak: float


class LevelMeter:
    """Takes audio until it is read."""

    def __init__(self) -> None:
        """Has heard nothing."""
        self._count = 0
        self._energy = 0.0
        self._peak = 0.0

    def push(self, samples: Samples) -> None:
        """Takes the next samples, shape (n,), full scale 1."""
        if len(samples):
            self._count += len(samples)
            self._energy += float(np.dot(samples, samples))
            self._peak = max(self._peak, float(samples.max()), -float(samples.min()))

    @property
    def current(self) -> AudioLevel:
        """How loud it was since it was last read; that it was looked at is forgotten."""
        mean = self._energy / self._count if self._count else 0.0
        return AudioLevel(_decibels(math.sqrt(mean)), _decibels(self._peak))

    def read(self) -> AudioLevel:
        """How loud it was since it was last read."""
        loudness = self.current
        self._count, self._energy, self._peak = 0, 0.0, 0.0
        return loudness


def _decibels(amplitude: float) -> float:
    """To a tenth: a meter shows no more."""
    return round(min(0.0, max(FLOOR_DB, 20 * math.log10(amplitude))), 1) if amplitude > 0 else FLOOR_DB
