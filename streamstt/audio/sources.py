"""The interface of audio sources, files, and standard input; microphones are in ``devices.microphone``.

One thread opens, reads and closes a source. ``read`` blocks. A block's position counts samples at 16 kHz since
``open``, including those that were lost.
"""

import os
import select
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
import soundfile

from streamstt.audio.devices.microphone import Microphone
from streamstt.audio.devices.selection import DeviceSelector
from streamstt.audio.format import FRAME_MS, SAMPLE_RATE, Block, Resampler, from_s16le, mix_down
from streamstt.config.settings import SourceSettings
from streamstt.errors import SourceError

BLOCK_S = FRAME_MS / 1000
STOP_POLL_S = 0.2  # how long a read of standard input waits before it checks for a stop


class AudioSource(Protocol):
    """Delivers audio block by block."""

    @property
    def is_live(self) -> bool:
        """Whether audio that is not read in time is lost (a microphone) or waits (a file)."""
        ...

    @property
    def overflows(self) -> int:
        """Number of times audio was lost before it could be read."""
        ...

    @property
    def notices(self) -> Mapping[str, str]:
        """Present conditions that users should know of: kind to one sentence."""
        ...

    def open(self) -> None:
        """Starts the source.

        Raises:
            SourceError: It cannot be opened; the message lists what can be.
        """
        ...

    def read(self, stop: threading.Event) -> Block | None:
        """Waits for the next block.

        Returns:
            The block, or None at the end, or soon after ``stop`` is set.

        Raises:
            SourceError: The device was lost, or the file cannot be read.
        """
        ...

    def close(self) -> None:
        """Releases the source; may be called twice."""
        ...


class AudioFile:
    """A recording in any format that libsndfile reads, in real time or as fast as it is read."""

    is_live = False
    overflows = 0
    notices: Mapping[str, str] = MappingProxyType({})

    def __init__(self, path: Path, *, fast: bool = False, loop: bool = False, block_s: float = BLOCK_S) -> None:
        """Starts closed; call ``open``.

        Args:
            path: The recording.
            fast: Whether to read as fast as possible instead of in real time.
            loop: Whether to begin again at the end.
            block_s: Length of a block, in seconds. Reading frame by frame costs more than detecting speech in them.
        """
        self._block_s = block_s
        self._path = path
        self._fast = fast
        self._loop = loop
        self._file: soundfile.SoundFile | None = None

    def open(self) -> None:
        """Opens the file.

        Raises:
            SourceError: It does not exist, or is not audio that can be read.
        """
        try:
            self._file = soundfile.SoundFile(self._path)
        except (soundfile.LibsndfileError, OSError) as error:
            if self._path.is_dir():
                raise SourceError(f"{self._path} is a folder; name a recording in it") from error
            if not self._path.exists():
                raise SourceError(f"there is no file {self._path}") from error
            formats = ", ".join(sorted(soundfile.available_formats())).lower()
            raise SourceError(f"{self._path} is not audio that can be read ({error}); formats: {formats}") from error
        if not self._file.frames:
            raise SourceError(f"{self._path} contains no audio")
        self._resampler = Resampler(self._file.samplerate)
        self._count = 0
        self._started_at = time.monotonic()

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds; the file must be open."""
        assert self._file is not None, "call open() first"
        return float(self._file.frames / self._file.samplerate)

    def read(self, stop: threading.Event) -> Block | None:
        """Reads the next block; unless ``fast``, waits until its end would have been recorded."""
        if stop.is_set() or self._file is None:
            return None
        size = round(self._file.samplerate * self._block_s)
        try:
            data = self._file.read(size, dtype="float32")
        except soundfile.LibsndfileError as error:
            read_s = self._count / SAMPLE_RATE
            raise SourceError(f"{self._path} is damaged after {read_s:.1f} s ({error})") from error
        if len(data) < size and self._loop:
            self._file.seek(0)
        last = len(data) == 0 and not self._loop
        samples = self._resampler.push(mix_down(np.asarray(data, dtype=np.float32)), last=last)
        if last:
            self.close()
            if not len(samples):
                return None
        block = Block(self._count, samples)
        self._count = block.end
        if not self._fast:
            stop.wait(max(0.0, self._started_at + block.end / SAMPLE_RATE - time.monotonic()))
        return block

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class StandardInput:
    """Raw mono audio (s16le) from standard input, at the speed of its writer."""

    is_live = False
    overflows = 0
    notices: Mapping[str, str] = MappingProxyType({})

    def __init__(self, rate: int) -> None:
        """Starts closed; call ``open``.

        Args:
            rate: Sample rate, Hz.
        """
        self._rate = rate
        self._descriptor = 0

    def open(self) -> None:
        """Resets the position; standard input itself is always open."""
        self._resampler = Resampler(self._rate)
        self._count = 0
        self._odd_byte = b""
        self._ended = False

    def read(self, stop: threading.Event) -> Block | None:
        """Waits for audio, and returns all that is there, whole samples only."""
        while not (stop.is_set() or self._ended):
            try:
                if not select.select([self._descriptor], [], [], STOP_POLL_S)[0]:
                    continue
                data = os.read(self._descriptor, 65536)
            except OSError as error:
                raise SourceError(f"standard input cannot be read: {error}") from error
            self._ended = not data
            data = self._odd_byte + data
            whole = len(data) - len(data) % 2
            self._odd_byte = data[whole:]
            samples = self._resampler.push(from_s16le(data[:whole]), last=self._ended)
            block = Block(self._count, samples)
            self._count = block.end
            return block
        return None

    def close(self) -> None:
        """Does nothing: standard input belongs to the process."""


def make_source(settings: SourceSettings) -> AudioSource | None:
    """Creates the source that the settings describe, closed; None for ``ws``, whose audio remote clients send."""
    match settings.kind:
        case "mic" | "monitor" as kind:
            fallback = settings.fallback == "default"
            return Microphone(DeviceSelector(kind, settings.argument, fallback=fallback, channel=settings.channel))
        case "file":
            return AudioFile(Path(settings.argument).expanduser(), fast=settings.fast, loop=settings.loop)
        case "stdin":
            return StandardInput(settings.rate)
        case _:
            return None
