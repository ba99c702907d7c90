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

from streamstt.config.settings import Transcript
from streamstt.errors import SinkError
from streamstt.hub.history import Past
from streamstt.hub.protocol import Message
from streamstt.transcripts.files import Entry, SetFiles, begin
from streamstt.transcripts.naming import LIVE, NAME, RECORD, Stored, continues, doomed, new_name
from streamstt.transcripts.record import Mark, Record, iso, message, read

# Messages that may have been numbered, and seen by clients, after the last final that reached the disk: partials and
# states of some days. Numbers go on so far above the record, so that none is given twice.
MARGIN = 1_000_000

ELSEWHERE = "make it writable, or name another folder with transcript.folder"

log = logging.getLogger(__name__)


def local_time() -> datetime:
    """Now, in the zone of this machine."""
    return datetime.now().astimezone()


class Archive:
    """Sets of transcript files; ``write`` puts finals into the one that is open, or begins one."""

    def __init__(
        self, folder: Path, settings: Transcript, history: int, clock: Callable[[], datetime] = local_time
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
        self._current: tuple[str, Mark] | None = None  # the set to write to, open or not
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SinkError(f"cannot keep transcripts in {folder} ({error.strerror}): {ELSEWHERE}") from error
        try:
            self._claim()
            self.past = self._read_past(history)
        except OSError as error:
            raise SinkError(f"cannot read the transcripts in {folder}: {error.strerror}") from error
        self._seq = self.past.seq
        self._go_on()

    def _claim(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = "stop it, or choose another transcript.folder"
            raise SinkError(f"another streamstt keeps its transcripts in {self.folder}: {hint}") from error
        except OSError as error:  # some network file systems lock no folder
            log.debug("%s is not locked: %s", self.folder, error.strerror)
        read_only = os.fstatvfs(self._lock).f_flag & os.ST_RDONLY  # that can pass, and captions do not wait for it
        if not read_only and not os.access(self.folder, os.W_OK | os.X_OK):
            raise SinkError(f"cannot keep transcripts in {self.folder}, which is not ours to write in: {ELSEWHERE}")

    # ---- what earlier runs have left

    def _read_past(self, history: int) -> Past:
        """Reads sets from the newest on, until there are enough finals."""
        begins = {}
        for path in self._records():
            with path.open("rb") as file:
                mark = read(file.readline()).mark
            if mark:
                begins[path.stem] = mark
        order = sorted(begins, key=lambda name: (begins[name].seq, begins[name].at, name))
        if not order:
            return Past(uuid.uuid4().hex[:12])
        finals: list[Message] = []
        newest = Record()
        for name in reversed(order):
            record = read((self.folder / f"{name}{RECORD}").read_bytes())
            newest = newest if newest.mark else record
            finals = [*map(message, record.finals), *finals]
            if len(finals) >= history:
                break
        self._current = order[-1], begins[order[-1]]
        left_out = finals[:-history]
        forgotten = left_out[-1].seq if left_out else begins[name].seq
        return Past(newest.session, newest.seq + MARGIN, forgotten, tuple(finals[-history:]))

    def _go_on(self) -> None:
        """Mends the newest set, and notes in it from where on this run numbers: the next one must know it."""
        if self._current is None:
            return
        data = {"type": "run", "at": iso(self._clock()), "session": self.past.session, "seq": self.past.seq}
        try:
            self._set = SetFiles(self.folder, self._current[0])
            self._set.note(data)
        except OSError as error:
            log.error("transcript %s cannot be gone on with: %s", self._current[0], error.strerror)
            self._leave()
        if self._settings.split == "run":
            self._leave(for_good=True)

    # ---- writing

    def write(self, entry: Entry) -> None:
        """Puts a final into the set that takes what is said now.

        Raises:
            OSError: It could not be written whole; to be tried again with the same entry.
        """
        now = self._clock()
        if self._current and not continues(self._current[0], self._settings.split, now.date()):
            self._leave(for_good=True)
        try:
            if self._set is None:
                self._set = self._open(min(now, datetime.fromisoformat(entry.data["at"])))
            self._set.append(entry)
        except OSError:
            self._leave()
            raise
        self._seq = entry.data["seq"]

    def mark(self, title: str) -> str:
        """Begins a new set, and returns its name.

        Raises:
            OSError: It could not be made; the old one goes on.
        """
        name, made = self._begin(self._clock(), title)
        self._leave(for_good=True)
        self._current = name, made
        with suppress(OSError):  # there is room for a record only: the rest comes with the first final
            self._set = SetFiles(self.folder, name)
        return name

    def _open(self, at: datetime) -> SetFiles:
        if self._current is None:
            self._current = self._begin(at, None)
        name, mark = self._current
        try:
            return SetFiles(self.folder, name)
        except OSError as error:
            if error.errno == errno.ENOENT:  # somebody has removed it
                begin(self.folder, name, replace(mark, seq=self._seq))
            elif error.errno == errno.EINVAL:  # it is no record any more
                self._current = self._begin(at, None)
            else:
                raise
        return SetFiles(self.folder, self._current[0])

    def _begin(self, at: datetime, title: str | None) -> tuple[str, Mark]:
        name = new_name(self._settings.split, self._clock(), self._is_taken, title)
        mark = Mark(at, title or "", self.past.session, self._seq)
        begin(self.folder, name, mark)
        log.info("transcript %s begins in %s", name, self.folder)
        return name, mark

    def _is_taken(self, name: str) -> bool:
        return any(os.path.lexists(self.folder / f"{name}{suffix}") for suffix in (RECORD, *LIVE))

    def _leave(self, *, for_good: bool = False) -> None:
        if self._set:
            self._set.close()
        self._set = None
        self._current = None if for_good else self._current

    def duplicate(self) -> int | None:
        """A descriptor of the open record, for ``setfiles.sync``; None if no set is open."""
        return self._set.duplicate() if self._set else None

    def close(self) -> None:
        """Closes the files and gives up the lock."""
        self._leave(for_good=True)
        os.close(self._lock)

    # ---- old sets

    def reload(self, settings: Transcript) -> None:
        """Takes ``keep_days`` and ``keep_mb`` anew, for the next sweep."""
        self._settings = settings

    def sweep(self) -> list[str]:
        """Deletes the sets that the settings do not keep, never the open one; returns their names."""
        if not (self._settings.keep_days or self._settings.keep_mb):
            return []
        current = self._current[0] if self._current else ""
        stored = [s for path in self._records() if (s := self._stored(path.stem))]
        names = doomed(stored, current, self._clock().timestamp(), self._settings.keep_days, self._settings.keep_mb)
        for name in names:
            for suffix in (*LIVE, RECORD):  # the record last: without it the others would never be found again
                (self.folder / f"{name}{suffix}").unlink(missing_ok=True)
        return names

    def _records(self) -> list[Path]:
        """The records in the folder; what is named otherwise is not ours."""
        found = (p for p in self.folder.iterdir() if p.suffix == RECORD and NAME.fullmatch(p.stem))
        return [p for p in found if p.is_file() and not p.is_symlink()]

    def _stored(self, name: str) -> Stored | None:
        size = 0
        for suffix in LIVE:
            with suppress(FileNotFoundError):
                size += (self.folder / f"{name}{suffix}").stat().st_size
        try:
            record = (self.folder / f"{name}{RECORD}").stat()
        except FileNotFoundError:
            return None
        return Stored(name, size + record.st_size, record.st_mtime)
