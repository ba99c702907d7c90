"""The interface of audio sources, and files; microphones are in ``devices.microphone``.

One thread opens, reads and closes a source. ``read`` blocks. A block's position counts samples at 16 kHz since
``open``, including those that were lost.
"""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from streamstt.audio.devices.microphone import Microphone
from streamstt.audio.devices.selection import DeviceSelector
from streamstt.audio.format import FRAME_MS, SAMPLE_RATE, Block, Samples
from streamstt.audio.mono import MonoConverter
from streamstt.audio.network_stream import NetworkStream
from streamstt.audio.recording import OpenRecording, open_recording
from streamstt.audio.standard_input import StandardInput
from streamstt.config.settings import SourceSettings
from streamstt.errors import SourceError

BLOCK_S = FRAME_MS / 1000


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
    """A recording in any format that libsndfile or FFmpeg read, in real time or as fast as it is read.

    What is damaged is replaced by silence; what is readable behind it is read.
    """

    is_live = False
    overflows = 0

    def __init__(
        self, path: Path, *, fast: bool = False, loop: bool = False, block_s: float = BLOCK_S, track: int = 0
    ) -> None:
        """Starts closed; call ``open``.

        Args:
            path: The recording.
            fast: Whether to read as fast as possible instead of in real time.
            loop: Whether to begin again at the end.
            block_s: Length of a block, in seconds. Reading frame by frame costs more than detecting speech in them.
            track: Number of the audio track, from 1 on; 0: the one that is meant for everybody.
        """
        self._block_s = block_s
        self._track = track
        self._path = path
        self._fast = fast
        self._loop = loop
        self._file: OpenRecording | None = None
        self._converter = MonoConverter()
        self._damage = ""

    @property
    def notices(self) -> Mapping[str, str]:
        """What could not be read so far."""
        return {"damage": self._damage} if self._damage else {}

    def open(self) -> None:
        """Opens the file.

        Raises:
            SourceError: It does not exist, or is not audio that can be read.
        """
        self._file = open_recording(self._path, self._track)
        self._damage = ""
        self._converter = MonoConverter()
        self._count = 0
        self._started_at = time.monotonic()

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds, or of what was read of it if that is more; the file must be open."""
        assert self._file is not None, "call open() first"
        return max(self._file.duration_s, self._count / SAMPLE_RATE)

    @property
    def bad_samples(self) -> int:
        """Number of samples so far that were no numbers or far too large."""
        return self._converter.bad_samples

    def read(self, stop: threading.Event) -> Block | None:
        """Reads the next block; unless ``fast``, waits until its end would have been recorded.

        Raises:
            SourceError: At the end of a damaged recording, once: the message says what is missing.
        """
        if stop.is_set() or self._file is None:
            return None
        samples = self._next_samples(self._file)
        self._damage = self._file.damage
        if samples is None:
            self.close()
            if self._damage:
                raise SourceError(self._damage)
            return None
        block = Block(self._count, samples)
        self._count = block.end
        if not self._fast:
            stop.wait(max(0.0, self._started_at + block.end / SAMPLE_RATE - time.monotonic()))
        return block

    def _next_samples(self, file: OpenRecording) -> Samples | None:
        """Returns the next audio, 16 kHz, mono; None at the end."""
        audio = file.read(self._block_s)
        if audio is None and self._loop:
            file.rewind()
            audio = file.read(self._block_s)
        if audio is None:
            rest = self._converter.flush()
            return rest if len(rest) else None
        return self._converter.push(*audio)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def make_source(settings: SourceSettings) -> AudioSource | None:
    """Creates the source that the settings describe, closed; None for ``ws``, whose audio remote clients send."""
    match settings.kind:
        case "mic" | "monitor" as kind:
            fallback = settings.fallback == "default"
            return Microphone(DeviceSelector(kind, settings.argument, fallback=fallback, channel=settings.channel))
        case "file":
            path = Path(settings.argument).expanduser()
            return AudioFile(path, fast=settings.fast, loop=settings.loop, track=settings.track)
        case "url":
            return NetworkStream(settings.argument, settings.track)
        case "stdin":
            return StandardInput(settings.rate)
        case _:
            return None
