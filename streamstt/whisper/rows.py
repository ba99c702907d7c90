"""Rows of a table too large to keep in memory for the few that are looked up: a token's embedding is a kilobyte."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from streamstt.errors import EngineError

Rows = Callable[[Sequence[int]], torch.Tensor]
"""Indexes of n rows to the rows, shape (n, width), in the type they are stored in."""

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class FileRows:
    """Rows of a tensor in a safetensors file, read when they are asked for: in a microsecond each from the page cache.

    Not by a memory map: whole neighbourhoods of what is touched would count as this process's memory.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Opens the file, and keeps it open: it may be replaced meanwhile.

        Args:
            path: The file; its layout is described at https://huggingface.co/docs/safetensors.
            name: Of a tensor of two dimensions, in a floating-point type.

        Raises:
            OSError: The file cannot be read.
            KeyError: It has no such tensor.
        """
        self._path = path
        self._file = path.open("rb", buffering=0)
        header = int.from_bytes(self._file.read(8), "little")
        described = json.loads(self._file.read(header))[name]
        self._type = TYPES[described["dtype"]]
        self._bytes = described["shape"][1] * self._type.itemsize  # of a row
        self._from = 8 + header + described["data_offsets"][0]

    def __call__(self, indexes: Sequence[int]) -> torch.Tensor:
        """Reads rows.

        Raises:
            EngineError: They cannot be read any more.
        """
        try:
            rows = [os.pread(self._file.fileno(), self._bytes, self._from + i * self._bytes) for i in indexes]
        except OSError as error:
            raise EngineError(f"{self._path} cannot be read any more: {error}") from error
        if any(len(row) != self._bytes for row in rows):
            raise EngineError(f"{self._path} has become shorter while it was in use")
        return torch.frombuffer(bytearray(b"".join(rows)), dtype=self._type).view(len(rows), -1)
