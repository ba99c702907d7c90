"""Chooses an audio track of what FFmpeg has opened, and converts its samples. Takes time to import."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream


def default_track(tracks: Sequence[AudioStream]) -> AudioStream:
    """Returns the audio track that is meant for everybody, of at least one."""
    return next((track for track in tracks if track.disposition & track.disposition.default), tracks[0])


def is_known(track: AudioStream) -> bool:
    """Returns whether a track can be decoded, and its samples converted: PyAV does not convert those of 64 bits."""
    return track.codec_context is not None and not track.format.name.startswith("s64")


def float_samples(frame: AudioFrame) -> npt.NDArray[np.float32]:
    """Returns the samples of a frame, shape (n, channels), full scale 1."""
    data = np.asarray(frame.to_ndarray())  # planar: (channels, n), else (1, n * channels)
    data = data.T if frame.format.is_planar else data.reshape(-1, frame.layout.nb_channels)
    full_scale = {"uint8": 2**7, "int16": 2**15, "int32": 2**31}.get(data.dtype.name)
    if full_scale is None:
        return np.ascontiguousarray(data, np.float32)
    zero = np.float32(full_scale if data.dtype == np.uint8 else 0)
    return np.ascontiguousarray((data.astype(np.float32) - zero) / np.float32(full_scale))
