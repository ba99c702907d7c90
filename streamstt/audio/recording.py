"""Opens recordings of any format: with libsndfile what it reads, since it tells damage best, all others with FFmpeg."""

import shutil
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from streamstt.audio.recording_file import FormatError, RecordingFile
from streamstt.errors import SourceError, describe_os_error


class OpenRecording(Protocol):
    """An open recording."""

    @property
    def duration_s(self) -> float:
        """Length in seconds, as the file tells it; 0 if it does not."""
        ...

    @property
    def damage(self) -> str:
        """A sentence that says what could not be read so far, with its time; empty if all could."""
        ...

    def rewind(self) -> None:
        """Begins again at the start."""
        ...

    def read(self, seconds: float) -> tuple[npt.NDArray[np.float32], int] | None:
        """Returns the next samples, shape (n, channels), about as many seconds, and their rate in Hz; None at the end.

        Raises:
            SourceError: The disk or network drive fails.
        """
        ...

    def close(self) -> None:
        """Closes the file; may be called twice."""
        ...


def open_recording(path: Path, track: int = 0) -> OpenRecording:
    """Opens a recording; what comes from a pipe is first written to a temporary file.

    Args:
        path: The file, or a named pipe.
        track: Number of the audio track, from 1 on; 0: the one that is meant for everybody.

    Raises:
        SourceError: It does not exist, is not audio that can be read, or has no such track.
    """
    file = _open_file(path)
    try:
        problem = None
        if track <= 1:
            try:
                return RecordingFile(path, file)
            except FormatError as error:
                problem = error
        if not file.seek(0, 2) and problem:  # it is empty
            raise problem
        file.seek(0)
        return _open_with_ffmpeg(path, file, track, problem)
    except SourceError:
        file.close()
        raise


def _open_with_ffmpeg(path: Path, file: BinaryIO, track: int, problem: SourceError | None) -> OpenRecording:
    """Opens a recording with FFmpeg; ``problem``: why libsndfile cannot read it."""
    from streamstt.audio.media_file import MediaFile  # noqa: PLC0415 - takes time to import

    try:
        return MediaFile(path, file, track)
    except FormatError as error:
        raise problem or error from error


def _open_file(path: Path) -> BinaryIO:
    """Opens a file, or copies what a pipe delivers to a temporary one.

    Raises:
        SourceError: It does not exist, is a folder, or cannot be read or copied.
    """
    try:
        file = path.open("rb")
    except IsADirectoryError as error:
        raise SourceError(f"{path} is a folder; name a recording in it") from error
    except FileNotFoundError as error:
        raise SourceError(f"there is no file {path}") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {describe_os_error(error)}") from error
    if file.seekable():
        return file
    try:
        with file:
            copy = TemporaryFile()  # noqa: SIM115 - the recording closes it
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            return copy
    except OSError as error:
        raise SourceError(f"{path} cannot be copied to the folder for temporary files: {error.strerror}") from error
