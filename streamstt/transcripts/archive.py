"""The folder of transcripts and the set that is open in it. One thread at a time is in here, waiting for disks.

One process writes to a folder: it holds a lock on it (flock(2)), which goes with the process however that ends.
"""

import errno
import fcntl
import logging
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from streamstt.config.settings import TranscriptSettings
from streamstt.errors import OutputError
from streamstt.hub.history import ResumeState
from streamstt.hub.protocol import Message
from streamstt.transcripts.files import SetFiles, TranscriptEntry, create_record
from streamstt.transcripts.naming import (
    LIVE_SUFFIXES,
    NAME_PATTERN,
    RECORD_SUFFIX,
    StoredSet,
    expired,
    make_set_name,
    stays_open,
)
from streamstt.transcripts.record import SetHeader, TranscriptRecord, final_message, format_time, parse_record

# Messages that may have been numbered, and seen by clients, after the last final that reached the disk: partials and
# states of some days. Numbers go on so far above the record, so that none is given twice.
SEQ_MARGIN = 1_000_000

FOLDER_HINT = "make it writable, or name another folder with transcript.folder"

log = logging.getLogger(__name__)


def local_time() -> datetime:
    """Now, in the zone of this machine."""
    return datetime.now().astimezone()


class Archive:
    """Sets of transcript files; ``write`` puts finals into the one that is open, or begins one."""

    def __init__(
        self, folder: Path, settings: TranscriptSettings, history: int, clock: Callable[[], datetime] = local_time
    ) -> None:
        """Makes the folder, locks it, and reads what earlier runs have left.

        Args:
            folder: For the owner only if it is made.
            settings: The ``[transcript]`` section.
            history: Finals to read.
            clock: Local time, in place of the machine's.

        Raises:
            SinkError: The folder cannot be used, or another process writes there.
        """
        self.folder = folder
        self._settings = settings
        self._clock = clock
        self._set: SetFiles | None = None
        self._current_set: tuple[str, SetHeader] | None = None  # the set to write to, open or not
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise OutputError(f"cannot keep transcripts in {folder} ({error.strerror}): {FOLDER_HINT}") from error
        try:
            self._lock_folder()
            self.resume_state = self._read_resume_state(history)
        except OSError as error:
            raise OutputError(f"cannot read the transcripts in {folder}: {error.strerror}") from error
        self._seq = self.resume_state.seq
        self._resume()

    def _lock_folder(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = "stop it, or choose another transcript.folder"
            raise OutputError(f"another streamstt keeps its transcripts in {self.folder}: {hint}") from error
        except OSError as error:  # some network file systems lock no folder
            log.debug("%s is not locked: %s", self.folder, error.strerror)
        read_only = os.fstatvfs(self._lock).f_flag & os.ST_RDONLY  # that can pass, and captions do not wait for it
        if not read_only and not os.access(self.folder, os.W_OK | os.X_OK):
            raise OutputError(f"cannot keep transcripts in {self.folder}, which is not ours to write in: {FOLDER_HINT}")

    # ---- what earlier runs have left

    def _read_resume_state(self, history: int) -> ResumeState:
        """Reads sets from the newest on, until there are enough finals."""
        begins = {}
        for path in self._find_records():
            with path.open("rb") as file:
                mark = parse_record(file.readline()).header
            if mark:
                begins[path.stem] = mark
        order = sorted(begins, key=lambda name: (begins[name].seq, begins[name].started_at, name))
        if not order:
            return ResumeState(uuid.uuid4().hex[:12])
        finals: list[Message] = []
        newest = TranscriptRecord()
        for name in reversed(order):
            record = parse_record((self.folder / f"{name}{RECORD_SUFFIX}").read_bytes())
            newest = newest if newest.header else record
            finals = [*map(final_message, record.finals), *finals]
            if len(finals) >= history:
                break
        self._current_set = order[-1], begins[order[-1]]
        left_out = finals[:-history]
        forgotten = left_out[-1].seq if left_out else begins[name].seq
        return ResumeState(newest.session, newest.seq + SEQ_MARGIN, forgotten, tuple(finals[-history:]))

    def _resume(self) -> None:
        """Mends the newest set, and notes in it from where on this run numbers: the next one must know it."""
        if self._current_set is None:
            return
        data = {
            "type": "run",
            "at": format_time(self._clock()),
            "session": self.resume_state.session,
            "seq": self.resume_state.seq,
        }
        try:
            self._set = SetFiles(self.folder, self._current_set[0])
            self._set.append_record_line(data)
        except OSError as error:
            log.error("transcript %s cannot be gone on with: %s", self._current_set[0], error.strerror)
            self._close_set()
        if self._settings.split == "run":
            self._close_set(ended=True)

    # ---- writing

    def write(self, entry: TranscriptEntry) -> None:
        """Puts a final into the set that takes what is said now.

        Raises:
            OSError: It could not be written whole; to be tried again with the same entry.
        """
        now = self._clock()
        if self._current_set and not stays_open(self._current_set[0], self._settings.split, now.date()):
            self._close_set(ended=True)
        try:
            if self._set is None:
                self._set = self._open_set(min(now, datetime.fromisoformat(entry.data["at"])))
            self._set.append(entry)
        except OSError:
            self._close_set()
            raise
        self._seq = entry.data["seq"]

    def start_set(self, title: str) -> str:
        """Begins a new set, and returns its name.

        Raises:
            OSError: It could not be made; the old one goes on.
        """
        name, made = self._create_set(self._clock(), title)
        self._close_set(ended=True)
        self._current_set = name, made
        with suppress(OSError):  # there is room for a record only: the rest comes with the first final
            self._set = SetFiles(self.folder, name)
        return name

    def _open_set(self, at: datetime) -> SetFiles:
        if self._current_set is None:
            self._current_set = self._create_set(at, None)
        name, mark = self._current_set
        try:
            return SetFiles(self.folder, name)
        except OSError as error:
            if error.errno == errno.ENOENT:  # somebody has removed it
                create_record(self.folder, name, replace(mark, seq=self._seq))
            elif error.errno == errno.EINVAL:  # it is no record any more
                self._current_set = self._create_set(at, None)
            else:
                raise
        return SetFiles(self.folder, self._current_set[0])

    def _create_set(self, at: datetime, title: str | None) -> tuple[str, SetHeader]:
        name = make_set_name(self._settings.split, self._clock(), self._is_taken, title)
        mark = SetHeader(at, title or "", self.resume_state.session, self._seq)
        create_record(self.folder, name, mark)
        log.info("transcript %s begins in %s", name, self.folder)
        return name, mark

    def _is_taken(self, name: str) -> bool:
        return any(os.path.lexists(self.folder / f"{name}{suffix}") for suffix in (RECORD_SUFFIX, *LIVE_SUFFIXES))

    def _close_set(self, *, ended: bool = False) -> None:
        if self._set:
            self._set.close()
        self._set = None
        self._current_set = None if ended else self._current_set

    def duplicate_record(self) -> int | None:
        """A descriptor of the open record, for ``setfiles.sync``; None if no set is open."""
        return self._set.duplicate_record() if self._set else None

    def close(self) -> None:
        """Closes the files and gives up the lock."""
        self._close_set(ended=True)
        os.close(self._lock)

    # ---- old sets

    def reload(self, settings: TranscriptSettings) -> None:
        """Takes ``keep_days`` and ``keep_mb`` anew, for the next sweep."""
        self._settings = settings

    def delete_expired(self) -> list[str]:
        """Deletes the sets that the settings do not keep, never the open one; returns their names."""
        if not (self._settings.keep_days or self._settings.keep_mb):
            return []
        current = self._current_set[0] if self._current_set else ""
        stored = [s for path in self._find_records() if (s := self._stat_set(path.stem))]
        names = expired(stored, current, self._clock().timestamp(), self._settings.keep_days, self._settings.keep_mb)
        for name in names:
            for suffix in (
                *LIVE_SUFFIXES,
                RECORD_SUFFIX,
            ):  # the record last: without it the others would never be found again
                (self.folder / f"{name}{suffix}").unlink(missing_ok=True)
        return names

    def _find_records(self) -> list[Path]:
        """The records in the folder; what is named otherwise is not ours."""
        found = (p for p in self.folder.iterdir() if p.suffix == RECORD_SUFFIX and NAME_PATTERN.fullmatch(p.stem))
        return [p for p in found if p.is_file() and not p.is_symlink()]

    def _stat_set(self, name: str) -> StoredSet | None:
        size = 0
        for suffix in LIVE_SUFFIXES:
            with suppress(FileNotFoundError):
                size += (self.folder / f"{name}{suffix}").stat().st_size
        try:
            record = (self.folder / f"{name}{RECORD_SUFFIX}").stat()
        except FileNotFoundError:
            return None
        return StoredSet(name, size + record.st_size, record.st_mtime)
