"""Finds what can be read of an Ogg file: streams one after the other, and in each what its damage leaves (RFC 3533).

Each page has a checksum, a number and the time at which it ends, so damage is known with its length. What follows it is
read as a recording of its own that begins with the stream's headers.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import BinaryIO

from streamstt.audio.file_extents import Extent

HEADER = struct.Struct("<4sBBqIIIB")  # magic, version, flags, granule, serial, number, checksum, number of segments
CHECKSUM_AT = 22  # offset of the checksum, which counts as zero in itself
FIRST, LAST = 2, 4  # flags of the first and the last page of a stream
SEARCH = 1 << 16  # bytes that are searched at once for the next page
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class _Page:
    """An intact page from ``start`` to ``end``; ``granule`` is its end in units of its stream's clock."""

    start: int
    end: int
    flags: int
    granule: int
    serial: int
    number: int


def find_ogg_extents(file: BinaryIO, size: int) -> tuple[Extent, ...]:
    """Returns the extents of an Ogg file of a size in bytes."""
    groups: list[list[_Page]] = []
    for page in _intact_pages(file, size):
        if page.flags & FIRST and (not groups or not groups[-1][-1].flags & FIRST):
            groups.append([])
        if groups:
            groups[-1].append(page)
    if not groups:
        return (Extent(((0, size),)),)
    ends = [group[0].start for group in groups[1:]] + [size]
    extents: list[Extent] = []
    for group, end in zip(groups, ends, strict=True):
        clock, delay = _clock(file, group[0])
        streams = sum(bool(page.flags & FIRST) for page in group)
        extents += (
            _stream_extents(group, end, clock, delay) if clock and streams == 1 else [Extent(((group[0].start, end),))]
        )
    return tuple(extents if extents[-1].ranges else [*extents[:-1], Extent(())])


def _intact_pages(file: BinaryIO, size: int) -> Iterator[_Page]:
    at = 0
    while at + HEADER.size <= size:
        file.seek(at)
        header = file.read(HEADER.size)
        magic, _, flags, granule, serial, number, checksum, segments = HEADER.unpack(header)
        if magic == b"OggS":
            sizes = file.read(segments)
            data = header + sizes + file.read(sum(sizes))
            if len(data) == HEADER.size + segments + sum(sizes) and _checksum(data) == checksum:
                yield _Page(at, at + len(data), flags, granule, serial, number)
                at += len(data)
                continue
        file.seek(at)
        found = file.read(SEARCH).find(b"OggS", 1)
        at += found if found > 0 else SEARCH - 3


def _checksum(page: bytes) -> int:
    """Returns the checksum of a page: zlib's with the bits of each byte, and of the result, in the other order."""
    data = page[:CHECKSUM_AT] + bytes(4) + page[CHECKSUM_AT + 4 :]
    crc = zlib.crc32(data.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(crc.to_bytes(4, "big").translate(REVERSED), "little")


def _clock(file: BinaryIO, first: _Page) -> tuple[int, int]:
    """Returns the units of a stream's clock in a second, and at which it starts; zeros if the coder is not known."""
    file.seek(first.start)
    segments = HEADER.unpack(file.read(HEADER.size))[-1]
    file.seek(first.start + HEADER.size + segments)
    head = file.read(32).ljust(32, b"\0")
    if head.startswith(b"OpusHead"):
        return 48_000, int.from_bytes(head[10:12], "little")  # RFC 7845
    if head.startswith(b"\x01vorbis"):
        return int.from_bytes(head[12:16], "little"), 0
    return 0, 0


def _stream_extents(group: list[_Page], end: int, clock: int, delay: int) -> list[Extent]:
    """Returns the extents of one stream, whose bytes go up to ``end``."""
    own = [page for page in group if page.serial == group[0].serial]
    headers = list(takewhile(lambda page: page.granule in {0, -1}, own)) or own[:1]
    runs: list[list[_Page]] = []
    before = headers[-1]
    for page in own[len(headers) :]:
        # A program that joins a broadcast gets the headers and pages from the middle: nothing is damaged.
        joined = before is headers[-1] and page.start == before.end
        if not runs or (page.number != before.number + 1 and not joined):
            runs.append([])
        runs[-1].append(page)
        before = page
    extents: list[Extent] = []
    until = delay
    for run in runs:
        latest = max(page.granule for page in run)
        whole = run[0].start == headers[-1].end
        ranges = ((headers[0].start, run[-1].end),) if whole else _ranges(headers, run)
        extents.append(Extent(ranges, ends_after_s=None if whole else max(0, latest - until) / clock))
        until = latest
    foreign = [page for page in group if page.serial != before.serial]  # of a stream whose headers are lost
    rest = end - before.end
    if foreign:
        extents.append(Extent((), ends_after_s=max(page.granule for page in foreign) / clock))
    elif rest and not before.flags & LAST:
        bytes_per_s = (before.end - group[0].start) / max(1.0, until / clock)
        extents.append(Extent((), ends_after_s=rest / bytes_per_s))
    return extents or [Extent(((group[0].start, end),))]


def _ranges(headers: list[_Page], run: list[_Page]) -> tuple[tuple[int, int], ...]:
    return (headers[0].start, headers[-1].end), (run[0].start, run[-1].end)
