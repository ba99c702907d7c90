"""Rows of a table too large to keep in memory for the few that are looked up: a token's embedding is a kilobyte."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from streamstt.errors import EngineError

Rows = Callable[[Sequence[int]], torch.Tensor]
"""Indexes of n rows to the rows, shape (n, width), in the type they are stored in."""


class FileRows:
    """Rows of a tensor in a safetensors file, read when they are asked for: in a microsecond each from the page cache.

    Not by a memory map: whole neighbourhoods of what is touched would count as this process's memory.
    """

    def __init__(self, path: Path, name: str, width: int, dtype: torch.dtype) -> None:
        """Opens the file, and keeps it open: it may be replaced meanwhile.

        Args:
            path: The file; its layout is described at https://huggingface.co/docs/safetensors.
            name: Of a tensor in it, of two dimensions.
            width: Numbers in a row.
            dtype: Type of the tensor.

        Raises:
            OSError: The file cannot be read.
        """
        self._path = path
        self._file = path.open("rb", buffering=0)
        header = int.from_bytes(self._file.read(8), "little")
        self._from = 8 + header + json.loads(self._file.read(header))[name]["data_offsets"][0]
        self._type = dtype
        self._bytes = width * dtype.itemsize  # of a row
        self._version = self._written()

    def __call__(self, indexes: Sequence[int]) -> torch.Tensor:
        """Reads rows.

        Raises:
            EngineError: They cannot be read any more, or are not those of the model that was loaded.
        """
        try:
            rows = [os.pread(self._file.fileno(), self._bytes, self._from + i * self._bytes) for i in indexes]
            changed = self._written() != self._version
        except OSError as error:
            raise EngineError(f"{self._path} cannot be read any more: {error}") from error
        if changed:
            raise EngineError(f"{self._path} was written to while it was in use; start again to use what it holds now")
        return torch.frombuffer(bytearray(b"".join(rows)), dtype=self._type).view(len(rows), -1)

    def _written(self) -> tuple[int, int]:
        """Size, and when it was last written."""
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns
