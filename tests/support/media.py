"""Recordings in the containers and codings that people have, encoded with FFmpeg."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from streamstt.audio.format import Samples

RATE = 48_000  # Hz: every codec that is used here takes it, but for those of phones


@dataclass(frozen=True)
class Track:
    """An audio track: mono sound, when it starts (s), and what its container tells of it."""

    sound: Samples
    start_s: float = 0.0
    metadata: dict[str, str] = field(default_factory=dict)
    hole: tuple[float, float] = (0.0, 0.0)  # from when to when (s) there is no packet
    is_default: bool = False  # whether it is marked as the one that is meant for everybody


def write_media(
    path: Path, tracks: Sequence[Track], codec: str = "aac", *, rate: int = RATE, video: bool = False, form: str = ""
) -> Path:
    """Writes a container with audio tracks; ``form``: its format, else that of the name's end."""
    with av.open(str(path), "w", format=form or None) as container:
        pictures = container.add_stream("mpeg4", rate=10) if video else None
        if pictures:
            pictures.width = pictures.height = 64
            pictures.pix_fmt = "yuv420p"
        streams = [container.add_stream(codec, rate=rate) for _ in tracks]
        for stream, track in zip(streams, tracks, strict=True):
            stream.layout = "mono"
            stream.bit_rate = 64_000
            stream.metadata.update(track.metadata)
            stream.disposition = Disposition.default if track.is_default else Disposition(0)
        if pictures:
            for _ in range(20):
                container.mux(pictures.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
            container.mux(pictures.encode(None))
        for stream, track in zip(streams, tracks, strict=True):
            format_name = stream.codec_context.format.name if stream.codec_context.format else "fltp"
            resampler = av.AudioResampler(format_name, "mono", rate, stream.codec_context.frame_size or 1024)
            frame = av.AudioFrame.from_ndarray(track.sound[None], "fltp", "mono")
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(track.start_s * rate)
            for piece in (*resampler.resample(frame), *resampler.resample(None), None):
                for packet in stream.encode(piece):
                    at_s = float((packet.pts or 0) * packet.time_base) if packet.size else 0.0
                    if not track.hole[0] <= at_s < track.hole[1]:
                        container.mux(packet)
    return path
