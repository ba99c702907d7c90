"""Rows of the token table, which stays in its file."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from streamstt.errors import EngineError
from streamstt.whisper.rows import FileRows
from streamstt.whisper.weights import Weights

NAME = "decoder.embed_tokens.weight"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", ["model.safetensors", "pytorch_model.bin"])
def test_rows_are_those_of_the_tensor(tmp_path: Path, kind: str, dtype: torch.dtype) -> None:
    """Any rows, in any order, are those that the whole tensor has, in its type."""
    tensors = {"model.other": torch.ones(3, dtype=dtype), f"model.{NAME}": torch.randn(100, 24).to(dtype)}
    path = tmp_path / kind
    save_file(tensors, path) if kind.endswith("safetensors") else torch.save(tensors, path)
    rows = Weights(tmp_path).rows(NAME, 100, 24)
    assert torch.equal(rows([99, 0, 7, 7]), tensors[f"model.{NAME}"][[99, 0, 7, 7]])
    assert rows([5]).dtype is dtype


def test_a_file_that_is_replaced_or_cut_off(tmp_path: Path) -> None:
    """A file that was replaced is still read as it was; one that was cut off is an error that names it."""
    path = tmp_path / "model.safetensors"
    table = torch.randn(100, 24)
    save_file({NAME: table}, path)
    rows = FileRows(path, NAME)
    new = tmp_path / "new"
    save_file({NAME: torch.zeros(100, 24)}, new)
    new.rename(path)
    assert torch.equal(rows([50]), table[[50]])
    rows = FileRows(path, NAME)
    with path.open("r+b") as file:
        file.truncate(5000)
    with pytest.raises(EngineError, match=r"model\.safetensors"):
        rows([99])
