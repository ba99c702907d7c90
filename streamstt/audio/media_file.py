"""Reads one audio track of whatever FFmpeg reads: m4a, mp4, webm, mkv, aac, wma and many more, damaged ones too.

Takes time to import; import it where it is needed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from streamstt.audio.damage import DamageLog
from streamstt.audio.media_frames import float_samples
from streamstt.audio.media_tracks import find_end, find_start, find_track, open_container
from streamstt.audio.recording_file import RATES, FormatError
from streamstt.errors import SourceError

MAX_HOLE_S = 3600.0  # s: times that jump further have no meaning
MAX_JITTER_S = 0.05  # s: times are rounded, and the clocks of picture and sound differ a little
MAX_OVERLAP_S = 1.0  # s: times that jump further back begin anew
MIN_MISSING_S = 0.5  # s: coders and containers round lengths
MAX_SKIP = 4096  # bytes between two packets: more were passed over because they are damaged, if time is missing too
SILENCE_S = 1.0  # s of silence that are returned at once
MAX_FAULTS = 1000  # in a row, without audio between them: then the rest cannot be read

Frames = npt.NDArray[np.float32]
"""Shape (n, channels)."""


class MediaFile:
    """An open audio track: its samples at their times, silence where there are none."""

    def __init__(self, path: Path, file: BinaryIO, track: int = 0, probe_bytes: int = 0) -> None:
        """Opens the file.

        Args:
            path: Its name in errors.
            file: The file, at its start; ``close`` closes it.
            track: Number of the audio track, from 1 on; 0: the one that is meant for everybody.
            probe_bytes: How much may be read before there is audio; 0: as much as is usual.

        Raises:
            FormatError: It is not audio that FFmpeg reads.
            SourceError: It has no audio, or no such track.
        """
        self._path, self._file, self._track = path, file, track
        self._options = {"probesize": str(probe_bytes)} if probe_bytes else {}
        self._damages = DamageLog()
        self._faulty = False  # whether something could not be read since the last audio
        self._skipped = False  # whether bytes may be missing since then
        self._container: InputContainer | None = None
        self._next: tuple[Frames, int] | None = None  # read already
        try:
            self._open()
            if (first := next(self._pieces, None)) is None:
                raise FormatError(f"{path} contains no audio that can be read")
            self._next = first
        except SourceError:
            self._close_container()
            raise

    @property
    def duration_s(self) -> float:
        """Length in seconds, as the file tells it; 0 if it does not."""
        assert self._container is not None, "the file is open"
        return self._end_s or max(0.0, (self._container.duration or 0) / av.time_base)

    @property
    def damage(self) -> str:
        """A sentence that says what could not be read so far, with its time; empty if all could."""
        when = self._damages.describe()
        return f"{self._path} is damaged {when}; the rest was read" if when else ""

    def rewind(self) -> None:
        """Begins again at the start."""
        self._close_container()
        self._file.seek(0)
        self._open()

    def read(self, seconds: float) -> tuple[Frames, int] | None:
        """Reads on.

        Args:
            seconds: Length to read; less comes at the end, and where the format changes.

        Returns:
            The samples and their rate in Hz; None at the end.
        """
        pieces: list[Frames] = []
        rate, channels, count = 0, 0, 0
        while piece := self._next or next(self._pieces, None):
            samples, piece_rate = self._next = piece
            if pieces and (piece_rate, samples.shape[1]) != (rate, channels):
                break
            self._next = None
            pieces.append(samples)
            rate, channels, count = piece_rate, samples.shape[1], count + len(samples)
            if count >= seconds * rate:
                break
        return (np.concatenate(pieces), rate) if pieces else None

    def close(self) -> None:
        """Closes the file; may be called twice."""
        self._close_container()
        self._file.close()

    def _close_container(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def _open(self) -> None:
        self._pieces: Iterator[tuple[Frames, int]] = iter(())
        self._next = None
        self._container = container = open_container(self._path, self._file, self._options)
        self._stream = find_track(self._path, container, self._track)
        self._start_s = find_start(container)
        self._end_s = find_end(container, self._stream, self._start_s)
        self._pieces = self._place(self._decode())

    def _decode(self) -> Iterator[AudioFrame]:
        """Yields what can be decoded, and notes that something could not."""
        faults = 0
        while faults <= MAX_FAULTS:
            try:
                for packet in self._packets():
                    try:
                        frames = packet.decode()
                    except av.error.FFmpegError:
                        faults, self._faulty = faults + 1, True
                        continue
                    self._skipped = self._skipped or packet.is_corrupt
                    for frame in frames:
                        if frame.samples and frame.sample_rate in RATES:
                            faults = 0
                            yield frame
                return
            except (av.error.FFmpegError, OSError):
                faults, self._faulty = faults + 1, True
            except IndexError:  # at the end: PyAV does not know tracks that have appeared since it was opened
                return

    def _packets(self) -> Iterator["Packet[AudioStream]"]:
        """Yields the packets of the track, and notes that bytes were passed over before one."""
        end: int | None = None
        for packet in self._container.demux() if self._container else ():
            if packet.pos is not None:
                self._skipped = self._skipped or (end is not None and packet.pos > end + MAX_SKIP)
                end = packet.pos + packet.size
            if packet.stream is self._stream:
                yield cast("Packet[AudioStream]", packet)

    def _place(self, frames: Iterator[AudioFrame]) -> Iterator[tuple[Frames, int]]:
        """Yields frames at their times, and the silence between them."""
        at_s = 0.0  # end of what was yielded
        shift_s = -self._start_s  # from times in the file to those from its start on
        rate, channels = 0, 0
        for frame in frames:
            samples = float_samples(frame)
            rate, channels = frame.sample_rate, samples.shape[1]
            if frame.time is not None:
                shift_s = self._find_shift(frame.time, at_s, shift_s)
                hole_s = frame.time + shift_s - at_s
                if hole_s < -MAX_JITTER_S:
                    samples = samples[round(-hole_s * rate) :]
                if self._faulty or (self._skipped and hole_s > MAX_JITTER_S):
                    self._note_fault(at_s, max(0.0, hole_s))
                if hole_s > MAX_JITTER_S:
                    for count in _split(round(hole_s * rate), round(SILENCE_S * rate)):
                        yield np.zeros((count, channels), np.float32), rate
                        at_s += count / rate
            self._faulty = self._skipped = False
            if len(samples):
                self._damages.add_faults(samples, at_s, rate)
                at_s += len(samples) / rate
                yield samples, rate
        if self._faulty or self._end_s - at_s > MIN_MISSING_S:
            self._damages.add(at_s, None)

    def _find_shift(self, time_s: float, at_s: float, shift_s: float) -> float:
        """Returns what to add to times in the file from here on: another number where its clock begins anew."""
        for shift in (shift_s, -self._start_s):
            if -MAX_OVERLAP_S <= time_s + shift - at_s <= MAX_HOLE_S:
                return shift
        return at_s - time_s

    def _note_fault(self, at_s: float, hole_s: float) -> None:
        """Notes that something was lost; at the start a part of a packet is, where a broadcast was joined."""
        if at_s or hole_s > MIN_MISSING_S:
            self._damages.add(at_s, at_s + hole_s)


def _split(count: int, size: int) -> Iterator[int]:
    """Yields sizes of at most ``size`` that make up ``count``."""
    while count > 0:
        yield min(count, size)
        count -= size
