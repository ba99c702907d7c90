"""Checks a device's signal for clipping, silence and repeated loss of audio. Pure.

A live microphone has noise and never delivers exact zeros, but a muted one does. So zeros are reported, and not taken
for a lost device. One with a noise gate delivers zeros in every pause: they are reported once, and not until later.
"""

from collections import deque
from collections.abc import Mapping

import numpy as np

from streamstt.audio.format import SAMPLE_RATE, Samples, samples_from_ms

FULL_SCALE = 0.999  # a clipped sample reaches this also after resampling of 16-bit audio
# Shares of samples at full scale: above the first, clipping is reported; below the second, it is over.
CLIPPING_SHARE, CLEAN_SHARE = 0.002, 0.0002
CLIPPING_WINDOW = samples_from_ms(5000)  # samples: time constant of the moving average of that share
FAINT_PEAK = 2 / 32768  # only the lowest bit toggles: nothing is connected, or the volume is zero
MIN_SILENCE = samples_from_ms(60_000)  # samples that are zero or faint before this is reported
# The same once it was reported and followed by sound: then the device works, and has a noise gate, or is muted now and
# then.
MIN_NEXT_SILENCE = samples_from_ms(600_000)
MIN_LOSSES, LOSS_WINDOW = 3, samples_from_ms(60_000)  # number of losses within this many samples

CLIPPING_TEXT = "The sound is too loud and distorted (clipping): turn the microphone's volume down."
LOSS_TEXT = "Audio was lost {} times in the last minute: this machine is too busy, or the device's connection is bad."


class SignalMonitor:
    """Watches the signal of one device since it was opened."""

    def __init__(self) -> None:
        self._position = 0  # samples
        self._last_sound = 0  # index after the last sample that was not zero
        self._last_audible = 0  # index after the last sample that was not faint
        self._min_silence = MIN_SILENCE
        self._clipped_share = 0.0
        self._losses: deque[int] = deque(maxlen=1000)
        self._notices: dict[str, str] = {}

    @property
    def notices(self) -> Mapping[str, str]:
        """Present conditions that users should know of: kind to one sentence."""
        return self._notices

    @property
    def silent_samples(self) -> int:
        """Number of exact zeros at the end of the signal so far."""
        return self._position - self._last_sound

    def note_loss(self) -> None:
        """Records that audio was lost before the next samples."""
        self._losses.append(self._position)

    def push(self, samples: Samples) -> None:
        """Checks the next samples, shape (n,)."""
        if not len(samples):
            return
        size = np.abs(samples)
        peak = float(size.max())
        self._position += len(samples)
        if peak > 0:
            self._last_sound = self._position
        if peak > FAINT_PEAK:
            self._last_audible = self._position
            if "silence" in self._notices:
                self._min_silence = MIN_NEXT_SILENCE
        clipped = float(np.mean(size >= FULL_SCALE)) if peak >= FULL_SCALE else 0.0
        self._clipped_share += (clipped - self._clipped_share) * min(1.0, len(samples) / CLIPPING_WINDOW)
        self._update_notices()

    def _update_notices(self) -> None:
        notices = {}
        if self._clipped_share > (CLEAN_SHARE if "clipping" in self._notices else CLIPPING_SHARE):
            notices["clipping"] = CLIPPING_TEXT
        if text := self._silence_text():
            notices["silence"] = text
        while self._losses and self._losses[0] < self._position - LOSS_WINDOW:
            self._losses.popleft()
        if len(self._losses) >= MIN_LOSSES:
            notices["overflow"] = LOSS_TEXT.format(len(self._losses))
        self._notices = notices

    def _silence_text(self) -> str:
        if self.silent_samples >= self._min_silence:
            duration = _format_duration(self.silent_samples)
            return f"There has been no sound at all (digital silence) for {duration}: is the microphone muted?"
        faint = self._position - self._last_audible
        if faint >= self._min_silence:
            duration = _format_duration(faint)
            return f"There has been hardly any sound for {duration}: is the microphone connected, and its volume up?"
        return ""


def _format_duration(samples: int) -> str:
    """Formats a minimum duration in few steps, so that viewers do not get a new text every second."""
    steps = ((3600, "an hour"), (600, "10 minutes"), (0, "a minute"))
    return next(text for at_least, text in steps if samples >= at_least * SAMPLE_RATE)
