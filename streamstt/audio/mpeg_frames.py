"""Finds what can be read of an MP3: recordings one after the other, and in each what its damage leaves.

Each frame tells its own length, so the next one must begin where it ends. Where it does not, the decoder would search
for itself, lose the time, and often give up. What follows damage is read as a recording of its own.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from streamstt.audio.file_extents import Extent

BITRATES = {  # kbit/s by the index in the header, from 1 on; key: MPEG 1 or not, layer
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # Hz; key: version
IN_A_ROW = 3  # frames that follow each other and are alike: fewer may be chance
SEARCH = 1 << 16  # bytes that are searched at once for the next frame
MIN_LOST_S = 0.1  # s: less at the end may be a coder that rounds
TAGS = b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"\0\0\0\0"  # what may follow the last frame


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame's header: its length in bytes, its samples, and what all frames of a recording have in common."""

    length: int
    samples: int
    rate: int  # Hz
    layer: int

    def is_like(self, other: "_Frame | None") -> bool:
        """Returns whether both may belong to one recording; always without another frame."""
        return other is None or (self.rate, self.layer) == (other.rate, other.layer)


@dataclass(slots=True)
class _Run:
    """Frames that follow each other from ``start`` to ``end``.

    Attributes:
        start: Offset of the first frame.
        end: Offset behind the last one.
        last: Offset of the last one.
        frame_s: Length of a frame in seconds.
        duration_s: Length in seconds.
        told_s: Length of the recording that begins here, as it tells it; 0: it does not, or none begins.
        lost: Bytes before it that cannot be read.
    """

    start: int
    end: int
    last: int
    frame_s: float = 0.0
    duration_s: float = 0.0
    told_s: float = 0.0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class _Recording:
    """The runs of one recording, and how many bytes at its end cannot be read."""

    runs: list[_Run] = field(default_factory=list)
    rest: int = 0


def is_mpeg(start: bytes) -> bool:
    """Returns whether a file that starts with these bytes, at least four, is an MP3."""
    return start.startswith(b"ID3") or _parse(start) is not None


def find_mpeg_extents(file: BinaryIO, size: int) -> tuple[Extent, ...]:
    """Returns the extents of an MP3 of a size in bytes."""
    extents = [extent for recording in _recordings(file, size) for extent in _make_extents(file, recording)]
    if not extents:
        return (Extent(((0, size),)),)
    return tuple(extents if extents[-1].ranges else [*extents[:-1], Extent(())])


