"""Finds the recordings in a file, and repairs lengths that their writer never filled in. Knows nothing of samples.

A program that writes to a pipe cannot go back to its header, and libsndfile believes what is there: nothing, or more
than the file has.
"""

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

from streamstt.audio.file_extents import Extent
from streamstt.audio.flac_repair import START as FLAC_START
from streamstt.audio.flac_repair import find_flac_extents, is_headless_flac
from streamstt.audio.mpeg_frames import find_mpeg_extents, is_mpeg
from streamstt.audio.ogg_pages import find_ogg_extents

# Bytes: lengths from here on are what ffmpeg, sox, arecord and others write while they do not know.
PLACEHOLDER, PLACEHOLDER_64 = 0x7FFF0000, 1 << 62
EBML = b"\x1aE\xdf\xa3"  # Matroska and WebM, in which there may be frames of FLAC, as in MP4
CHUNKED = b"RIFF", b"RF64", b"FORM", b"riff", b"caff", b".snd"
MP4_BOXES = b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"


@dataclass(frozen=True, slots=True)
class _Audio:
    """Where the audio is in a file.

    Attributes:
        at: Offset of its first byte.
        told: Its length in bytes, as the file tells it.
        patches: What to read in place of a length that is wrong.
        placeholder: A length from which on the writer did not know it.
        is_told: Whether the length may be right, as far as what is behind it shows.
    """

    at: int
    told: int
    patches: dict[int, bytes]
    placeholder: int = PLACEHOLDER
    is_told: bool = True


def find_extents(file: BinaryIO) -> tuple[Extent, ...]:
    """Returns the recordings in a file: usually one that is all of it.

    Raises:
        OSError: The file cannot be read.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(16)
    if start.startswith(b"OggS"):
        return find_ogg_extents(file, size)
    if start.startswith(FLAC_START[:4]) or start[4:8] == FLAC_START[4:]:
        return find_flac_extents(file, size)
    if is_mpeg(start):
        return find_mpeg_extents(file, size)
    audio = _find_audio(file, start, size)
    may_be_flac = audio is None and not start.startswith((EBML, *CHUNKED)) and start[4:8] not in MP4_BOXES
    if may_be_flac and is_headless_flac(file, size):
        return find_flac_extents(file, size)
    return _repair(audio, size) if audio and audio.at < size else (Extent(((0, size),)),)


def _repair(audio: _Audio, size: int) -> tuple[Extent, ...]:
    """Returns the recording in a file of a size in bytes, with its length as it is."""
    if not audio.is_told or audio.told >= audio.placeholder:
        return (Extent(((0, size),), audio.patches),)
    if audio.told > size - audio.at:  # cut off
        return Extent(((0, size),), audio.patches), Extent(())
    return (Extent(((0, size),)),)


@dataclass(frozen=True, slots=True)
class _Chunks:
    """How a format writes chunks: ``header`` has name and length, as ``struct`` formats them.

    Attributes:
        header: Name and length.
        first: Offset of the first chunk.
        align: Chunks begin at multiples of so many bytes.
        counted: Bytes of the header that the length counts.
    """

    header: str
    first: int
    align: int
    counted: int = 0


RIFF = _Chunks("<4sI", 12, 2)
AIFF = _Chunks(">4sI", 12, 2)
CAF = _Chunks(">4sQ", 8, 1)
W64 = _Chunks("<4s12xQ", 40, 8, 24)


def _find_audio(file: BinaryIO, start: bytes, size: int) -> _Audio | None:
    """Returns where the audio is; None if the format is another one, or the header is cut off."""
    find = {
        b"RIFF": _find_in_riff,
        b"RF64": _find_in_rf64,
        b"FORM": lambda file, size: _Audio(*_find_chunk(file, size, AIFF, b"SSND"), {}),
        b"riff": _find_in_w64,
        b"caff": _find_in_caf,
        b".snd": _find_in_au,
    }.get(start[:4])
    try:
        return find(file, size) if find else None
    except (KeyError, struct.error):
        return None


def _find_chunk(file: BinaryIO, size: int, chunks: _Chunks, wanted: bytes) -> tuple[int, int]:
    """Returns offset and length of the content of the first chunk with a name.

    Raises:
        KeyError: There is none.
    """
    at, header_size = chunks.first, struct.calcsize(chunks.header)
    while at + header_size <= size:
        file.seek(at)
        name, length = struct.unpack(chunks.header, file.read(header_size))
        length = max(0, length - chunks.counted)
        if name == wanted:
            return at + header_size, length
        at += header_size + length + -length % chunks.align
    raise KeyError(wanted)


def _find_in_riff(file: BinaryIO, size: int) -> _Audio:
    at, told = _find_chunk(file, size, RIFF, b"data")
    # Beyond 4 GB a writer counts from 0 again.
    is_told = 2 * told > size - at or _is_chunk(file, at + told, size) or _is_chunk(file, at + told + 1, size)
    return _Audio(at, told, {4: _uint32(size - 8), at - 4: _uint32(size - at)}, is_told=is_told)


def _find_in_rf64(file: BinaryIO, size: int) -> _Audio:
    at, _ = _find_chunk(file, size, RIFF, b"data")
    lengths, _ = _find_chunk(file, size, RIFF, b"ds64")
    file.seek(lengths + 8)
    (told,) = struct.unpack("<Q", file.read(8))
    return _Audio(at, told, {lengths: struct.pack("<QQQ", size - 8, size - at, 0)}, PLACEHOLDER_64, is_told=told > 0)


def _find_in_w64(file: BinaryIO, size: int) -> _Audio:
    at, told = _find_chunk(file, size, W64, b"data")
    patches = {16: struct.pack("<Q", size), at - 8: struct.pack("<Q", size - at + W64.counted)}
    return _Audio(at, told, patches, PLACEHOLDER_64, is_told=told > 0)


def _find_in_caf(file: BinaryIO, size: int) -> _Audio:
    at, told = _find_chunk(file, size, CAF, b"data")
    return _Audio(at, told, {at - 8: struct.pack(">Q", size - at)}, PLACEHOLDER_64, is_told=told > 0)


def _find_in_au(file: BinaryIO, _: int) -> _Audio:
    file.seek(4)
    at, told = struct.unpack(">II", file.read(8))
    return _Audio(at, told, {8: b"\xff" * 4}, is_told=told > 0)


def _is_chunk(file: BinaryIO, at: int, size: int) -> bool:
    """Returns whether the file ends at an offset, or what is there looks like a chunk: a printable name, and room."""
    file.seek(at)
    head = file.read(8)
    if len(head) < 8:
        return at >= size
    name, length = head[:4], int.from_bytes(head[4:], "little")
    return name.isascii() and name.decode("ascii").isprintable() and at + len(head) + length <= size + 1


def _uint32(value: int) -> bytes:
    return struct.pack("<I", min(value, 2**32 - 1))
