"""Makes one channel of several, and harmless numbers of impossible ones. Pure."""

import numpy as np
import numpy.typing as npt

from streamstt.audio.format import SAMPLE_RATE, Samples

MAX_SAMPLE = 8.0  # 18 dB over full scale: beyond, a sample would drown what is around it
# Samples of more than full scale: of floats a few are loud; many mean that the numbers are those of integers.
OVER, OVER_SHARE = 2.0, 0.01
MAX_NUMBER = 2.0**32  # beyond, a sample is none of any scale
# Power of the mean, relative to what channels without relation would leave: below the first, channels cancel each
# other; above the second, they no longer do.
CANCELS, ADDS = 0.2, 0.6
WINDOW_S = 1.0  # s: time constant of the powers


def make_finite(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Replaces samples that are no number by silence, and limits those that are far too large; any shape.

    One NaN would spread: over all that a filter remembers, and over a whole spectrogram.
    """
    if not samples.size or float(np.abs(samples).max()) <= MAX_SAMPLE:  # false for NaN
        return samples
    return np.clip(np.where(is_number(samples), samples, np.float32(0)), -MAX_SAMPLE, MAX_SAMPLE)


def count_bad(samples: npt.NDArray[np.float32]) -> int:
    """Returns how many samples are no numbers or far too large ones; any shape."""
    return int(np.count_nonzero(~(np.abs(samples) <= MAX_SAMPLE)))  # false for NaN


def is_number(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Returns which samples are numbers of any scale, and no faults; any shape."""
    return np.abs(samples) <= MAX_NUMBER  # false for NaN


def find_scale(sizes: Samples) -> float:
    """Returns the factor that brings float samples to full scale 1, if they are numbers of integer scale.

    Args:
        sizes: How large samples are, shape (n,), of audio with sound.
    """
    if float(np.mean(sizes > OVER)) < OVER_SHARE:
        return 1.0
    return float(2.0 ** -np.ceil(np.log2(np.quantile(sizes, 0.9999))))


class ChannelMixer:
    """Averages the channels of one stream; while they cancel each other, takes the loudest one.

    They do when a plug or cable swaps the poles of one channel, or carries a balanced signal as two channels.

    Attributes:
        bad_samples: Number of samples that were no numbers, or impossible ones.
    """

    def __init__(self) -> None:
        self.bad_samples = 0
        self._powers = np.zeros(0)  # recent power of each channel
        self._mean_power = 0.0  # recent power of their mean
        self._channel: int | None = None  # the one taken alone; None: the mean

    def push(self, samples: npt.NDArray[np.float32]) -> Samples:
        """Mixes the next samples.

        Args:
            samples: Shape (n, channels) or (n,); the number of channels stays the same.

        Returns:
            Shape (n,).
        """
        clean = make_finite(samples)
        if clean is not samples:
            self.bad_samples += count_bad(samples)
        samples = clean
        if samples.ndim == 1:
            return samples
        if samples.shape[1] == 1 or not len(samples):
            return samples[:, 0]
        mean: Samples = samples.mean(axis=1, dtype=np.float32)  # (n,)
        self._measure(samples, mean)
        return mean if self._channel is None else np.ascontiguousarray(samples[:, self._channel])

    def _measure(self, samples: npt.NDArray[np.float32], mean: Samples) -> None:
        channels = samples.shape[1]
        if not len(self._powers):
            self._powers = np.zeros(channels)
        share = min(1.0, len(samples) / (WINDOW_S * SAMPLE_RATE))
        self._powers += share * (np.mean(np.square(samples), axis=0, dtype=np.float64) - self._powers)
        self._mean_power += share * (float(np.mean(np.square(mean), dtype=np.float64)) - self._mean_power)
        unrelated = float(self._powers.mean()) / channels  # what the mean of channels without relation has
        if unrelated <= 0 or self._mean_power > ADDS * unrelated:
            self._channel = None
        elif self._channel is None and self._mean_power < CANCELS * unrelated:
            self._channel = int(np.argmax(self._powers))
