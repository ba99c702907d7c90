"""Our own cache of models: whole entries with a manifest of sums, or nothing.

Knows nothing of where models come from. An entry is a folder in Hugging Face's layout and a ``manifest.json``. It is
made in a scratch folder beside it and renamed, so readers need no lock; who makes one holds a lock, so that two
processes do not fetch the same model twice, and what a killed one left behind can be told from work in progress.
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
ENTRY_FORMAT = 1  # of an entry: raise it when convert.py writes something else; older entries are then made anew

EntryWriter = Callable[[Path, Path], None]
"""Fills the folder that is its first argument; may use the second for what need not be kept."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelCache:
    """A folder of model entries, each under its key.

    Attributes:
        root: Made when the first entry is.
    """

    root: Path

    def find(self, key: str) -> Path | None:
        """The entry's folder, unchecked; None when there is none, or one of an older format."""
        folder = self.root / key
        manifest = folder / MANIFEST
        if not folder.is_dir() or (manifest.is_file() and _read_format(manifest) not in (ENTRY_FORMAT, None)):
            return None
        return folder

    def verify(self, key: str, *, remedy: str) -> int:
        """Compares all files of an entry with their sums.

        Returns:
            The size of the entry in bytes.

        Raises:
            ModelError: A file is missing or changed; the message names it, and ``remedy``.
        """
        folder = self.root / key
        sums = _read_manifest(folder / MANIFEST, remedy)
        for name, (size, digest) in sums.items():
            path = folder / name
            try:
                sound = path.stat().st_size == size and sha256(path) == digest
            except OSError as error:
                raise ModelError(f"the cached file {path} cannot be read: {error.strerror}; run `{remedy}`") from error
            if not sound:
                raise ModelError(f"the cached file {path} is damaged: its checksum is wrong; run `{remedy}`")
        return sum(size for size, _ in sums.values())

    def build(self, key: str, write_entry: EntryWriter, *, replace: bool = False) -> Path:
        """Gives the entry, after making it if it is not there; only one process at a time makes it.

        Args:
            key: Its name; a plain file name.
            write_entry: Fills the folder.
            replace: Make it even if it is there.

        Raises:
            ModelError: ``write_entry`` failed, or the cache cannot be written; nothing is left behind.
        """
        target = self.root / key
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with _hold_lock(self.root / f".{key}.lock"):
                self._remove_leftovers(key)
                if not replace and (found := self.find(key)) is not None:
                    return found
                scratch = Path(tempfile.mkdtemp(prefix=_scratch_prefix(key), dir=self.root))
                try:
                    entry = scratch / "entry"  # mkdtemp's own folder is for our eyes only, the entry is not
                    entry.mkdir()
                    write_entry(entry, scratch)
                    _write_manifest(entry)
                    if target.exists():
                        target.rename(scratch / "old")  # a folder cannot be replaced by another in one step
                    entry.rename(target)
                finally:
                    shutil.rmtree(scratch, ignore_errors=True)
        except OSError as error:
            raise ModelError(
                f"cannot write to the model cache {self.root}: {error}; "
                "make room, or set XDG_CACHE_HOME to a folder that can be written"
            ) from error
        return target

    def discard(self, key: str) -> None:
        """Removes an entry, if it is there."""
        shutil.rmtree(self.root / key, ignore_errors=True)

    def _remove_leftovers(self, key: str) -> None:
        """Removes what killed processes left; call it with the lock held, so that nobody is at work there."""
        for left in self.root.glob(f"{_scratch_prefix(key)}*"):
            log.info("removing what an interrupted fetch left: %s", left)
            shutil.rmtree(left, ignore_errors=True)


def default_cache_root() -> Path:
    """$XDG_CACHE_HOME/streamstt/models on Linux."""
    return user_cache_path("streamstt") / "models"


def sha256(path: Path) -> str:
    """Checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _scratch_prefix(key: str) -> str:
    return f".{key}.new-"


@contextmanager
def _hold_lock(path: Path) -> Iterator[None]:
    """Holds a lock among processes; the kernel frees that of a process that dies."""
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
    """Writes the manifest, and brings all files to the disk: a rename must not outlive its content in a power cut."""
    files = sorted(path for path in entry.iterdir() if path.is_file())
    sums = {path.name: {"size": path.stat().st_size, "sha256": sha256(path)} for path in files}
    manifest = entry / MANIFEST
    manifest.write_text(json.dumps({"format": ENTRY_FORMAT, "files": sums}, indent=1), encoding="utf-8")
    for path in (*files, manifest):
        path.chmod(manifest.stat().st_mode & 0o777)  # safetensors makes its files for their owner only
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _read_format(manifest: Path) -> object:
    try:
        return read_json(manifest).get("format")
    except ModelError:
        return None  # check() will say that it is damaged


def _read_manifest(path: Path, remedy: str) -> dict[str, tuple[int, str]]:
    """Size and checksum by file name."""
    try:
        return {str(name): (int(of["size"]), str(of["sha256"])) for name, of in read_json(path)["files"].items()}
    except (ModelError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelError(f"the cached file {path} is damaged ({error}); run `{remedy}`") from error
