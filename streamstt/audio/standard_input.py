"""Standard input as a source: raw samples, or a recording with a header, at the speed of its writer."""

import io
import os
import select
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from streamstt.audio.format import FRAME_MS, Block, Resampler, Samples, from_s16le
from streamstt.audio.mono import MonoConverter
from streamstt.audio.recording_file import FormatError
from streamstt.errors import SourceError

if TYPE_CHECKING:
    from streamstt.audio.media_file import MediaFile

STOP_POLL_S = 0.2  # how long a read waits before it checks for a stop
READ_SIZE = 65536  # bytes that are read at once
PROBE_BYTES = 16384  # half a second of 16 kHz
NAME = Path("standard input")  # in errors
# How recordings begin, unlike raw samples: WAV and its kind, FLAC, Ogg, Matroska, AIFF, CAF, AU, MP3,
# FLV, WavPack, AMR, ASF, MPEG-TS. Bytes 4 to 8 of an MP4 are its mark.
MARKS = (
    b"RIFF", b"RF64", b"BW64", b"riff", b"fLaC", b"OggS", b"\x1aE\xdf\xa3", b"FORM", b"caff", b".snd", b"ID3\x02",
    b"ID3\x03", b"ID3\x04", b"FLV\x01", b"wvpk", b"#!AMR", b"0&\xb2u", b"G@\x00\x10", b"G@\x11\x10",
)  # fmt: skip
MP4_MARK = b"ftyp"
HEAD_SIZE = 8  # bytes that marks need


class StandardInput:
    """Raw mono audio (s16le), or a recording with a header as programs write them to a pipe."""

    is_live = False
    overflows = 0

    def __init__(self, rate: int) -> None:
        """Starts closed; call ``open``.

        Args:
            rate: Sample rate of raw audio, Hz.
        """
        self._rate = rate
        self._descriptor = 0
        self._damage = ""
        self._converter = MonoConverter()

    @property
    def notices(self) -> Mapping[str, str]:
        """What could not be read so far."""
        return {"damage": self._damage} if self._damage else {}

    @property
    def bad_samples(self) -> int:
        """Number of samples so far that were no numbers or far too large."""
        return self._converter.bad_samples

    def open(self) -> None:
        """Resets the position; standard input itself is always open."""
        self._resampler, self._converter = Resampler(self._rate), MonoConverter()
        self._pipe = _Pipe(self._descriptor)
        self._recording: MediaFile | None = None
        self._has_begun = False
        self._count = 0
        self._odd_byte = b""
        self._damage = ""
        self._ended = False

    def read(self, stop: threading.Event) -> Block | None:
        """Waits for audio, and returns all that is there, whole samples only.

        Raises:
            SourceError: It cannot be read, or is a recording of an unknown kind, or a damaged one that ends here.
        """
        if self._ended:
            self._raise_damage()
            return None
        self._pipe.stop = stop
        try:
            if not self._has_begun:
                self._begin()
            samples = self._next_recorded() if self._recording else self._next_raw()
        except OSError as error:
            raise SourceError(f"standard input cannot be read: {error}") from error
        except SourceError:
            if not stop.is_set():
                raise
            return None
        if samples is None or stop.is_set():
            return None
        block = Block(self._count, samples)
        self._count = block.end
        return block

    def _begin(self) -> None:
        """Opens the recording, if it is one."""
        head = self._pipe.peek(HEAD_SIZE)
        self._has_begun = not self._pipe.stop.is_set()
        if head.startswith(MARKS) or head[4:] == MP4_MARK:
            self._recording = self._open_recording(head)

    def _open_recording(self, head: bytes) -> "MediaFile":
        from streamstt.audio.media_file import MediaFile  # noqa: PLC0415 - takes time to import

        # A WAV with coded audio in it would be looked for in seconds of samples.
        probe_bytes = PROBE_BYTES if head.startswith(b"R") else 0
        try:
            return MediaFile(NAME, cast(BinaryIO, self._pipe), probe_bytes=probe_bytes)
        except FormatError as error:
            if head[4:] != MP4_MARK:
                raise
            text = "standard input is an MP4 with its index at its end, which must be read as a file"
            raise SourceError(text) from error

    def _next_recorded(self) -> Samples | None:
        assert self._recording is not None, "there is a header"
        audio = self._recording.read(FRAME_MS / 1000)
        self._damage = self._recording.damage
        if audio:
            return self._converter.push(*audio)
        self._ended = not self._pipe.stop.is_set()
        if not self._ended:
            return None
        if len(rest := self._converter.flush()):
            return rest
        self._raise_damage()
        return None

    def _raise_damage(self) -> None:
        """Raises, once, what is missing of a recording that has ended."""
        damage, self._damage = self._damage, ""
        if damage:
            raise SourceError(damage)

    def _next_raw(self) -> Samples | None:
        data = self._pipe.read(READ_SIZE)
        if self._pipe.stop.is_set():
            return None
        self._ended = not data
        data = self._odd_byte + data
        whole = len(data) - len(data) % 2
        self._odd_byte = data[whole:]
        return self._resampler.push(from_s16le(data[:whole]), last=self._ended)

    def close(self) -> None:
        """Does nothing: standard input belongs to the process."""


class _Pipe(io.RawIOBase):
    """Reads from a descriptor what is there, and nothing more after ``stop`` is set.

    Attributes:
        stop: Ends a read that waits.
    """

    def __init__(self, descriptor: int) -> None:
        self.stop = threading.Event()
        self._descriptor = descriptor
        self._head = b""  # read already

    def readable(self) -> bool:
        """Returns true."""
        return True

    def peek(self, size: int) -> bytes:
        """Waits for the first bytes, which the next read returns; fewer come at the end or at a stop."""
        while len(self._head) < size and (data := self._receive(READ_SIZE)):
            self._head += data
        return self._head[:size]

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Waits for bytes, reads them into a buffer, and returns their number; 0 at the end or at a stop."""
        data = self._head[: len(buffer)] or self._receive(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)

    def _receive(self, size: int) -> bytes:
        while not self.stop.is_set():
            if select.select([self._descriptor], [], [], STOP_POLL_S)[0]:
                return os.read(self._descriptor, size)
        return b""
