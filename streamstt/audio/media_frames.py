"""Converts decoded audio of FFmpeg, whose samples have many formats. Takes time to import."""

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame


def float_samples(frame: AudioFrame) -> npt.NDArray[np.float32]:
    """Returns the samples of a frame, shape (n, channels), full scale 1."""
    data = np.asarray(frame.to_ndarray())  # planar: (channels, n), else (1, n * channels)
    data = data.T if frame.format.is_planar else data.reshape(-1, frame.layout.nb_channels)
    full_scale = {"uint8": 2**7, "int16": 2**15, "int32": 2**31}.get(data.dtype.name)
    if full_scale is None:
        return np.ascontiguousarray(data, np.float32)
    zero = np.float32(full_scale if data.dtype == np.uint8 else 0)
    return np.ascontiguousarray((data.astype(np.float32) - zero) / np.float32(full_scale))
