"""Repairs what a header says about a file: lengths that its writer never filled in, and streams joined end to end.

A program that writes to a pipe cannot go back to its header, and web radio is recorded as one Ogg stream after
another; libsndfile would read nothing of the first, and of the second one stream only. Knows nothing of samples.
"""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PLACEHOLDER = 0x7FFF0000  # bytes: lengths from here on are what ffmpeg, sox and arecord write while they do not know
RIFF_CHUNKS = {b"LIST", b"id3 ", b"ID3 ", b"fact", b"cue ", b"PEAK", b"bext", b"JUNK", b"PAD "}
OGG_HEADER = struct.Struct("<4sBB20xB")  # magic, version, flags, ..., number of segments
OGG_FIRST_PAGE = 2  # flag of the first page of a stream


class FileRange(io.RawIOBase):
    """A range of a file, some of whose bytes are replaced; a file object for reading."""

    def __init__(self, path: Path, start: int, end: int, patches: dict[int, bytes]) -> None:
        """Opens the file.

        Args:
            path: The file.
            start: Offset of the first byte.
            end: Offset after the last byte.
            patches: What to read in place of the bytes at an offset of the file.
        """
        self._file = path.open("rb")
        self._start, self._end, self._patches = start, end, patches
        self._at = start

    def seekable(self) -> bool:
        """Returns true."""
        return True

    def readable(self) -> bool:
        """Returns true."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves the position, and returns it."""
        origin = {io.SEEK_SET: self._start, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = min(max(self._start, origin + offset), self._end)
        return self._at - self._start

    def tell(self) -> int:
        """Returns the position."""
        return self._at - self._start

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads into a buffer, and returns the number of bytes; 0 at the end."""
        self._file.seek(self._at)
        data = bytearray(self._file.read(min(len(buffer), self._end - self._at)))
        for offset, new in self._patches.items():
            for i, byte in enumerate(new, offset - self._at):
                if 0 <= i < len(data):
                    data[i] = byte
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()


def find_parts(path: Path) -> list[tuple[int, int, dict[int, bytes]]]:
    """Returns start, end and patches of each recording in a file; usually one, without patches.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        match file.read(4):
            case b"OggS":
                starts = [0, *list(_ogg_streams(file, size))[1:]]
                return [(start, end, {}) for start, end in zip(starts, [*starts[1:], size], strict=True)]
            case b"RIFF" | b"RF64" as kind:
                return [(0, size, _riff_patches(file, size, long=kind == b"RF64"))]
            case b".snd":
                file.seek(8)
                return [(0, size, {8: b"\xff" * 4} if file.read(4) == bytes(4) else {})]
            case b"caff":
                return [(0, size, _caf_patches(file, size))]
        return [(0, size, {})]


def missing_bytes(path: Path) -> tuple[int, int]:
    """Returns how many bytes of audio a WAV should have beyond its end, and its bytes a second; zeros if it is whole.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        rate = 0
        if file.read(4) != b"RIFF":
            return 0, 0
        for name, at, length in _riff_chunks(file, size):
            if name == b"fmt ":
                file.seek(at + 8)
                rate = int.from_bytes(file.read(4), "little")
            if name == b"data" and size - at < length < PLACEHOLDER:
                return length - (size - at), rate
        return 0, 0


def _riff_chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields name, offset of the content and length of each chunk up to the audio."""
    at, name = 12, b""
    while at + 8 <= size and name != b"data":
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        yield name, at + 8, length
        at += 8 + length + length % 2


def _riff_patches(file: BinaryIO, size: int, *, long: bool) -> dict[int, bytes]:
    ds64 = 0  # offset of the lengths of a file beyond 4 GB
    for name, at, length in _riff_chunks(file, size):
        if name == b"ds64":
            ds64 = at
        if name != b"data":
            continue
        if long and ds64:
            file.seek(ds64 + 8)
            known = 0 < int.from_bytes(file.read(8), "little") <= size - at
            return {} if known else {ds64: struct.pack("<QQQ", size - 8, size - at, 0)}
        file.seek(at)
        if length == 0 and size > at and file.read(4) not in RIFF_CHUNKS:
            return {
                4: struct.pack("<I", min(size - 8, 2**32 - 1)),
                at - 4: struct.pack("<I", min(size - at, 2**32 - 1)),
            }
    return {}


def _caf_patches(file: BinaryIO, size: int) -> dict[int, bytes]:
    at = 8
    while at + 12 <= size:
        file.seek(at)
        name, length = struct.unpack(">4sq", file.read(12))
        if name == b"data":
            return {at + 4: struct.pack(">q", size - at - 12)} if not 0 < length <= size - at - 12 else {}
        at += 12 + max(0, length)
    return {}


def _ogg_streams(file: BinaryIO, size: int) -> Iterator[int]:
    """Yields the offset at which each stream begins, or each group of streams that are multiplexed."""
    at, in_group = 0, False
    while at + OGG_HEADER.size <= size:
        file.seek(at)
        magic, _, flags, segments = OGG_HEADER.unpack(file.read(OGG_HEADER.size))
        if magic != b"OggS":  # damaged: the next page is somewhere behind
            file.seek(at)
            found = file.read(1 << 16).find(b"OggS", 1)
            at += found if found > 0 else (1 << 16) - 3
            continue
        first = bool(flags & OGG_FIRST_PAGE)
        if first and not in_group:
            yield at
        in_group = first
        at += OGG_HEADER.size + segments + sum(file.read(segments))
