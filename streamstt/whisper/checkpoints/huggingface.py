"""Fetches models from the Hugging Face hub, or finds them in its local cache. Only this module uses huggingface_hub.

Most of huggingface_hub (20 MB, half a second) is imported when it is first used: not if the model is in our own cache.
"""

import hashlib
import logging
import re
import threading
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import constants

from streamstt.errors import ModelError
from streamstt.progress import Progress
from streamstt.whisper.checkpoints import layout

PROBE_CONNECT_S = 3.0
PROBE_TOTAL_S = 5.0  # a name lookup has no time limit of its own

# Files needed to run a Whisper, without copies for other frameworks. The last two are of CTranslate2 models.
_MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "normalizer.json",
    "vocab.json",
    "merges.txt",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*-of-*.safetensors",
    "model.bin",
    "vocabulary.*",
)
_REPOSITORY_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")  # not ./folder

log = logging.getLogger(__name__)


def is_offline() -> bool:
    """Returns whether the user forbids the network with HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE)."""
    return bool(constants.HF_HUB_OFFLINE)


def endpoint() -> str:
    """Returns the address of the hub; HF_ENDPOINT sets it."""
    return str(constants.ENDPOINT)


def cache_folder() -> Path:
    """Returns the Hugging Face cache; HF_HUB_CACHE or HF_HOME set it."""
    return Path(constants.HF_HUB_CACHE)


def is_repository_id(name: str) -> bool:
    """Returns whether a name has the form ``owner/name``."""
    return _REPOSITORY_ID.fullmatch(name) is not None


def find_cached(repository: str) -> Path | None:
    """Returns the folder of a model in the Hugging Face cache, unverified; None if it is missing or incomplete."""
    config = huggingface_hub.try_to_load_from_cache(repository, "config.json")
    if not isinstance(config, str):
        return None
    try:
        layout.detect_layout(Path(config).parent)
    except ModelError as error:
        log.info("not used from the Hugging Face cache: %s", error)
        return None
    return Path(config).parent


def verify(folder: Path, *, remedy: str) -> int:
    """Compares a cached model with its checksums, which are the names of the cache's blobs.

    Args:
        folder: Folder of the model, in the Hugging Face cache.
        remedy: Command that repairs it, for the message.

    Returns:
        Its size in bytes.

    Raises:
        ModelError: A file is damaged; the message names it.
    """
    total = 0
    try:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                total += path.stat().st_size
                if not _matches_blob_name(path):
                    raise ModelError(f"the cached file {path} is damaged: its checksum is wrong; run `{remedy}`")
    except OSError as error:
        raise ModelError(f"the cached model {folder} cannot be read: {error}; run `{remedy}`") from error
    return total


def fetch(repository: str, progress: Progress, *, force: bool = False) -> Path:
    """Downloads a model into the Hugging Face cache. Fails within seconds if the hub cannot be reached.

    Args:
        repository: ``owner/name``.
        progress: Called with the number of bytes.
        force: Download files even if they are cached.

    Returns:
        The folder of the model.

    Raises:
        ModelError: It cannot be fetched; the message says why.
    """
    if problem := probe():
        raise ModelError(f"cannot be reached: {problem}")
    try:
        folder = huggingface_hub.snapshot_download(
            repository,
            allow_patterns=list(_MODEL_FILES),
            force_download=force,
            tqdm_class=_make_tqdm_class(repository, progress),
            max_workers=1,  # one file has most of the bytes, and ``progress`` is never called by two threads at once
        )
    except Exception as error:  # its own errors, those of its HTTP library (by version), and of hf_xet
        raise ModelError(_error_message(repository, error)) from error
    layout.detect_layout(Path(folder))
    return Path(folder)


def probe(within_s: float = PROBE_TOTAL_S) -> str:
    """Sends one request to the hub.

    Args:
        within_s: How long to wait for the answer, in seconds.

    Returns:
        Why it cannot be reached; empty: it answers.
    """
    failures: list[str] = []  # one item when the probe has ended, empty text if it succeeded
    get_session = huggingface_hub.get_session  # imports what it needs, which does not count

    def send() -> None:
        try:
            response = get_session().head(endpoint(), timeout=min(PROBE_CONNECT_S, within_s))
            status = response.status_code
            failures.append(f"it answered with status {status}" if status >= 500 else "")
        except Exception as error:  # noqa: BLE001 - requests' or httpx's, by version of huggingface_hub
            failures.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=send, name="hub-probe", daemon=True)  # daemon: it may hang in a name lookup
    thread.start()
    thread.join(within_s)
    return failures[0] if failures else f"no answer in {within_s:g} s"


def _error_message(repository: str, error: BaseException) -> str:
    from huggingface_hub import errors  # noqa: PLC0415 - see the module's docstring

    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # it says only that nothing is cached; its cause says why nothing was fetched
    first = (str(error).strip().splitlines() or [""])[0]
    match error:
        case errors.GatedRepoError():
            return f"{repository} is gated: accept its terms on {endpoint()}/{repository}, then `hf auth login`"
        case errors.RepositoryNotFoundError():
            return f"there is no model {repository}, or it is private (then `hf auth login`)"
        case errors.HfHubHTTPError():
            return f"the hub refused {repository}: {first}"
        case OSError(errno=int()):
            return f"cannot write {repository} to {cache_folder()}: {error}"
        case _:
            return f"cannot download {repository}: {type(error).__name__}: {first}"


def _matches_blob_name(path: Path) -> bool:
    """Returns whether a file matches its blob's name: the sha256 of a large file, git's sha1 of a small one."""
    name = path.resolve().name
    if not path.is_symlink() or len(name) not in (40, 64):
        return True  # a copy, on file systems without links, has no checksum
    with path.open("rb") as file:
        if len(name) == 64:
            return hashlib.file_digest(file, "sha256").hexdigest() == name
        data = file.read()
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == name


def _make_tqdm_class(what: str, progress: Progress) -> type[Any]:
    """Returns the class that ``snapshot_download`` needs to report progress; some versions accept only a tqdm."""
    from huggingface_hub.utils.tqdm import tqdm  # noqa: PLC0415 - see the module's docstring

    class Bar(tqdm):
        """Reports bytes and draws nothing.

        Ignores the bar that counts files, by its unit, and the one that counts the same bytes again, by its name.
        """

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._counts_bytes = kwargs.get("unit") == "B" and not str(kwargs.get("name")).endswith(".transfer")
            super().__init__(*args, **kwargs | {"disable": True})  # type: ignore[no-untyped-call] # tqdm has no types

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self._counts_bytes:
                progress(what, int(self.n), int(self.total) if self.total else None)

    return Bar
