"""Rows of the token embedding, which stays in its file."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from streamstt.errors import EngineError
from streamstt.whisper.checkpoints.weights import FileEmbedding, Weights

NAME = "decoder.embed_tokens.weight"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kind", ["model.safetensors", "pytorch_model.bin"])
def test_rows_are_those_of_the_tensor(tmp_path: Path, kind: str, dtype: torch.dtype) -> None:
    """Any rows, in any order, are those of the tensor, in its dtype."""
    tensors = {"model.other": torch.ones(3, dtype=dtype), f"model.{NAME}": torch.randn(100, 24).to(dtype)}
    path = tmp_path / kind
    save_file(tensors, path) if kind.endswith("safetensors") else torch.save(tensors, path)
    rows = Weights(tmp_path).embedding_lookup(NAME, 100, 24)
    assert torch.equal(rows([99, 0, 7, 7]), tensors[f"model.{NAME}"][[99, 0, 7, 7]])
    assert rows([5]).dtype is dtype


def test_a_file_that_is_replaced_is_read_as_it_was(tmp_path: Path) -> None:
    """The loaded model keeps working when another file takes its path."""
    path = tmp_path / "model.safetensors"
    table = torch.randn(100, 24)
    save_file({NAME: table}, path)
    rows = FileEmbedding(path, NAME, 24, table.dtype)
    new = tmp_path / "new"
    save_file({NAME: torch.zeros(100, 24)}, new)
    new.rename(path)
    assert torch.equal(rows([50]), table[[50]])


@pytest.mark.parametrize("size", [5000, None], ids=["truncated", "overwritten"])
def test_a_file_that_is_changed(tmp_path: Path, size: int | None) -> None:
    """A file that is changed under a loaded model is an error that names it; rows of two models would be mixed."""
    path = tmp_path / "model.safetensors"
    save_file({NAME: torch.randn(100, 24)}, path)
    rows = FileEmbedding(path, NAME, 24, torch.float32)
    with path.open("r+b") as file:
        file.seek(-24 * 4 * 50, 2)
        file.truncate(size) if size else file.write(bytes(24 * 4))
    os.utime(path, ns=(0, 0))  # the clock of a file system ticks in milliseconds
    with pytest.raises(EngineError, match=r"model\.safetensors"):
        rows([50])
