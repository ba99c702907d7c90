"""The internal audio format: 16 kHz, mono, float32 in [-1, 1]; time is a count of samples.

Audio from outside is converted here, once, where it enters.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.float32]
"""Mono audio, shape (n,), in [-1, 1]."""

SAMPLE_RATE = 16_000  # Hz: what Whisper was trained on
FRAME_MS = 20  # the unit of voice activity detection
FRAME = SAMPLE_RATE * FRAME_MS // 1000  # samples
MIN_RATE, MAX_RATE = 8_000, 48_000  # Hz: the rates that remote clients may send


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive samples of a stream, as a source delivers them.

    Attributes:
        start: Index of the first sample in the stream; if it is beyond the previous block's end, audio was lost.
        samples: Shape (n,), float32.
        received_at: Elapsed time (s) at which the last sample had arrived; None: now.
    """

    start: int
    samples: Samples
    received_at: float | None = None

    @property
    def end(self) -> int:
        """Index of the first sample after the block."""
        return self.start + len(self.samples)


def seconds_from_samples(samples: int) -> float:
    """Converts a sample count or index to seconds, rounded to the millisecond."""
    return round(samples / SAMPLE_RATE, 3)


def samples_from_ms(milliseconds: float) -> int:
    """Converts milliseconds to a number of samples, rounded."""
    return round(milliseconds * SAMPLE_RATE / 1000)


def from_s16le(data: bytes) -> Samples:
    """Decodes signed 16-bit little-endian PCM.

    Raises:
        ValueError: ``data`` ends within a sample.
    """
    if len(data) % 2:
        raise ValueError(f"{len(data)} bytes is not a whole number of 16-bit samples")
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(32768)


def to_s16le(samples: Samples) -> bytes:
    """Encodes as signed 16-bit little-endian PCM; values beyond full scale are clipped."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()


class Resampler:
    """Converts a stream to 16 kHz piece by piece, with the same result as all at once (soxr keeps its state)."""

    def __init__(self, rate: int) -> None:
        """Starts a stream.

        Args:
            rate: Sample rate of the input, Hz.
        """
        self._stream = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")

    def push(self, samples: Samples, *, last: bool = False) -> Samples:
        """Resamples the next samples.

        Args:
            samples: Shape (n,), at the input rate.
            last: Whether the stream ends here, so that the filter's delay is flushed.

        Returns:
            Shape (m,), at 16 kHz; may be empty, because the filter has a delay.
        """
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(samples, last=last), dtype=np.float32)
