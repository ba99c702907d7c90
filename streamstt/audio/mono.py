"""Converts sound of any rate and any number of channels, which may change, to 16 kHz mono. Pure."""

import numpy as np
import numpy.typing as npt

from streamstt.audio.format import SAMPLE_RATE, Resampler, Samples
from streamstt.audio.mixing import ChannelMixer


class MonoConverter:
    """Converts one stream piece by piece; no sample is lost where its format changes."""

    def __init__(self) -> None:
        self._resampler, self._rate = Resampler(SAMPLE_RATE), SAMPLE_RATE
        self._mixer, self._channels = ChannelMixer(), 1
        self._bad_samples = 0  # of earlier mixers

    @property
    def bad_samples(self) -> int:
        """Number of samples so far that were no numbers or far too large."""
        return self._bad_samples + self._mixer.bad_samples

    def push(self, frames: npt.NDArray[np.float32], rate: int) -> Samples:
        """Converts the next samples.

        Args:
            frames: Shape (n, channels).
            rate: Sample rate, Hz.

        Returns:
            Shape (m,), at 16 kHz; may be empty, because the resampler has a delay.
        """
        rest = np.zeros(0, np.float32)
        if (rate, frames.shape[1]) != (self._rate, self._channels):
            rest = self.flush()
            self._resampler, self._rate = Resampler(rate), rate
            self._bad_samples += self._mixer.bad_samples
            self._mixer, self._channels = ChannelMixer(), frames.shape[1]
        samples = self._resampler.push(self._mixer.push(frames))
        return np.concatenate([rest, samples]) if len(rest) else samples

    def flush(self) -> Samples:
        """Returns what the resampler holds back, shape (m,); more samples may follow, as another stream."""
        rest = self._resampler.push(np.zeros(0, np.float32), last=True)
        self._resampler = Resampler(self._rate)
        return rest
