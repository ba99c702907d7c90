"""Is the sound of a device any good? Clipped, or no sound at all, or audio lost again and again. Pure.

Exact zeros do not come from a live microphone, which has noise; but a muted one gives them too. So they are told, not
taken for a loss.
"""

from collections import deque
from collections.abc import Mapping

import numpy as np

from streamstt.audio.format import SAMPLE_RATE, Samples, samples_from_ms

FULL_SCALE = 0.999  # of 1: what a clipped sample reaches, also after resampling of 16-bit audio
CLIPPING_SHARE, CLEAN_SHARE = (
    0.002,
    0.0002,
)  # share of samples at full scale from which it is said, and under which it is over
CLIPPING_WINDOW = samples_from_ms(5000)  # samples: so quickly the share forgets
FAINT_PEAK = 2 / 32768  # of 1: the lowest bit toggles; nothing is connected, or its volume is at zero
MIN_SILENCE = samples_from_ms(2000)  # samples of exact zeros after sound
MIN_FAINT = samples_from_ms(60_000)  # samples that are faint, or zero from the start
MIN_LOSSES, LOSS_WINDOW = 3, samples_from_ms(60_000)  # losses of audio within so many samples

CLIPPING_TEXT = "The sound is too loud and distorted (clipping): turn the microphone's volume down."
LOSS_TEXT = "Audio was lost {} times in the last minute: this machine is too busy, or the device's connection is bad."


class SignalMonitor:
    """Watches one device since it was opened."""

    def __init__(self) -> None:
        """All is well."""
        self._position = 0
        self._last_sound = 0  # sample index after the last that was not zero
        self._last_audible = 0  # the same of those that were not faint
        self._had_sound = False
        self._clipped_share = 0.0
        self._losses: deque[int] = deque(maxlen=1000)
        self._notices: dict[str, str] = {}

    @property
    def notices(self) -> Mapping[str, str]:
        """What people should know now, by what it is about."""
        return self._notices

    @property
    def silent_samples(self) -> int:
        """Samples of exact zeros up to now."""
        return self._position - self._last_sound

    def note_loss(self) -> None:
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
            self._had_sound = True
        if peak > FAINT_PEAK:
            self._last_audible = self._position
        clipped = float(np.mean(size >= FULL_SCALE)) if peak >= FULL_SCALE else 0.0
        self._clipped_share += (clipped - self._clipped_share) * min(1.0, len(samples) / CLIPPING_WINDOW)
        self._update_notices()

    def _update_notices(self) -> None:
        notices = {}
        if self._clipped_share > (CLEAN_SHARE if "clipping" in self._notices else CLIPPING_SHARE):
            notices["clipping"] = CLIPPING_TEXT
        if quiet := self._silence_text():
            notices["silence"] = quiet
        while self._losses and self._losses[0] < self._position - LOSS_WINDOW:
            self._losses.popleft()
        if len(self._losses) >= MIN_LOSSES:
            notices["overflow"] = LOSS_TEXT.format(len(self._losses))
        self._notices = notices

    def _silence_text(self) -> str:
        if self.silent_samples >= (MIN_SILENCE if self._had_sound else MIN_FAINT):
            return f"There is no sound at all (digital silence) for {_format_duration(self.silent_samples)}: is the microphone muted?"
        faint = self._position - self._last_audible
        if faint >= MIN_FAINT:
            return f"There is hardly any sound for {_format_duration(faint)}: is the microphone connected, and its volume up?"
        return ""


def _format_duration(samples: int) -> str:
    """So long at least; in few steps, so that viewers are not told every second."""
    steps = ((3600, "an hour"), (600, "10 minutes"), (60, "a minute"), (0, f"{MIN_SILENCE // SAMPLE_RATE} s"))
    return next(text for at_least, text in steps if samples >= at_least * SAMPLE_RATE)
