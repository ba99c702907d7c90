"""streamstt's own cache of models: entries are complete and have checksums, or do not exist.

Knows nothing of where models come from. An entry is a folder in Hugging Face's layout with a ``manifest.json``. It is
written in a scratch folder beside it and then renamed, so readers need no lock. The writer holds a lock, so that two
processes do not fetch the same model twice, and leftovers of a killed process differ from work in progress.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints.layout import read_json

MANIFEST = "manifest.json"
ENTRY_FORMAT = 1  # increment it when convert.py writes something else; older entries are then written again

EntryWriter = Callable[[Path, Path], None]
"""Writes an entry's files into the folder in its first argument; may use the second for temporary files."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelCache:
    """A folder of model entries, each under its key.

    Attributes:
        root: The folder; it is created with the first entry.
    """

    root: Path

    def find(self, key: str) -> Path | None:
        """Returns the entry's folder, unverified; None if there is none, or only one of an older format."""
        folder = self.root / key
        manifest = folder / MANIFEST
        if not folder.is_dir() or (manifest.is_file() and _read_format(manifest) not in (ENTRY_FORMAT, None)):
            return None
        return folder

    def verify(self, key: str, *, remedy: str) -> int:
        """Compares all files of an entry with their checksums.

        Args:
            key: Name of the entry.
            remedy: Command that repairs the entry, for the message.

        Returns:
            The size of the entry in bytes.

        Raises:
            ModelError: A file is missing or damaged; the message names it.
        """
        folder = self.root / key
        sums = _read_manifest(folder / MANIFEST, remedy)
        for name, (size, digest) in sums.items():
            path = folder / name
            try:
                is_intact = path.stat().st_size == size and sha256(path) == digest
            except OSError as error:
                raise ModelError(f"the cached file {path} cannot be read: {error.strerror}; run `{remedy}`") from error
            if not is_intact:
                raise ModelError(f"the cached file {path} is damaged: its checksum is wrong; run `{remedy}`")
        return sum(size for size, _ in sums.values())

    def build(self, key: str, write_entry: EntryWriter, *, replace: bool = False) -> Path:
        """Returns the entry's folder, after writing it if it does not exist; one process at a time writes.

        Args:
            key: Name of the entry; a plain file name.
            write_entry: Writes the files.
            replace: Write the entry even if it exists.

        Raises:
            ModelError: ``write_entry`` failed, or the cache is not writable; the cache is as before.
        """
        target = self.root / key
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with _hold_lock(self.root / f".{key}.lock"):
                self._remove_leftovers(key)
                if not replace and (existing := self.find(key)) is not None:
                    return existing
                scratch = Path(tempfile.mkdtemp(prefix=_scratch_prefix(key), dir=self.root))
                try:
                    entry = scratch / "entry"  # a subfolder, because mkdtemp makes its own readable to its owner only
                    entry.mkdir()
                    write_entry(entry, scratch)
                    _write_manifest(entry)
                    if target.exists():
                        target.rename(scratch / "old")  # rename cannot replace a folder that has files
                    entry.rename(target)
                finally:
                    shutil.rmtree(scratch, ignore_errors=True)
        except OSError as error:
            raise ModelError(
                f"cannot write to the model cache {self.root}: {error}; "
                "free some space, or set XDG_CACHE_HOME to a writable folder"
            ) from error
        return target

    def discard(self, key: str) -> None:
        """Removes an entry if it exists."""
        shutil.rmtree(self.root / key, ignore_errors=True)

    def _remove_leftovers(self, key: str) -> None:
        """Removes scratch folders of killed processes. Needs the lock: then no other process uses one."""
        for scratch in self.root.glob(f"{_scratch_prefix(key)}*"):
            log.info("removing the remains of an interrupted fetch: %s", scratch)
            shutil.rmtree(scratch, ignore_errors=True)


def default_cache_root() -> Path:
    """Returns the user's cache of models; $XDG_CACHE_HOME/streamstt/models on Linux."""
    return user_cache_path("streamstt") / "models"


def sha256(path: Path) -> str:
    """Returns the checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _scratch_prefix(key: str) -> str:
    return f".{key}.new-"


@contextmanager
def _hold_lock(path: Path) -> Iterator[None]:
    """Holds a lock between processes; the kernel releases it if the process dies."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("another process is fetching this model; waiting for it (%s)", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _write_manifest(entry: Path) -> None:
    """Writes the manifest and syncs all files: after a power cut the renamed entry must have its content."""
    files = sorted(path for path in entry.iterdir() if path.is_file())
    sums = {path.name: {"size": path.stat().st_size, "sha256": sha256(path)} for path in files}
    manifest = entry / MANIFEST
    manifest.write_text(json.dumps({"format": ENTRY_FORMAT, "files": sums}, indent=1), encoding="utf-8")
    for path in (*files, manifest):
        path.chmod(manifest.stat().st_mode & 0o777)  # safetensors makes its files readable to their owner only
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _read_format(manifest: Path) -> object:
    try:
        return read_json(manifest).get("format")
    except ModelError:
        return None  # verify reports that it is damaged


def _read_manifest(path: Path, remedy: str) -> dict[str, tuple[int, str]]:
    """Returns size in bytes and checksum by file name."""
    try:
        files = read_json(path)["files"]
        return {str(name): (int(file["size"]), str(file["sha256"])) for name, file in files.items()}
    except (ModelError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelError(f"the cached file {path} is damaged ({error}); run `{remedy}`") from error
