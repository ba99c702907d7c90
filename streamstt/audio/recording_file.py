"""Reads recordings with libsndfile: all that can be read of damaged ones, and of several streams in one file.

The only module that imports soundfile.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from streamstt.audio.containers import FileRange, find_parts, missing_bytes
from streamstt.errors import SourceError

UNKNOWN = 2**48  # frames: a header that does not tell the length tells more than this
MIN_MISSING_S = 0.1  # s: coders round lengths
MAX_SHIFT_S = 1.0  # s: behind damage libsndfile may be off by one block of the coder, two in bad cases
PIECE = 1024  # frames that are read at once next to damage
SEARCH_STEP_S, SEARCH_STEPS = 0.1, 6000  # where audio is looked for behind damage: for ten minutes
# Samples of more than full scale: in a float file a few are loud; many mean that the numbers are those of integers.
OVER, OVER_SHARE = 2.0, 0.01
SCALE_BLOCK, SCALE_BLOCKS = 1 << 16, 64  # frames, and blocks with sound, that the scale is judged by

Frames = npt.NDArray[np.float32]
"""Shape (n, channels)."""


class _SoundFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """Reads forward only; soundfile seeks after each read otherwise, which fails where the length is unknown."""

    def seekable(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class _Damage:
    """Audio between two times (s) that cannot be read; ``end`` None: up to the end."""

    start: float
    end: float | None


class RecordingFile:
    """An open recording: the samples of its parts one after the other, silence where it is damaged."""

    def __init__(self, path: Path) -> None:
        """Opens the file.

        Raises:
            SourceError: It does not exist, or is not audio that can be read.
        """
        self._path = path
        self._damages: list[_Damage] = []
        self._file: _SoundFile | None = None
        try:
            self._parts = find_parts(path)
            self._durations_s = [self._open_part(i) for i in range(len(self._parts))]
            self._scale = self._find_scale()
            self.rewind()
        except (soundfile.LibsndfileError, OSError) as error:
            self.close()
            if path.is_dir():
                raise SourceError(f"{path} is a folder; name a recording in it") from error
            if not path.exists():
                raise SourceError(f"there is no file {path}") from error
            formats = ", ".join(sorted(soundfile.available_formats())).lower()
            raise SourceError(f"{path} is not audio that can be read ({error}); formats: {formats}") from error
        if not any(self._durations_s):
            self.close()
            raise SourceError(f"{path} contains no audio")

    @property
    def duration_s(self) -> float:
        """Length in seconds, as the file tells it; 0 if it does not."""
        return sum(self._durations_s) if max(self._durations_s) < UNKNOWN / 1e6 else 0.0

    @property
    def damage(self) -> str:
        """A sentence that says what could not be read so far, with its time; empty if all could."""
        if not self._damages:
            return ""
        spans = [
            f"from {d.start:.1f} s to {d.end:.1f} s" if d.end is not None else f"from {d.start:.1f} s to its end"
            for d in self._damages[:5]
        ]
        more = f" and in {len(self._damages) - 5} more places" if len(self._damages) > 5 else ""
        return f"{self._path} is damaged {', '.join(spans)}{more}; the rest was read"

    def rewind(self) -> None:
        """Begins again at the start."""
        self._part, self._before_s = 0, 0.0
        self._bad_frame = -1  # where reading failed; again is of no use
        self._open_part(0)

    def read(self, seconds: float) -> tuple[Frames, int] | None:
        """Reads on.

        Args:
            seconds: Length to read; less comes at the end of a part.

        Returns:
            The samples and their rate in Hz; None at the end.
        """
        while self._file is not None:
            rate = self._file.samplerate
            size = max(1, round(rate * seconds))
            data = self._try_read(size)
            if data is None:
                data = self._read_damaged(size)
            self._frame += len(data)
            if len(data):
                return data * self._scale if self._scale != 1 else data, rate
            self._end_part(rate)
        return None

    def close(self) -> None:
        """Closes the file; may be called twice."""
        if self._file is not None:
            self._file.close()
            self._raw.close()
            self._file = None

    def _open_part(self, index: int) -> float:
        """Opens a part at its start, and returns its length in seconds, as it tells it."""
        self.close()
        self._raw = FileRange(self._path, *self._parts[index])
        try:
            self._file = _SoundFile(self._raw)
        except soundfile.LibsndfileError:
            self._raw.close()
            raise
        self._frame = 0
        return float(self._file.frames / self._file.samplerate)

    def _end_part(self, rate: int) -> None:
        """Notes what is missing at the end of a part, and opens the next one."""
        read_s = self._frame / rate
        missing_s = self._durations_s[self._part] - read_s
        lacking, bytes_per_s = missing_bytes(self._path)
        if lacking and bytes_per_s:
            missing_s = lacking / bytes_per_s
        tolerance_s = MIN_MISSING_S if self._bad_frame < 0 else MAX_SHIFT_S
        if tolerance_s < missing_s < UNKNOWN / 1e6 and self._tells_length():
            self._record_damage(read_s, None)
        self._before_s, self._bad_frame = self._before_s + read_s, -1
        self._part += 1
        if self._part < len(self._parts):
            self._open_part(self._part)
        else:
            self.close()

    def _tells_length(self) -> bool:
        """Whether the length is told and not estimated: an MP3 tells it only in a first frame of its own."""
        if self._file is None or self._file.format != "MP3":
            return True
        self._raw.seek(0)
        start = self._raw.read(8192) or b""
        return b"Xing" in start or b"Info" in start

    def _record_damage(self, start_s: float, end_s: float | None) -> None:
        damage = _Damage(self._before_s + start_s, None if end_s is None else self._before_s + end_s)
        if damage not in self._damages and not any(d.end is None and d.start <= damage.start for d in self._damages):
            self._damages.append(damage)

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
        assert self._file is not None, "a part is open"
        rate, channels = self._file.samplerate, self._file.channels
        frames = self._file.frames
        for step in range(1, SEARCH_STEPS + 1):
            at = self._frame + round(step * SEARCH_STEP_S * rate)
            if at >= frames:
                break
            data = self._read_at(at, size)
            if len(data):
                self._record_damage(self._frame / rate, at / rate)
                return np.concatenate([np.zeros((at - self._frame, channels), np.float32), data])
        self._record_damage(self._frame / rate, None)
        return np.zeros((0, channels), np.float32)

    def _read_at(self, frame: int, size: int) -> Frames:
        """Reads from a frame on as far as it goes; the file is left there, if anything could be read."""
        before = self._frame
        self._open_part(self._part)
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
        self._open_part(0)
        if self._file is None or self._file.subtype not in {"FLOAT", "DOUBLE"}:
            return 1.0
        loud: list[npt.NDArray[np.float32]] = []
        while len(loud) < SCALE_BLOCKS and len(data := self._file.read(SCALE_BLOCK, dtype="float32")):
            size = np.abs(data[np.isfinite(data)])
            if size.size and float(size.max()) > 0:
                loud.append(size.ravel())
        sizes = np.concatenate(loud) if loud else np.zeros(1, np.float32)
        if float(np.mean(sizes > OVER)) < OVER_SHARE:
            return 1.0
        return float(2.0 ** -np.ceil(np.log2(np.quantile(sizes, 0.9999))))
