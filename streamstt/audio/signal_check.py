"""Is the sound of a device any good? Clipped, or no sound at all, or audio lost again and again. Pure.

Exact zeros do not come from a live microphone, which has noise; but a muted one gives them too. So they are told, not
taken for a loss.
"""

from collections import deque
from collections.abc import Mapping

import numpy as np

from streamstt.audio.format import SAMPLE_RATE, Samples, ms

FULL_SCALE = 0.999  # of 1: what a clipped sample reaches, also after resampling of 16-bit audio
CLIPPED, CLEAN = 0.002, 0.0002  # share of samples at full scale from which it is said, and under which it is over
MEMORY = ms(5000)  # samples: so quickly the share forgets
FAINT = 2 / 32768  # of 1: the lowest bit toggles; nothing is connected, or its volume is at zero
SILENT = ms(2000)  # samples of exact zeros after sound
DEAD = ms(60_000)  # samples that are faint, or zero from the start
OFTEN, MINUTE = 3, ms(60_000)  # losses of audio within so many samples

CLIPS = "The sound is too loud and distorted (clipping): turn the microphone's volume down."
LOSSES = "Audio was lost {} times in the last minute: this machine is too busy, or the device's connection is bad."


class Meter:
    """Watches one device since it was opened."""

    def __init__(self) -> None:
        """All is well."""
        self._position = 0
        self._last_sound = 0  # sample index after the last that was not zero
        self._last_audible = 0  # the same of those that were not faint
        self._heard = False
        self._share = 0.0
        self._losses: deque[int] = deque(maxlen=1000)
        self._notices: dict[str, str] = {}

    @property
    def notices(self) -> Mapping[str, str]:
        """What people should know now, by what it is about."""
        return self._notices

    @property
    def zeros(self) -> int:
        """Samples of exact zeros up to now."""
        return self._position - self._last_sound

    def lost(self) -> None:
        """Audio was lost before the next samples."""
        self._losses.append(self._position)

    def push(self, samples: Samples) -> None:
        """Takes the next samples, shape (n,)."""
        if not len(samples):
            return
        size = np.abs(samples)
        peak = float(size.max())
        self._position += len(samples)
        if peak > 0:
            self._last_sound = self._position
            self._heard = True
        if peak > FAINT:
            self._last_audible = self._position
        clipped = float(np.mean(size >= FULL_SCALE)) if peak >= FULL_SCALE else 0.0
        self._share += (clipped - self._share) * min(1.0, len(samples) / MEMORY)
        self._judge()

    def _judge(self) -> None:
        notices = {}
        if self._share > (CLEAN if "clipping" in self._notices else CLIPPED):
            notices["clipping"] = CLIPS
        if quiet := self._quiet():
            notices["silence"] = quiet
        while self._losses and self._losses[0] < self._position - MINUTE:
            self._losses.popleft()
        if len(self._losses) >= OFTEN:
            notices["overflow"] = LOSSES.format(len(self._losses))
        self._notices = notices

    def _quiet(self) -> str:
        if self.zeros >= (SILENT if self._heard else DEAD):
            return f"There is no sound at all (digital silence) for {_round(self.zeros)}: is the microphone muted?"
        faint = self._position - self._last_audible
        if faint >= DEAD:
            return f"There is hardly any sound for {_round(faint)}: is the microphone connected, and its volume up?"
        return ""


def _round(samples: int) -> str:
    """So long at least; in few steps, so that viewers are not told every second."""
    steps = ((3600, "an hour"), (600, "10 minutes"), (60, "a minute"), (0, f"{SILENT // SAMPLE_RATE} s"))
    return next(text for at_least, text in steps if samples >= at_least * SAMPLE_RATE)
