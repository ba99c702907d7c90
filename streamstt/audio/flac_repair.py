"""Finds what can be read of a FLAC file: recordings one after the other, also those whose header is damaged.

A header that is missing, or tells something else than the frames, is made anew from them.
"""

import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

from streamstt.audio.file_extents import Extent
from streamstt.audio.flac_frames import SEARCH, Format, Frame, first_frame, frame_at, is_complete, last_frame

START = b"fLaC\0\0\0\x22"  # with the header of the first block, which always has 34 bytes
HEADER_SIZE = len(START) + 34
LAST_BLOCK = 0x80  # flag of the block before the first frame
FIRST_WITHIN, LAST_WITHIN = 1 << 24, 1 << 18  # bytes: where the first and the last frame are looked for
HEADLESS_WITHIN = 1 << 16  # bytes: where frames are looked for in a file of an unknown kind


def find_flac_extents(file: BinaryIO, size: int) -> tuple[Extent, ...]:
    """Returns the recordings of a FLAC file of a size in bytes: several if files were joined."""
    starts, at = [0], len(START)
    while at < size:
        file.seek(at)
        block = file.read(SEARCH)
        found = block.find(START)
        if found >= 0:
            starts.append(at + found)
        at += found + len(START) if found >= 0 else max(1, len(block) - len(START) + 1)
    return tuple(_repair(file, start, end) for start, end in zip(starts, [*starts[1:], size], strict=True))


def is_headless_flac(file: BinaryIO, size: int) -> bool:
    """Returns whether a file of an unknown kind begins with frames, more or less."""
    return first_frame(file, 0, min(size, HEADLESS_WITHIN)) is not None


def _repair(file: BinaryIO, start: int, end: int) -> Extent:
    """Returns the recording between two offsets, with its header as its frames say it."""
    told, audio_at = _read_header(file, start, end)
    first = frame_at(file, audio_at) if audio_at else None
    fits = first is not None and told is not None and _agree(told, first.format)
    last = last_frame(file, max(start, end - LAST_WITHIN), end)
    if fits and first and told:
        # Without the blocks between them, which do not matter, and may be damaged.
        total = _end(first, last)
        is_short = 0 < told.total < total
        is_long = last is not None and 0 < total < told.total and is_complete(file, last, end)
        if is_short or is_long:
            return _with_header(first.at, end, _info(first, _complete(first.format, told.format), total))
        return _with_header(first.at, end, told.info)
    first = first_frame(file, start + HEADER_SIZE, min(end, start + FIRST_WITHIN))
    if first is None:
        return Extent(((start, end),))
    kind = _complete(first.format, told.format if told else None)
    if not (kind.rate and kind.bits):
        return Extent(((start, end),))
    total, before = _end(first, last), first.start(first.samples)
    extent = _with_header(first.at, end, _info(first, kind, max(0, total - before)))
    return replace(extent, ends_after_s=total / kind.rate) if 0 < before < total else extent


def _with_header(at: int, end: int, info: bytes) -> Extent:
    """Returns the frames between two offsets, with a header before them."""
    header = START[:4] + bytes([LAST_BLOCK]) + START[5:] + info
    return Extent(((at - HEADER_SIZE, end),), {at - HEADER_SIZE: header})


def _end(first: Frame, last: Frame | None) -> int:
    """Returns the number of samples up to the end of the last frame; 0 if it is not of the same recording."""
    return last.start(first.samples) + last.samples if last and last.format == first.format else 0


@dataclass(frozen=True, slots=True)
class _Told:
    """What a header tells: format and number of samples (0: unknown); and its content."""

    info: bytes
    format: Format
    total: int


def _read_header(file: BinaryIO, start: int, end: int) -> tuple[_Told | None, int]:
    """Returns what the header at an offset tells, and where the first frame should be; 0: nowhere."""
    file.seek(start)
    head = file.read(HEADER_SIZE)
    if len(head) < HEADER_SIZE or not head.startswith(START[:4]):
        return None, 0
    (bits,) = struct.unpack(">Q", head[18:26])
    told = _Told(head[8:], Format(bits >> 44, (bits >> 41 & 7) + 1, (bits >> 36 & 31) + 1), bits & (1 << 36) - 1)
    at, is_last = start + 4, False
    while not is_last and at + 4 <= end:
        file.seek(at)
        block = file.read(4)
        is_last = bool(block[0] & LAST_BLOCK)
        at += 4 + int.from_bytes(block[1:], "big")
    return told, at if head[4] & ~LAST_BLOCK == 0 and head[5:8] == START[5:] and is_last and at < end else 0


def _agree(told: _Told, frame: Format) -> bool:
    return told.format == _complete(frame, told.format)


def _complete(frame: Format, told: Format | None) -> Format:
    """Returns the format of frames, with what they leave to the header."""
    return Format(frame.rate or (told.rate if told else 0), frame.channels, frame.bits or (told.bits if told else 0))


def _info(first: Frame, kind: Format, total: int) -> bytes:
    """Makes the content of a header: block sizes, unknown sizes of frames, format, length, no checksum."""
    sizes = struct.pack(">HH", first.samples, first.samples) if first.step == 1 else struct.pack(">HH", 16, 65_535)
    bits = kind.rate << 44 | kind.channels - 1 << 41 | kind.bits - 1 << 36 | total
    return sizes + bytes(6) + struct.pack(">Q", bits) + bytes(16)
