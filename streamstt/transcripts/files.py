"""The open set: a record and the live files beside it. What goes wrong is an ``OSError``; then the set is opened anew.

Each final is one write(2) to each file, not buffered: what is written is with the system, whatever happens to us.
"""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamstt.subtitles.formats import LiveFormat
from streamstt.transcripts.naming import RECORD_SUFFIX
from streamstt.transcripts.record import (
    SetHeader,
    TranscriptRecord,
    cue_total,
    encode_line,
    parse_record,
    render_cues,
    repair,
)

LIVE_FORMATS: dict[str, LiveFormat] = {".srt": "srt", ".vtt": "vtt", ".txt": "txt"}
OPEN_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW  # a link may lead out of the folder
OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """A final on its way to disk.

    Attributes:
        data: As clients get it, with ``at``.
        label: Of its source.
        several_sources: There are other sources now, so that whose it is has to be said.
    """

    data: Mapping[str, Any]
    label: str
    several_sources: bool


class SetFiles:
    """Four files of one name, open for appending."""

    def __init__(self, folder: Path, name: str) -> None:
        """Opens a set that is there, and mends what a crash or a full disk left undone.

        Args:
            folder: It is in this one.
            name: Of the files, without what they end in.

        Raises:
            OSError: A file cannot be opened, read or written; or there is no record, or it has no beginning.
        """
        self.name = name
        self._path = folder / f"{name}{RECORD_SUFFIX}"
        self._files: dict[str, int] = {}
        try:
            record = self._repair_record()
            for suffix, form in LIVE_FORMATS.items():
                self._repair_live_file(folder / f"{name}{suffix}", form, record)
        except BaseException:
            self.close()
            raise
        sources = {data["source"] for data in record.finals}
        self._several_sources = len(sources) > 1
        self._only_source = next(iter(sources), "")
        self._cue_count = cue_total(record.finals)
        self._started_at = record.started_at
        self.seq = record.seq

    def _repair_record(self) -> TranscriptRecord:
        file = self._files[RECORD_SUFFIX] = os.open(self._path, OPEN_FLAGS)
        content = _read_all(file)
        record = parse_record(content)
        if record.header is None:
            raise OSError(errno.EINVAL, "it does not begin as a record does", str(self._path))
        if record.complete_bytes < len(content):
            os.ftruncate(file, record.complete_bytes)  # a line that was never finished: nobody was shown it
        if not content[: record.complete_bytes].endswith(b"\n"):
            _append_whole(file, b"\n")
        return record

    def _repair_live_file(self, path: Path, live_format: LiveFormat, record: TranscriptRecord) -> None:
        file = self._files[path.suffix] = os.open(path, OPEN_FLAGS | os.O_CREAT, OWNER_ONLY)
        content = _read_all(file)
        kept, more = repair(live_format, content, render_cues(live_format, record.finals, record.started_at))
        if kept < len(content):
            os.ftruncate(file, kept)
        _append_whole(file, more)

    def append(self, entry: TranscriptEntry) -> None:
        """Writes a final to all files; one that is in the record already is not written again.

        Raises:
            OSError: It is not in all of them.
        """
        if entry.data["seq"] <= self.seq:
            return
        several = self._several_sources or entry.several_sources or self._only_source not in {"", entry.data["source"]}
        data = {**entry.data, "label": entry.label} if several else entry.data
        self.append_record_line(data)
        self._several_sources, self._only_source = several, entry.data["source"]
        for suffix, form in LIVE_FORMATS.items():
            (made,) = render_cues(form, [data], self._started_at, self._cue_count + 1)
            _append_whole(self._files[suffix], made)
        self._cue_count += cue_total([data])

    def append_record_line(self, data: Mapping[str, Any]) -> None:
        """Writes a line to the record only; it has ``seq``.

        Raises:
            OSError: It is not written, or the file is no longer where it was.
        """
        there, ours = self._path.stat(), os.fstat(self._files[RECORD_SUFFIX])
        if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            raise FileNotFoundError(errno.ENOENT, "another file has taken its place", str(self._path))
        _append_whole(self._files[RECORD_SUFFIX], encode_line(data))
        self.seq = data["seq"]

    def duplicate_record(self) -> int:
        """A descriptor of the record of its own, for fsync(2), which takes long and may outlive the set."""
        return os.dup(self._files[RECORD_SUFFIX])

    def close(self) -> None:
        """Closes the files."""
        for file in self._files.values():
            with suppress(OSError):
                os.close(file)
        self._files.clear()


def create_record(folder: Path, name: str, header: SetHeader) -> None:
    """Makes the record of a new set, with its first line, and has the disk keep it.

    Raises:
        OSError: It cannot be made, or is there.
    """
    path = folder / f"{name}{RECORD_SUFFIX}"
    file = os.open(path, OPEN_FLAGS | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        _append_whole(file, header.to_line())
        os.fsync(file)
    except OSError:
        path.unlink()  # with no line in it, it would be no record
        raise
    finally:
        os.close(file)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def sync_and_close(file: int) -> None:
    """Has the disk keep what was written, whatever happens to the machine; closes the descriptor."""
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _read_all(file: int) -> bytes:
    with os.fdopen(os.dup(file), "rb") as reader:
        return reader.read()


def _append_whole(file: int, data: bytes) -> None:
    """Writes all of it, or nothing: half a line is taken back, for the next writer and for readers until then."""
    size = os.fstat(file).st_size
    try:
        while data:
            data = data[os.write(file, data) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, size)
        raise