def _parse(header: bytes) -> _Frame | None:
    """Parses the first four bytes of a frame; None if they are none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or rate == 3 or bitrate in {0, 15}:
        return None
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    slot = 4 if layer == 1 else 1  # bytes
    hz = RATES[version][rate]
    length = (samples // 8 // slot * BITRATES[version == 3, layer][bitrate - 1] * 1000 // hz + padding) * slot
    return _Frame(length, samples, hz, layer)


def _info_offset(header: bytes, frame: _Frame) -> int:
    """Returns where in its first frame a recording tells its length; between the header and it all is zero."""
    mono, short = header[3] >> 6 == 3, frame.samples == 576
    return 4 + (9 if mono and short else 32 if not (mono or short) else 17)


def _told_frames(header: bytes, frame: _Frame) -> int:
    """Returns the number of frames that a recording tells in place of its first one; 0 if this is a usual frame."""
    at = _info_offset(header, frame)
    if header[at : at + 4] not in {b"Xing", b"Info"} or any(header[4:at]):
        return 0
    flags, count = struct.unpack(">II", header[at + 4 : at + 12])
    return int(count) if flags & 1 else 0


def _tag_length(file: BinaryIO, at: int) -> int:
    """Returns the length of a tag at an offset, 1 if it does not tell it; 0 if there is none."""
    file.seek(at)
    head = file.read(16)
    if head.startswith(b"ID3") and len(head) >= 10:
        return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return int(head.startswith(TAGS))


def _find_frames(file: BinaryIO, at: int, size: int) -> int:
    """Returns where the next frames begin, from an offset on; the size of the file if none follow."""
    while at < size:
        file.seek(at)
        block = file.read(SEARCH)
        found = block.find(b"\xff")
        at += found if found >= 0 else len(block)
        if found >= 0:
            if _read_run(file, at, size, IN_A_ROW):
                return at
            at += 1
    return size


def _read_run(file: BinaryIO, at: int, size: int, count: int = 0) -> _Run | None:
    """Returns the frames that follow each other from an offset on, at least ``count``; None if there are fewer."""
    run, first, frames = _Run(at, at, at), None, 0
    while run.end < size and not (count and frames == count):
        file.seek(run.end)
        header = file.read(48)
        frame = _parse(header)
        if not frame or not frame.is_like(first) or run.end + frame.length > size:
            break
        told = _told_frames(header, frame)
        if told and first:
            break
        first = first or frame
        frames += 1
        run.frame_s = frame.samples / frame.rate
        run.told_s = max(run.told_s, told * run.frame_s)
        run.duration_s += 0 if told else run.frame_s
        run.last, run.end = run.end, run.end + frame.length
    return run if first and frames >= count else None


def _ends_well(file: BinaryIO, at: int, size: int) -> bool:
    """Returns whether frames may end at an offset: the file ends there, a tag follows, or another recording."""
    file.seek(at)
    header = file.read(48)
    frame = _parse(header)
    return at >= size or bool(_tag_length(file, at) or (frame and _told_frames(header, frame)))


def _recordings(file: BinaryIO, size: int) -> Iterator[_Recording]:
    """Yields the recordings of a file."""
    recording, at, lost = _Recording(), 0, 0
    while at < size:
        if tag := _tag_length(file, at):
            yield recording
            recording, at = _Recording(), _find_frames(file, at + tag, size)
            continue
        run = _read_run(file, at, size)
        if run and run.told_s and (recording.runs or lost):
            yield replace(recording, rest=lost)
            recording, lost = _Recording(), 0
        if run and _ends_well(file, run.end, size):
            recording.runs.append(replace(run, lost=lost))
            at, lost = run.end, 0
            continue
        if run and run.last > run.start:  # the last frame is damaged, too: the next one does not begin at its end
            recording.runs.append(replace(run, end=run.last, duration_s=run.duration_s - run.frame_s, lost=lost))
            at, lost = run.last, 0
        found = _find_frames(file, at + 1, size)
        at, lost = found, lost + found - at
    yield replace(recording, rest=lost)


def _make_extents(file: BinaryIO, recording: _Recording) -> Iterator[Extent]:
    """Yields the extents of a recording: each of its runs, and one without ranges if its end is lost."""
    runs = recording.runs
    found_s = sum(run.duration_s for run in runs)
    if not found_s:
        return
    bytes_per_s = sum(run.end - run.start for run in runs) / found_s
    rest_s = recording.rest / bytes_per_s
    damaged = sum(bool(run.lost) for run in runs)
    extra_s = 0.0  # lost at each damage beyond its bytes
    if told_s := runs[0].told_s:
        missing_s = told_s - found_s - sum(run.lost for run in runs) / bytes_per_s
        if damaged and not recording.rest:
            extra_s = missing_s / damaged
        else:
            rest_s = missing_s
    for run in runs:
        patches = {} if abs(run.told_s - run.duration_s) < MIN_LOST_S else _info_patch(file, run)
        ends_after_s = max(0.0, run.lost / bytes_per_s + extra_s) + run.duration_s if run.lost else None
        yield Extent(((run.start, run.end),), patches, ends_after_s)
    if rest_s > MIN_LOST_S:
        yield Extent((), ends_after_s=rest_s)


def _info_patch(file: BinaryIO, run: _Run) -> dict[int, bytes]:
    """Replaces the first frame of a run by one that tells its length: the decoder guesses it otherwise, often less."""
    file.seek(run.start)
    header = file.read(4)
    frame = _parse(header)
    assert frame, "a run begins with a frame"
    head = bytes([header[0], header[1] | 1, *header[2:]])  # | 1: no checksum
    info = head.ljust(_info_offset(header, frame), b"\0") + struct.pack(
        ">4sII", b"Info", 1, max(1, round(run.duration_s / run.frame_s) - (not run.told_s))
    )
    return {run.start: info.ljust(frame.length, b"\0")} if len(info) <= frame.length else {}
