"""Reads the tensors of a Hugging Face checkpoint one at a time, so that they are never all in memory twice."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from streamstt.errors import EngineError, ModelError

EmbeddingLookup = Callable[[Sequence[int]], torch.Tensor]
"""Maps n row indexes to these rows, shape (n, width), in the dtype of the file."""


class FileEmbedding:
    """Reads rows of a tensor from a safetensors file on demand, in a microsecond each from the page cache.

    It does not map the file into memory: the pages around each row would count as memory of this process.
    """

    def __init__(self, path: Path, name: str, width: int, dtype: torch.dtype) -> None:
        """Opens the file and keeps it open, because its path may later belong to another file.

        Args:
            path: The file; its layout is described at https://huggingface.co/docs/safetensors.
            name: Name of a tensor in it, with two dimensions.
            width: Numbers in a row.
            dtype: Number format of the tensor.

        Raises:
            OSError: The file cannot be read.
        """
        self._path = path
        self._file = path.open("rb", buffering=0)
        header = int.from_bytes(self._file.read(8), "little")
        self._data_offset = 8 + header + json.loads(self._file.read(header))[name]["data_offsets"][0]
        self._dtype = dtype
        self._row_bytes = width * dtype.itemsize
        self._version = self._file_version()

    def __call__(self, indexes: Sequence[int]) -> torch.Tensor:
        """Reads rows.

        Raises:
            EngineError: The file cannot be read any more, or was changed since the model was loaded.
        """
        try:
            rows = [
                os.pread(self._file.fileno(), self._row_bytes, self._data_offset + i * self._row_bytes) for i in indexes
            ]
            changed = self._file_version() != self._version
        except OSError as error:
            raise EngineError(f"{self._path} cannot be read any more: {error}") from error
        if changed:
            raise EngineError(f"{self._path} was changed while it was in use; restart to use its new content")
        return torch.frombuffer(bytearray(b"".join(rows)), dtype=self._dtype).view(len(rows), -1)

    def _file_version(self) -> tuple[int, int]:
        """Returns size in bytes and time of last change."""
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns


class Weights:
    """Implements ``WeightSource`` with the files of a checkpoint. A name is, for example, ``encoder.conv1.weight``."""

    def __init__(self, folder: Path) -> None:
        """Opens the files.

        Args:
            folder: In Hugging Face's layout, with safetensors or PyTorch's own files, one or several shards.

        Raises:
            ModelError: They cannot be read.
        """
        self._folder = folder
        self._readers: dict[str, Any] = {}
        self._locations: dict[str, tuple[Path, str]] = {}  # file, and the tensor's name in it
        try:
            for path in _weight_files(folder):
                self._open(path)
        except (OSError, ValueError, RuntimeError, SafetensorError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"the weights in {folder} cannot be read: {error}") from error

    def _open(self, path: Path) -> None:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                names = list(file.keys())
            self._readers |= {_strip_model_prefix(name): lambda name=name: _read_tensor(path, name) for name in names}
            self._locations |= {_strip_model_prefix(name): (path, name) for name in names}
        else:
            tensors = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
            self._readers |= {
                _strip_model_prefix(name): lambda tensor=tensor: tensor for name, tensor in tensors.items()
            }

    def get(self, name: str, *shape: int) -> torch.Tensor:
        """Reads one tensor.

        Raises:
            ModelError: It is missing, or has another shape.
        """
        if name not in self._readers:
            raise ModelError(f"{self._folder} lacks the tensor {name}: it does not hold a complete Whisper")
        try:
            tensor: torch.Tensor = self._readers[name]()
        except (OSError, RuntimeError, SafetensorError) as error:
            raise ModelError(f"{self._folder}: tensor {name} cannot be read: {error}") from error
        if tuple(tensor.shape) != shape:
            raise ModelError(f"{self._folder}: tensor {name} has the shape {tuple(tensor.shape)}, not {shape}")
        return tensor

    def embedding_lookup(self, name: str, *shape: int) -> EmbeddingLookup:
        """Returns a function that looks up rows of a tensor; if the file format allows, they are read on demand.

        Raises:
            ModelError: As ``get``.
        """
        tensor = self.get(name, *shape)
        if name not in self._locations:
            return lambda indexes: tensor[list(indexes)]
        try:
            return FileEmbedding(*self._locations[name], shape[-1], tensor.dtype)
        except OSError as error:
            raise ModelError(f"{self._folder}: tensor {name} cannot be read: {error}") from error


def _read_tensor(path: Path, name: str) -> torch.Tensor:
    """Reads a tensor of a safetensors file without keeping the file open, so that its pages leave memory."""
    file: Any
    with safe_open(path, framework="pt") as file:
        tensor: torch.Tensor = file.get_tensor(name)
    return tensor


def _weight_files(folder: Path) -> list[Path]:
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return [folder / name]
        if index.is_file():
            shards = json.loads(index.read_bytes())["weight_map"].values()
            return [folder / shard for shard in sorted(set(shards))]
    raise ModelError(f"{folder} holds no weights")


def _strip_model_prefix(name: str) -> str:
    return name.removeprefix("model.")
