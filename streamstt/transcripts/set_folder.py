"""The folder of transcript sets: its lock, and which sets are in it.

Only one process writes to a folder: it holds a lock on it (flock(2)), which ends with the process.
"""

import fcntl
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from streamstt.errors import OutputError
from streamstt.transcripts.naming import LIVE_SUFFIXES, NAME_PATTERN, RECORD_SUFFIX, StoredSet
from streamstt.transcripts.record import SetHeader, TranscriptRecord, parse_record

FOLDER_HINT = "make it writable, or name another folder with transcript.folder"

log = logging.getLogger(__name__)


class SetFolder:
    """A locked folder with sets. Files with other names do not belong to us.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        """Creates the folder, for its owner only, and locks it.

        Raises:
            OutputError: The folder cannot be used, or another process writes to it.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise OutputError(f"cannot keep transcripts in {path} ({error.strerror}): {FOLDER_HINT}") from error
        try:
            self._acquire_lock()
        except OSError as error:
            raise OutputError(f"cannot read the transcripts in {path}: {error.strerror}") from error

    def _acquire_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = "stop it, or choose another transcript.folder"
            raise OutputError(f"another streamstt keeps its transcripts in {self.path}: {hint}") from error
        except OSError as error:  # some network file systems cannot lock folders
            log.debug("%s is not locked: %s", self.path, error.strerror)
        # A read-only file system is no error here: it may become writable, and captions do not wait for it.
        read_only = os.fstatvfs(self._lock).f_flag & os.ST_RDONLY
        if not read_only and not os.access(self.path, os.W_OK | os.X_OK):
            raise OutputError(f"cannot keep transcripts in {self.path} (no write permission): {FOLDER_HINT}")

    def close(self) -> None:
        """Releases the lock."""
        os.close(self._lock)

    def record_path(self, name: str) -> Path:
        """Returns the path of the record of a set."""
        return self.path / f"{name}{RECORD_SUFFIX}"

    def read_record(self, name: str) -> TranscriptRecord:
        """Reads the record of a set.

        Raises:
            OSError: It cannot be read.
        """
        return parse_record(self.record_path(name).read_bytes())

    def read_headers(self) -> dict[str, SetHeader]:
        """Reads the first line of each record; returns the headers by name of the set, in the order of their starts.

        Raises:
            OSError: A record cannot be read.
        """
        headers = {}
        for path in self._find_records():
            with path.open("rb") as file:
                header = parse_record(file.readline()).header
            if header:
                headers[path.stem] = header
        return _in_order(headers)

    def is_taken(self, name: str) -> bool:
        """Returns whether there is a file of a set with this name."""
        return any(os.path.lexists(self.path / f"{name}{suffix}") for suffix in (RECORD_SUFFIX, *LIVE_SUFFIXES))

    def stored_sets(self) -> list[StoredSet]:
        """Returns all sets with their sizes."""
        return [stored for path in self._find_records() if (stored := self._stat(path.stem))]

    def delete(self, name: str) -> None:
        """Deletes a set; the record last, because without it the other files would never be found again.

        Raises:
            OSError: A file cannot be deleted.
        """
        for suffix in (*LIVE_SUFFIXES, RECORD_SUFFIX):
            (self.path / f"{name}{suffix}").unlink(missing_ok=True)

    def _find_records(self) -> list[Path]:
        candidates = (p for p in self.path.iterdir() if p.suffix == RECORD_SUFFIX and NAME_PATTERN.fullmatch(p.stem))
        return [p for p in candidates if p.is_file() and not p.is_symlink()]

    def _stat(self, name: str) -> StoredSet | None:
        size = 0
        for suffix in LIVE_SUFFIXES:
            with suppress(FileNotFoundError):
                size += (self.path / f"{name}{suffix}").stat().st_size
        try:
            record = self.record_path(name).stat()
        except FileNotFoundError:
            return None
        return StoredSet(name, size + record.st_size, record.st_mtime)


def _in_order(headers: Mapping[str, SetHeader]) -> dict[str, SetHeader]:
    order = sorted(headers, key=lambda name: (headers[name].seq, headers[name].started_at, name))
    return {name: headers[name] for name in order}
