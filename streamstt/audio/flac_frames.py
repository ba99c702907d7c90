"""Finds the frames of a FLAC file, each of which tells its format and its own place, with a checksum (RFC 9639)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SYNC = b"\xff\xf8", b"\xff\xf9"  # of frames whose number counts frames, or samples
SEARCH = 1 << 20  # bytes that are searched at once
LONGEST = 16  # bytes of a frame's header
RATES = (0, 88_200, 176_400, 192_000, 8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)  # Hz, by their code
BITS = (0, 8, 12, 0, 16, 20, 24, 32)  # of a sample, by their code


def _crc_table(polynomial: int, bits: int) -> tuple[int, ...]:
    """Returns the checksums of all bytes, highest bit first."""
    table = []
    for byte in range(256):
        crc = byte << bits - 8
        for _ in range(8):
            crc = (crc << 1 ^ (polynomial if crc >> bits - 1 else 0)) & (1 << bits) - 1
        table.append(crc)
    return tuple(table)


CRC8, CRC16 = _crc_table(0x07, 8), _crc_table(0x8005, 16)


@dataclass(frozen=True, slots=True)
class Format:
    """What all frames of a recording have in common; zeros: only the header tells it."""

    rate: int  # Hz
    channels: int
    bits: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame at an offset.

    Attributes:
        at: The offset.
        format: Its format.
        number: Of the frame, or of its first sample.
        samples: Its length in samples; where frames are numbered, only the last one's may be another.
        step: How much more the number of the next frame is.
    """

    at: int
    format: Format
    number: int
    samples: int
    step: int

    def start(self, block: int) -> int:
        """Returns the index of its first sample; ``block``: samples of the frames before."""
        return self.number * block if self.step == 1 else self.number

    def comes_after(self, other: "Frame") -> bool:
        """Returns whether this frame follows another one."""
        return (self.format, self.number) == (other.format, other.number + other.step)


def first_frame(file: BinaryIO, start: int, end: int) -> Frame | None:
    """Returns the first frame between two offsets that another one follows: a single one may be chance."""
    before: list[Frame] = []
    for frame in _frames(file, start, end):
        if found := next((other for other in before if frame.comes_after(other)), None):
            return found
        before = [*before[-15:], frame]
    return None


def last_frame(file: BinaryIO, start: int, end: int) -> Frame | None:
    """Returns the last frame between two offsets that follows another one."""
    before: list[Frame] = []
    last = None
    for frame in _frames(file, start, end):
        if any(frame.comes_after(other) for other in before):
            last = frame
        before = [*before[-15:], frame]
    return last


def is_complete(file: BinaryIO, frame: Frame, end: int) -> bool:
    """Returns whether the file ends with a frame, and not within it."""
    file.seek(frame.at)
    crc = 0
    for byte in file.read(end - frame.at):
        crc = crc << 8 & 0xFFFF ^ CRC16[crc >> 8 ^ byte]
    return crc == 0  # that of a frame with its checksum


def _frames(file: BinaryIO, start: int, end: int) -> Iterator[Frame]:
    """Yields what looks like the header of a frame, between two offsets."""
    at = start
    while at < end:
        file.seek(at)
        block = file.read(min(SEARCH, end - at) + LONGEST)
        found = block.find(b"\xff")
        while 0 <= found < len(block) - LONGEST:
            if frame := _parse(block[found : found + LONGEST], at + found):
                yield frame
            found = block.find(b"\xff", found + 1)
        at += SEARCH


def frame_at(file: BinaryIO, at: int) -> Frame | None:
    """Returns the frame at an offset; None if there is none."""
    file.seek(at)
    return _parse(file.read(LONGEST), at)


def _parse(data: bytes, at: int) -> Frame | None:
    """Parses the header of a frame; None if it is none."""
    if not data.startswith(SYNC) or len(data) < LONGEST:
        return None
    size_code, rate_code = data[2] >> 4, data[2] & 15
    channel_code, bits_code = data[3] >> 4, data[3] >> 1 & 7
    if not size_code or rate_code == 15 or channel_code > 10 or bits_code == 3 or data[3] & 1:
        return None
    more = 0  # bytes of the number after its first
    while more < 7 and data[4] << more & 0xC0 == 0xC0:
        more += 1
    if data[4] & 0xC0 == 0x80:
        return None
    number = data[4] & (0x7F if not more else 0x3F >> more)
    for byte in data[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    end = 5 + more
    samples, end = _block_size(size_code, data, end)
    rate, end = _rate(rate_code, data, end)
    if end >= LONGEST or _crc8(data[:end]) != data[end]:
        return None
    channels = channel_code + 1 if channel_code < 8 else 2
    step = samples if data[1] & 1 else 1
    return Frame(at, Format(rate, channels, BITS[bits_code]), number, samples, step)


def _block_size(code: int, data: bytes, at: int) -> tuple[int, int]:
    """Returns the number of samples by its code, and where the header goes on."""
    match code:
        case 1:
            return 192, at
        case 6:
            return data[at] + 1, at + 1
        case 7:
            return int.from_bytes(data[at : at + 2], "big") + 1, at + 2
        case _:
            return (576 << code - 2 if code < 6 else 256 << code - 8), at


def _rate(code: int, data: bytes, at: int) -> tuple[int, int]:
    """Returns the rate (Hz) by its code, 0 if the header tells it, and where the frame's own header goes on."""
    match code:
        case 12:
            return data[at] * 1000, at + 1
        case 13:
            return int.from_bytes(data[at : at + 2], "big"), at + 2
        case 14:
            return int.from_bytes(data[at : at + 2], "big") * 10, at + 2
        case _:
            return RATES[code], at


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = CRC8[crc ^ byte]
    return crc
