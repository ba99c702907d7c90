"""The files of an open set: a record, and live files (SRT, WebVTT, text). After any ``OSError`` the set is reopened.

Each final is one unbuffered write(2) to the record, so the system has it even if this process is killed. Live files
may get it later; what a kill leaves out of them is written when the set is opened again.
"""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamstt.hub.revisions import revise
from streamstt.subtitles.formats import LiveFormat
from streamstt.transcripts.live_cues import LiveCues
from streamstt.transcripts.naming import RECORD_SUFFIX
from streamstt.transcripts.record import SetHeader, TranscriptRecord, encode_line, parse_record
from streamstt.transcripts.repair import is_beginning, repair, revise_content

MAX_LOST_REVISIONS = 10  # a crash may leave a live file behind the record: by one revision, a loss of power by more
LIVE_FORMATS: dict[str, LiveFormat] = {".srt": "srt", ".vtt": "vtt", ".txt": "txt"}
OPEN_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW  # a link may lead out of the folder
OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """A final or a revision to be written.

    Attributes:
        data: The message as clients receive it; a final has ``at``.
        label: The source's name for users.
        several_sources: Whether there are other sources now, so that live files need labels.
    """

    data: Mapping[str, Any]
    label: str
    several_sources: bool


class SetFiles:
    """The four files of a set, open for appending.

    Attributes:
        name: Name of the set.
        seq: Highest sequence number in the record.
        steady_at: When the set starts, by the steady clock.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Opens an existing set, and repairs what a crash or a full disk left incomplete.

        Args:
            folder: Folder of the set.
            name: Name of the files without their suffixes.

        Raises:
            OSError: A file cannot be opened, read or written; ENOENT: there is no record; EINVAL: it has no header.
        """
        self.name = name
        self._path = folder / f"{name}{RECORD_SUFFIX}"
        self._files: dict[str, int] = {}
        self._live_cues: dict[str, LiveCues] = {}
        # By number, in order: finals that the live files do not have yet, as recognized and as they are now.
        self._held: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
        try:
            record = self._repair_record()
            for suffix, live_format in LIVE_FORMATS.items():
                file = os.open(self._path.with_suffix(suffix), OPEN_FLAGS | os.O_CREAT, OWNER_ONLY)
                self._files[suffix] = file
                self._live_cues[suffix] = LiveCues(live_format, record.steady_at)
                self._update_live_file(suffix, record, MAX_LOST_REVISIONS)
        except BaseException:
            self.close()
            raise
        self._sources = {data["source"] for data in record.recognized}
        self._final_seqs = record.final_seqs
        self._shows_labels = record.shows_labels
        self.seq, self.steady_at = record.seq, record.steady_at

    def _repair_record(self) -> TranscriptRecord:
        file = self._files[RECORD_SUFFIX] = os.open(self._path, OPEN_FLAGS)
        content = _read_all(file)
        record = parse_record(content)
        if record.header is None:
            raise OSError(errno.EINVAL, "the first line is not a header of a record", str(self._path))
        if record.complete_bytes < len(content):
            os.ftruncate(file, record.complete_bytes)  # an incomplete line, which no client was sent
        if not content[: record.complete_bytes].endswith(b"\n"):
            _append_whole(file, b"\n")
        return record

    def _update_live_file(self, suffix: str, record: TranscriptRecord, max_revisions: int) -> None:
        """Brings a live file up to date with the record.

        Args:
            suffix: Suffix of the file.
            record: The record.
            max_revisions: How many of the last revisions may be missing in the file.
        """
        live_format, cues = LIVE_FORMATS[suffix], self._live_cues[suffix]
        content = revised = _read_all(self._files[suffix])
        rendered = cues.render_all(record.finals_before())
        if not is_beginning(live_format, content, rendered):
            indexes = record.revised_indexes[-max_revisions:]
            for undone, index in zip(range(len(indexes), 0, -1), indexes, strict=True):
                before, after = (cues.render_all(record.finals_before(count)) for count in (undone, undone - 1))
                revised = revise_content(live_format, revised, before, after, index)  # after: in the end, all finals
        if revised != content:
            self._replace_live_file(suffix, revised)
        kept, more = repair(live_format, revised, rendered)
        if kept < len(revised):
            os.ftruncate(self._files[suffix], kept)
        _append_whole(self._files[suffix], more)

    def _replace_live_file(self, suffix: str, content: bytes) -> None:
        """Replaces a live file by one with another content; who reads it meanwhile sees the one or the other."""
        path = self._path.with_suffix(suffix)
        new_path = path.with_name(f".{path.name}.new")
        new_path.unlink(missing_ok=True)  # of a crash
        file = os.open(new_path, OPEN_FLAGS | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        try:
            _append_whole(file, content)
            os.replace(new_path, path)
        except OSError:
            os.close(file)
            new_path.unlink(missing_ok=True)
            raise
        os.close(self._files[suffix])
        self._files[suffix] = file

    def append(self, entry: TranscriptEntry, *, hold: bool = False) -> None:
        """Writes a final to all files, unless the record has it already.

        Args:
            entry: The final.
            hold: Whether ``write_held`` writes it to the live files, because it may soon be revised.

        Raises:
            OSError: It could not be written to all of them.
        """
        if entry.data["seq"] <= self.seq:
            return
        self._sources.add(entry.data["source"])
        several = bool(self._shows_labels) or entry.several_sources or len(self._sources) > 1
        if several is not self._shows_labels:
            self.append_record_line({"type": "labels", "shown": several, "seq": self.seq})
            self._shows_labels = several
        data = {**entry.data, "label": entry.label}
        self.append_record_line(data)
        self._final_seqs.add(data["seq"])
        final = {**data, "show_label": several}
        self._held[data["seq"]] = final, final
        if not hold:
            self.write_held(self.seq)

    def write_held(self, seq: int) -> None:
        """Writes finals that were held to the live files, as they are now.

        Args:
            seq: Number of the last of them.

        Raises:
            OSError: They could not be written to all of them.
        """
        due = [now for number, (_, now) in self._held.items() if number <= seq]
        self._held = {number: held for number, held in self._held.items() if number > seq}
        try:
            for suffix, cues in self._live_cues.items():
                _append_whole(self._files[suffix], b"".join(map(cues.render, due)))
        except OSError:
            self._held.clear()  # the next must not be written before these
            raise

    def append_revision(self, data: Mapping[str, Any]) -> bool:
        """Writes a revision to the record, unless that has it already.

        Args:
            data: The message.

        Returns:
            Whether the record has the final.

        Raises:
            OSError: It could not be written.
        """
        if data["final_seq"] not in self._final_seqs:
            return False
        if data["seq"] > self.seq:
            self.append_record_line(data)
        if held := self._held.get(data["final_seq"]):
            recognized, _ = held
            self._held[data["final_seq"]] = recognized, revise(recognized, data)
        return True

    def holds(self, final_seq: int) -> bool:
        """Returns whether a final is not in the live files yet, so that a revision need not be applied to them."""
        return final_seq in self._held

    def update_live_files(self, count: int) -> None:
        """Applies the last revisions of the record to the live files, which takes a second for a day of captions.

        Args:
            count: How many.

        Raises:
            OSError: They could not be written.
        """
        record = parse_record(_read_all(self._files[RECORD_SUFFIX]))
        self._held.clear()  # all are written
        for suffix in LIVE_FORMATS:
            self._update_live_file(suffix, record, count)

    def append_record_line(self, data: Mapping[str, Any]) -> None:
        """Writes a line to the record only.

        Args:
            data: The line, with ``seq``.

        Raises:
            OSError: It could not be written, or the file was removed or replaced.
        """
        at_path, opened = self._path.stat(), os.fstat(self._files[RECORD_SUFFIX])
        if (at_path.st_dev, at_path.st_ino) != (opened.st_dev, opened.st_ino):
            raise FileNotFoundError(errno.ENOENT, "it was replaced by another file", str(self._path))
        _append_whole(self._files[RECORD_SUFFIX], encode_line(data))
        self.seq = data["seq"]

    def duplicate_record(self) -> int:
        """Returns a duplicate descriptor of the record, for fsync(2), which may take longer than the set is open."""
        return os.dup(self._files[RECORD_SUFFIX])

    def close(self) -> None:
        """Writes what is held, and closes the files; what cannot be written is repaired when the set is opened."""
        with suppress(OSError):
            self.write_held(max(self._held, default=0))
        for file in self._files.values():
            with suppress(OSError):
                os.close(file)
        self._files.clear()


def create_record(folder: Path, name: str, header: SetHeader) -> None:
    """Creates the record of a new set with its header, and syncs it to disk.

    Args:
        folder: Folder of the set.
        name: Name of the set.
        header: The first line.

    Raises:
        OSError: It cannot be created, or exists.
    """
    path = folder / f"{name}{RECORD_SUFFIX}"
    file = os.open(path, OPEN_FLAGS | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        _append_whole(file, header.to_line())
        os.fsync(file)
    except OSError:
        path.unlink()  # without a header it would not be a record
        raise
    finally:
        os.close(file)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def sync_and_close(file: int) -> None:
    """Syncs a file to disk, so that a loss of power does not lose it, and closes the descriptor."""
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _read_all(file: int) -> bytes:
    with os.fdopen(os.dup(file), "rb") as reader:
        reader.seek(0)  # writing has moved the position that both descriptors share
        return reader.read()


def _append_whole(file: int, data: bytes) -> None:
    """Appends all of the data or nothing: after a partial write, the file is truncated to its old size."""
    size = os.fstat(file).st_size
    try:
        while data:
            data = data[os.write(file, data) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, size)
        raise
