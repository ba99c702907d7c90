"""Reads recordings with libsndfile: all that can be read of damaged ones, and of several streams in one file.

The only module that imports soundfile.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from streamstt.audio.containers import find_extents
from streamstt.audio.damage import DamageLog
from streamstt.audio.file_extents import Extent, ExtentReader
from streamstt.audio.mixing import find_scale, is_number
from streamstt.errors import SourceError

UNKNOWN_FORMAT = 1  # libsndfile's SF_ERR_UNRECOGNISED_FORMAT
FORMATS = "aac, flac, m4a, mkv, mp3, mp4, ogg, wav, webm, wma"  # that people have
UNKNOWN = 2**48  # frames: a header that does not tell the length tells more than this
RATES = range(1_000, 768_001)  # Hz
MIN_MISSING_S = 0.1  # s: coders round lengths
MAX_SHIFT_S = 1.0  # s: behind damage libsndfile may be off by one block of the coder, two in bad cases
PIECE = 1024  # frames that are read at once next to damage
SEARCH_STEP_S, SEARCH_STEPS = 0.1, 6000  # where audio is looked for behind damage: for ten minutes
SCALE_BLOCK, SCALE_BLOCKS = 1 << 16, 64  # frames, and blocks with sound, that the scale is judged by

Frames = npt.NDArray[np.float32]
"""Shape (n, channels)."""


class FormatError(SourceError):
    """A file is of a kind that the library which reads it does not know, or is damaged where it begins."""


class _SoundFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """Reads forward only; soundfile seeks after each read otherwise, which fails where the length is unknown."""

    def seekable(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class _MeasuredExtent:
    """An extent with its length (s), and what is lost before it (s)."""

    extent: Extent
    duration_s: float
    lost_s: float


class RecordingFile:
    """An open recording: the samples of its extents one after the other, silence where it is damaged."""

    def __init__(self, path: Path, file: BinaryIO | None = None) -> None:
        """Opens the file.

        Args:
            path: The file.
            file: The same, if it is open already; closed by ``close`` only.

        Raises:
            FormatError: It does not exist, or is not audio that libsndfile reads.
            SourceError: It contains no audio, or none that can be read.
        """
        self._path = path
        self._damages = DamageLog()
        self._file: _SoundFile | None = None
        self._disk = file  # kept open: a file that is deleted meanwhile can still be read
        try:
            self._disk = file or path.open("rb")
            self._extents = self._measure(find_extents(self._disk))
            if not any(extent.duration_s for extent in self._extents):
                raise SourceError(f"{path} contains no audio")
            self._scale = self._find_scale()
            self.rewind()
            if self.read(SEARCH_STEP_S) is None:
                raise SourceError(f"{path} is damaged, and nothing of it can be read")
            self._damages = DamageLog()
            self.rewind()
        except (soundfile.LibsndfileError, OSError) as error:
            problem = _explain(path, self._disk, error)
            self._close_failed(file)
            raise FormatError(problem) from error
        except SourceError:
            self._close_failed(file)
            raise

    @property
    def duration_s(self) -> float:
        """Length in seconds, as the file tells it; 0 if it does not."""
        total = sum(extent.lost_s + extent.duration_s for extent in self._extents)
        return total if total < UNKNOWN / 1e6 else 0.0

    @property
    def damage(self) -> str:
        """A sentence that says what could not be read so far, with its time; empty if all could."""
        when = self._damages.describe()
        return f"{self._path} is damaged {when}; the rest was read" if when else ""

    def rewind(self) -> None:
        """Begins again at the start."""
        self._before_s = 0.0
        self._open_next(0)

    def read(self, seconds: float) -> tuple[Frames, int] | None:
        """Reads on.

        Args:
            seconds: Length to read; less comes at the end of an extent.

        Returns:
            The samples and their rate in Hz; None at the end.

        Raises:
            SourceError: The disk or network drive fails.
        """
        while self._file is not None:
            rate = self._file.samplerate
            size = max(1, round(rate * seconds))
            if self._silence:
                count = min(size, self._silence)
                self._silence -= count
                return np.zeros((count, self._file.channels), np.float32), rate
            data = self._try_read(size)
            if data is None:
                data = self._read_damaged(size)
            if self._raw.error:
                at_s = self._before_s + self._frame / rate
                raise SourceError(f"{self._path} cannot be read from {at_s:.1f} s on: {self._raw.error.strerror}")
            self._damages.add_faults(data, self._before_s + self._frame / rate, rate)
            self._frame += len(data)
            if len(data):
                return data * self._scale if self._scale != 1 else data, rate
            self._end_extent()
        return None

    def close(self) -> None:
        """Closes the file; may be called twice."""
        self._close_extent()
        if self._disk:
            self._disk.close()

    def _close_failed(self, file: BinaryIO | None) -> None:
        """Closes all but a file that was opened by others."""
        self._close_extent()
        if file is None:
            self.close()

    def _close_extent(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _measure(self, extents: tuple[Extent, ...]) -> list[_MeasuredExtent]:
        """Returns the extents that can be opened, with their lengths.

        Raises:
            LibsndfileError: None can be opened.
        """
        measured, problem = [], None
        for extent in extents:
            duration_s = 0.0
            try:
                if extent.ranges:
                    self._open(extent)
                    assert self._file is not None, "just opened"
                    duration_s = self._file.frames / self._file.samplerate
            except soundfile.LibsndfileError as error:
                extent, problem = Extent((), ends_after_s=extent.ends_after_s), error  # noqa: PLW2901
            lost_s = 0.0 if extent.ends_after_s is None else max(0.0, extent.ends_after_s - duration_s)
            measured.append(_MeasuredExtent(extent, duration_s, lost_s))
        if problem and not any(extent.extent.ranges for extent in measured):
            raise problem
        return measured

    def _open(self, extent: Extent) -> None:
        """Opens an extent at its start.

        Raises:
            LibsndfileError: It is not audio that can be read.
            SourceError: Its rate is impossible.
        """
        self._close_extent()
        assert self._disk, "the file is open"
        self._raw = ExtentReader(self._disk, extent)
        self._file = _SoundFile(self._raw)
        self._frame = 0
        if self._file.samplerate not in RATES:  # a second of it might not fit into memory
            raise SourceError(f"{self._path} cannot be read: a rate of {self._file.samplerate} Hz")

    def _open_next(self, index: int) -> None:
        """Opens the first extent from an index on that can be read, and notes what is lost before it."""
        self._close_extent()
        lost_from_s, is_lost = self._before_s, False
        for i, extent in enumerate(self._extents[index:], index):
            is_lost = is_lost or not extent.extent.ranges or extent.extent.ends_after_s is not None
            self._before_s += extent.lost_s
            if not extent.extent.ranges:
                continue
            self._index, self._bad_frame = i, -1  # bad: where reading failed; again is of no use
            self._open(extent.extent)
            assert self._file is not None, "just opened"
            self._silence = round((self._before_s - lost_from_s) * self._file.samplerate)  # frames that are lost
            if is_lost:
                self._damages.add(lost_from_s, self._before_s)
            return
        if is_lost:
            self._damages.add(lost_from_s, None)

    def _end_extent(self) -> None:
        """Notes what is missing at the end of an extent, and opens the next one."""
        assert self._file is not None, "an extent is open"
        extent, read_s = self._extents[self._index], self._frame / self._file.samplerate
        missing_s = extent.duration_s - read_s
        tolerance_s = MIN_MISSING_S if self._bad_frame < 0 else MAX_SHIFT_S
        if tolerance_s < missing_s < UNKNOWN / 1e6:
            self._damages.add(self._before_s + read_s, None)
        self._before_s += read_s
        self._open_next(self._index + 1)

    def _try_read(self, size: int) -> Frames | None:
        """Reads on; None next to damage. libsndfile would read on behind it, but at a wrong time."""
        if self._file is None or self._frame == self._bad_frame:
            return None
        try:
            return np.asarray(self._file.read(size, dtype="float32", always_2d=True), np.float32)
        except soundfile.LibsndfileError:
            return None

    def _read_damaged(self, size: int) -> Frames:
        """Reads up to the next damage, or finds the audio behind it: then the result begins with silence for it."""
        if self._frame != self._bad_frame and len(data := self._read_at(self._frame, size)):
            return data
        assert self._file is not None, "an extent is open"
        rate, channels = self._file.samplerate, self._file.channels
        frames = self._file.frames
        for step in range(1, SEARCH_STEPS + 1):
            at = self._frame + round(step * SEARCH_STEP_S * rate)
            if at >= frames:
                break
            data = self._read_at(at, size)
            if len(data):
                self._damages.add(self._before_s + self._frame / rate, self._before_s + at / rate)
                return np.concatenate([np.zeros((at - self._frame, channels), np.float32), data])
        self._damages.add(self._before_s + self._frame / rate, None)
        return np.zeros((0, channels), np.float32)

    def _read_at(self, frame: int, size: int) -> Frames:
        """Reads from a frame on as far as it goes; the file is left there, if anything could be read."""
        before = self._frame
        self._open(self._extents[self._index].extent)
        self._frame = before
        assert self._file is not None, "just opened"
        pieces: list[Frames] = []
        try:
            self._file.seek(frame)
            while sum(map(len, pieces)) < size:
                piece = self._file.read(PIECE, dtype="float32", always_2d=True)
                if not len(piece):
                    break
                pieces.append(piece)
        except soundfile.LibsndfileError:
            self._bad_frame = frame + sum(map(len, pieces))
        return np.concatenate(pieces) if pieces else np.zeros((0, self._file.channels), np.float32)

    def _find_scale(self) -> float:
        """Returns the factor that brings float samples to full scale 1, if they are numbers of integer scale."""
        self._open(next(extent.extent for extent in self._extents if extent.extent.ranges))
        if self._file is None or self._file.subtype not in {"FLOAT", "DOUBLE"}:
            return 1.0
        loud: list[npt.NDArray[np.float32]] = []
        while len(loud) < SCALE_BLOCKS and len(data := self._file.read(SCALE_BLOCK, dtype="float32")):
            size = np.abs(data[is_number(data)])
            if size.size and float(size.max()) > 0:
                loud.append(size.ravel())
        return find_scale(np.concatenate(loud)) if loud else 1.0


def _explain(path: Path, file: BinaryIO | None, error: soundfile.LibsndfileError | OSError) -> str:
    """Returns a sentence that says why a file cannot be read."""
    if path.is_dir():
        return f"{path} is a folder; name a recording in it"
    if not path.exists():
        return f"there is no file {path}"
    if isinstance(error, OSError):
        return f"{path} cannot be read: {error.strerror}"
    if file and not file.seek(0, os.SEEK_END):  # asked of the file: a pipe has no size, but was copied to one
        return f"{path} is empty"
    if error.code != UNKNOWN_FORMAT:
        return f"{path} is damaged where it begins, so nothing of it can be read ({error.error_string.rstrip('.')})"
    return f"{path} is not audio that can be read; formats: {FORMATS} and many more"
