"""The streaming engine with a folder that holds no complete model."""

from pathlib import Path

import pytest

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.streaming import StreamingEngine
from tests.support.streaming import EXACT


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"no weights"),
        ("model.safetensors", None),
        ("config.json", b"{}"),
        ("config.json", b"no json"),
        ("generation_config.json", b"{}"),
        ("generation_config.json", None),
        ("tokenizer.json", b"no tokenizer"),
    ],
)
def test_a_broken_folder(tiny_folder: Path, tmp_path: Path, name: str, content: bytes | None) -> None:
    """A missing or damaged file is an error that names the folder or the file."""
    for file in tiny_folder.iterdir():
        if file.name != name:
            (tmp_path / file.name).symlink_to(file.resolve())
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError) as error:
        StreamingEngine(Checkpoint("broken", tmp_path, "folder"), EXACT)
    assert str(tmp_path) in str(error.value) or name in str(error.value)
