"""The sets of transcripts, and the one that is written to. Blocks on disks; used by one thread at a time."""

import errno
import logging
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from streamstt.clock import Timestamp
from streamstt.config.settings import TranscriptSettings
from streamstt.errors import OutputError
from streamstt.hub.history import ResumeState
from streamstt.transcripts.earlier_runs import read_resume_state
from streamstt.transcripts.files import SetFiles, TranscriptEntry, create_record
from streamstt.transcripts.naming import (
    continued_sets,
    expired,
    make_set_name,
    stays_open,
)
from streamstt.transcripts.record import (
    SetHeader,
    format_time,
    parse_steady,
    parse_time,
)
from streamstt.transcripts.set_folder import SetFolder

MAX_SETS_SEARCHED = 5  # for a final: it is in the newest set that began before it, or in one that ended just then

log = logging.getLogger(__name__)


def local_time() -> datetime:
    """Returns the present time in the time zone of this machine."""
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class SessionSet:
    """A set of this session.

    Attributes:
        record: Path of its record.
        header: The first line of the record.
    """

    record: Path
    header: SetHeader


class Archive:
    """A folder with sets of transcript files; ``write`` appends finals to the current set, or starts one.

    Attributes:
        folder: The folder.
        resume_state: Session, sequence number and finals that earlier runs have left.
        session_sets: The sets of this run and those that it continues, oldest first. May be read in any thread.
        is_session_whole: Whether none of them was deleted.
        holds: Whether finals reach the live files only by ``write_held``.
    """

    def __init__(
        self,
        folder: Path,
        settings: TranscriptSettings,
        history: int,
        clock: Callable[[], datetime] = local_time,
        *,
        hold: bool = False,
    ) -> None:
        """Creates the folder, locks it, and reads the finals of earlier runs.

        Args:
            folder: Folder of transcripts; if it is created, for its owner only.
            settings: The ``[transcript]`` section.
            history: Number of finals to read.
            clock: Returns the local time.
            hold: Whether finals reach the live files only by ``write_held``, because they may soon be revised.

        Raises:
            OutputError: The folder cannot be used, or another process writes to it.
        """
        self._folder = SetFolder(folder)
        self.folder = folder
        self._settings = settings
        self._clock = clock
        self.holds = hold
        self._set: SetFiles | None = None
        self._current_set: tuple[str, SetHeader] | None = None  # the set to write to, open or not
        self._unapplied = 0  # revisions that its live files lack
        self._earlier_set = ""  # name of the set that the last mark has ended
        self.session_sets: tuple[SessionSet, ...] = ()
        self.is_session_whole = True
        try:
            self.resume_state = self._read_earlier_runs(history)
        except OSError as error:
            raise OutputError(f"cannot read the transcripts in {folder}: {error.strerror}") from error
        self._seq = self.resume_state.seq
        self._resume()

    # ---- earlier runs

    def _read_earlier_runs(self, history: int) -> ResumeState:
        headers = self._folder.read_headers()
        self._current_set = next(reversed(headers.items()), None)
        for name in continued_sets(list(headers), self._settings.split, self._clock().date()):
            self._add_session_set(name, headers[name])
        return read_resume_state(self._folder, headers, history, self._clock())

    def _resume(self) -> None:
        """Repairs the newest set, and records the first number of this run, which the next run must know."""
        if self._current_set is None:
            return
        line = {
            "type": "run",
            "at": format_time(self._clock()),
            **({"steady": round(clock.now().steady, 3)} if (clock := self.resume_state.session_clock) else {}),
            "session": self.resume_state.session,
            "seq": self.resume_state.seq,
        }
        try:
            self._set = SetFiles(self.folder, self._current_set[0])
            self._set.append_record_line(line)
        except OSError as error:
            log.error("cannot continue transcript %s: %s", self._current_set[0], error.strerror)
            self._close_set()
        if self._settings.split == "run":
            self._close_set(ended=True)

    def _add_session_set(self, name: str, header: SetHeader) -> None:
        self.session_sets += (SessionSet(self._folder.record_path(name), header),)

    # ---- writing

    def write(self, entry: TranscriptEntry) -> None:
        """Appends a final to the current set, or to a new one if that has ended; a revision to the set of its final.

        Raises:
            OSError: It could not be written completely; call again with the same entry.
        """
        if entry.data["type"] == "revised":
            self._write_revision(entry.data)
            return
        now = self._clock()
        if self._current_set and not stays_open(self._current_set[0], self._settings.split, now.date()):
            self._close_set(ended=True)
            self._earlier_set = ""
        try:
            if self._set is None:
                self._set = self._open_set(entry, now)
            self._append(entry, self._set)
        except OSError:
            self._close_set()
            raise
        self._seq = entry.data["seq"]

    def _write_revision(self, data: Mapping[str, Any]) -> None:
        """Appends a revision to the record that has its final; if there is none any more, nothing is revised."""
        self._seq = max(self._seq, data["seq"])
        current, header = self._current_set or ("", None)
        is_newer = header is not None and header.seq < data["final_seq"]
        if is_newer and self._folder.record_path(current).exists() and self._append_revision(data):
            return
        headers = self._folder.read_headers()
        before = [name for name in headers if name != current and headers[name].seq < data["final_seq"]]
        for name in reversed(before[-MAX_SETS_SEARCHED:]):
            if self._revise_earlier_set(name, data):
                return

    def _append_revision(self, data: Mapping[str, Any]) -> bool:
        """Appends a revision to the current set; returns whether that has the final."""
        assert self._current_set is not None
        try:
            self._set = self._set or SetFiles(self.folder, self._current_set[0])
            has_final = self._set.append_revision(data)
        except OSError:
            self._close_set()
            raise
        self._unapplied += has_final and not self._set.holds(data["final_seq"])
        return has_final

    def _revise_earlier_set(self, name: str, data: Mapping[str, Any]) -> bool:
        """Appends a revision to a set that has ended, and updates its live files; returns whether it has the final."""
        record = self._folder.read_record(name)
        if data["final_seq"] not in record.final_seqs:
            return False
        try:
            files = SetFiles(self.folder, name)
        except PermissionError as error:  # somebody protects it; what comes next is not held up
            log.warning("a caption in transcript %s cannot be revised: %s", name, error.strerror)
            return True
        with closing(files):
            files.append_revision(data)
            files.update_live_files(1)
        return True

    def update_live_files(self) -> None:
        """Applies the revisions that were written to the live files of the current set.

        Raises:
            OSError: They could not be written; call ``write`` again with the revision.
        """
        count, self._unapplied = self._unapplied, 0
        if not self._set or not count:
            return  # a set that was closed is repaired when it is opened
        try:
            self._set.update_live_files(count)
        except OSError:
            self._close_set()
            raise

    def _append(self, entry: TranscriptEntry, current: SetFiles) -> None:
        """Appends a final to the current set, or to the one before if it ended before the mark between them."""
        start = parse_steady(entry.data)
        end = start + timedelta(seconds=entry.data["end"] - entry.data["start"])
        if end <= current.steady_at and (earlier := self._open_earlier_set()):
            with closing(earlier):
                earlier.append(entry)
            return
        if start < current.steady_at:
            log.info("a caption began before the transcript %s did; its cue begins at 0", current.name)
        current.append(entry, hold=self.holds)

    def write_held(self, seq: int) -> None:
        """Writes finals that were held to the live files of the current set.

        Args:
            seq: Number of the last of them.

        Raises:
            OSError: They could not be written; call again with the same number.
        """
        if not self._current_set:
            return
        try:
            self._set = self._set or SetFiles(self.folder, self._current_set[0])  # which writes all that is missing
            self._set.write_held(seq)
        except OSError:
            self._close_set()
            raise

    def _open_earlier_set(self) -> SetFiles | None:
        """Opens the set that the last mark has ended; None if there is none any more."""
        with suppress(OSError):
            return SetFiles(self.folder, self._earlier_set) if self._earlier_set else None
        return None

    def start_set(self, title: str, marked_at: Timestamp | None = None) -> str:
        """Starts a new set, and returns its name.

        Captions that ended before the mark, but become final only now, still belong to the old set.

        Args:
            title: Title of the set; may be empty.
            marked_at: When it was asked for; None: now.

        Raises:
            OSError: It could not be created; the old one stays current.
        """
        started_at = datetime.fromtimestamp(marked_at.wall).astimezone() if marked_at else self._clock()
        name, header = self._create_set(started_at, marked_at.steady if marked_at else None, title)
        self._earlier_set = self._current_set[0] if self._current_set else ""
        self._close_set(ended=True)
        self._current_set = name, header
        with suppress(OSError):  # for example no space for more than the record: tried again with the first final
            self._set = SetFiles(self.folder, name)
        return name

    def _open_set(self, entry: TranscriptEntry, now: datetime) -> SetFiles:
        """Opens the current set, or a new one that starts with a final, though not later than now."""
        at = parse_time(entry.data["at"])
        started_at = min(now, at)
        steady = (parse_steady(entry.data) - (at - started_at)).timestamp() if "steady" in entry.data else None
        if self._current_set is None:
            self._current_set = self._create_set(started_at, steady, None)
        name, header = self._current_set
        try:
            return SetFiles(self.folder, name)
        except OSError as error:
            if error.errno == errno.ENOENT:  # it has been removed
                create_record(self.folder, name, replace(header, seq=self._seq))
            elif error.errno == errno.EINVAL:  # it is not a record any more
                self._current_set = self._create_set(started_at, steady, None)
            else:
                raise
        return SetFiles(self.folder, self._current_set[0])

    def _create_set(self, started_at: datetime, steady: float | None, title: str | None) -> tuple[str, SetHeader]:
        name = make_set_name(self._settings.split, self._clock(), self._folder.is_taken, title)
        header = SetHeader(started_at, title or "", self.resume_state.session, self._seq, steady)
        create_record(self.folder, name, header)
        self._add_session_set(name, header)
        log.info("transcript %s begins in %s", name, self.folder)
        return name, header

    def _close_set(self, *, ended: bool = False) -> None:
        if self._set:
            self._set.close()
        self._set = None
        self._current_set = None if ended else self._current_set

    def duplicate_record(self) -> int | None:
        """Returns a duplicate descriptor of the open record, for ``files.sync_and_close``; None if no set is open."""
        return self._set.duplicate_record() if self._set else None

    def close(self) -> None:
        """Closes the files and releases the lock."""
        self._close_set(ended=True)
        self._folder.close()

    # ---- old sets

    def reload(self, settings: TranscriptSettings) -> None:
        """Applies new settings; of these, ``keep_days`` and ``keep_mb`` may change while the daemon runs."""
        self._settings = settings

    def delete_expired(self) -> list[str]:
        """Deletes the sets that exceed ``keep_days`` or ``keep_mb``, never the current one; returns their names."""
        if not (self._settings.keep_days or self._settings.keep_mb):
            return []
        current = self._current_set[0] if self._current_set else ""
        stored = self._folder.stored_sets()
        names = expired(stored, current, self._clock().timestamp(), self._settings.keep_days, self._settings.keep_mb)
        for name in names:
            self._folder.delete(name)
        kept = tuple(s for s in self.session_sets if s.record.stem not in names)
        self.is_session_whole &= kept == self.session_sets
        self.session_sets = kept
        return names
