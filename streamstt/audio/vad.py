"""Voice activity: does this frame hold speech? The only place that imports webrtcvad."""

from typing import Protocol

import webrtcvad

from streamstt.audio.format import SAMPLE_RATE, Samples, to_s16le


class Detector(Protocol):
    """Judges one frame after another; may remember earlier ones."""

    def is_speech(self, frame: Samples) -> bool:
        """Whether ``frame``, shape (320,), holds speech."""
        ...


SETTLING = 6  # frames: until its noise model has heard a little, it calls everything speech


class WebRtcDetector:
    """The detector of WebRTC: a Gaussian mixture on six frequency bands."""

    def __init__(self, mode: int) -> None:
        """Makes a detector with no history.

        Args:
            mode: 0 lets most through, 3 is the strictest.
        """
        self._vad = webrtcvad.Vad(mode)
        self._heard = 0

    def is_speech(self, frame: Samples) -> bool:
        """Whether ``frame``, shape (320,), holds speech."""
        self._heard += 1
        return bool(self._vad.is_speech(to_s16le(frame), SAMPLE_RATE)) and self._heard > SETTLING
