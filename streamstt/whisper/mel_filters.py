"""Mel filters: triangles on Slaney's mel scale, each of the same area.

Source: M. Slaney, Auditory Toolbox, 1998; Whisper uses them. Up to 1000 Hz the scale is linear, above it logarithmic.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HZ_PER_MEL = 200 / 3  # up to LINEAR_HZ
LINEAR_HZ = 1000.0
LINEAR_MELS = LINEAR_HZ / HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27  # logarithm of the ratio of two frequencies that are one mel apart, above LINEAR_HZ


def mel_filters(n_mels: int, n_bins: int, sample_rate: int) -> Floats:
    """Returns the weight of each frequency in each mel bin, shape (n_mels, n_bins).

    Args:
        n_mels: Number of mel bins, from 0 Hz to half the sample rate, which overlap by half.
        n_bins: Number of frequencies of a spectrum, from 0 Hz to half the sample rate.
        sample_rate: Samples per second.
    """
    highest = sample_rate / 2
    frequencies = np.linspace(0, highest, n_bins)  # Hz, (n_bins,)
    corners = _mels_to_hz(np.linspace(0, _hz_to_mels(highest), n_mels + 2))[:, None]  # Hz, (n_mels + 2, 1)
    left, top, right = corners[:-2], corners[1:-1], corners[2:]  # each (n_mels, 1)
    rising = (frequencies - left) / (top - left)  # (n_mels, n_bins)
    falling = (right - frequencies) / (right - top)  # (n_mels, n_bins)
    triangles = np.maximum(0, np.minimum(rising, falling))  # (n_mels, n_bins)
    filters: Floats = triangles * 2 / (right - left)
    return filters


def _hz_to_mels(hz: float) -> float:
    if hz < LINEAR_HZ:
        return hz / HZ_PER_MEL
    return float(LINEAR_MELS + np.log(hz / LINEAR_HZ) / LOG_STEP)


def _mels_to_hz(mels: Floats) -> Floats:
    above = LINEAR_HZ * np.exp(LOG_STEP * (mels - LINEAR_MELS))
    hz: Floats = np.where(mels < LINEAR_MELS, HZ_PER_MEL * mels, above)
    return hz
