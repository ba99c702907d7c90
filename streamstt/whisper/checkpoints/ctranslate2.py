"""Reads model.bin, the file that holds the weights of a CTranslate2 Whisper (as faster-whisper uses).

Knows the file format, but nothing of transformers, caches or torch. The format has no specification; its source is
CTranslate2's ``python/ctranslate2/specs/model_spec.py`` (``ModelSpec._serialize``), and names come from
``whisper_spec.py`` there. All integers are little-endian:

    version u32, string spec, revision u32
    count u32, of: string name, rank u8, dimensions u32..., type u8, size u32, bytes
    count u32, of: string alias, string name             (equal tensors are stored once)
    string: length u16 with its closing NUL, UTF-8
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from streamstt.errors import ModelError

Array = npt.NDArray[Any]
TensorMap = dict[str, Array]

BINARY_VERSION = 6  # CURRENT_BINARY_VERSION in model_spec.py
HEAD_WIDTH = 64  # width of an attention head, in every Whisper

# DataType in CTranslate2's include/ctranslate2/types.h; numpy has no bfloat16.
_DTYPES = MappingProxyType({0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2", 5: "<u2"})
_BFLOAT16 = 5
_SUPPORTED_FORMATS = "float32, float16, bfloat16, int16 and int8 (also int8_float16, int8_float32, int8_bfloat16)"


@dataclass(frozen=True, slots=True)
class WeightFileDimensions:
    """Sizes of a Whisper, from the shapes of its tensors."""

    n_mels: int
    width: int
    vocabulary_size: int
    audio_positions: int
    text_positions: int
    encoder_layers: int
    decoder_layers: int
    encoder_ffn: int
    decoder_ffn: int

    @property
    def heads(self) -> int:
        """Attention heads of each layer."""
        return self.width // HEAD_WIDTH


@dataclass(frozen=True, slots=True)
class WeightFile:
    """The tensors of one model.bin.

    Attributes:
        path: The file, for messages.
        tensors: By CTranslate2's names and aliases; read-only views of the mapped file.
    """

    path: Path
    tensors: TensorMap

    def get(self, name: str, *shape: int) -> Array:
        """Returns a tensor in floating point; a quantized one is dequantized.

        Args:
            name: CTranslate2's name.
            shape: Expected shape; -1 matches any size.

        Raises:
            ModelError: The tensor is missing, or has another shape or an unknown number format.
        """
        if name not in self.tensors:
            raise ModelError(f"{self.path} has no tensor {name!r}: it is damaged, or has an unknown layout")
        value = self.tensors[name]
        if len(shape) != value.ndim or any(want not in (-1, got) for want, got in zip(shape, value.shape, strict=True)):
            raise ModelError(f"{self.path}: tensor {name!r} has shape {value.shape}, expected {shape}")
        if value.dtype.kind == "f":
            return value
        scale = self.tensors.get(f"{name}_scale")
        if value.dtype not in (np.int8, np.int16) or scale is None or scale.size not in (1, len(value)):
            raise ModelError(
                f"{self.path}: tensor {name!r} is quantized in an unknown way; supported are {_SUPPORTED_FORMATS}"
            )
        scales = scale.astype(np.float32).reshape(-1, *[1] * (value.ndim - 1))  # one for each row, or one for all
        return np.divide(value, scales, dtype=np.float32)

    def dimensions(self) -> WeightFileDimensions:
        """Returns the sizes of the model.

        Raises:
            ModelError: The tensors that show them are missing or contradict each other.
        """
        width, n_mels, _ = self.get("encoder/conv1/weight", -1, -1, 3).shape
        if width < HEAD_WIDTH or width % HEAD_WIDTH:
            raise ModelError(f"{self.path}: the width is {width}, not a multiple of {HEAD_WIDTH} as in every Whisper")
        for side in ("encoder", "decoder"):
            heads = self.tensors.get(f"{side}/num_heads")
            if heads is not None and int(heads.flat[0]) != width // HEAD_WIDTH:
                raise ModelError(f"{self.path}: {int(heads.flat[0])} {side} heads, expected {width // HEAD_WIDTH}")
        return WeightFileDimensions(
            n_mels=n_mels,
            width=width,
            vocabulary_size=len(self.get("decoder/embeddings/weight", -1, width)),
            audio_positions=len(self.get("encoder/position_encodings/encodings", -1, width)),
            text_positions=len(self.get("decoder/position_encodings/encodings", -1, width)),
            encoder_layers=self._count_layers("encoder"),
            decoder_layers=self._count_layers("decoder"),
            encoder_ffn=len(self.get("encoder/layer_0/ffn/linear_0/weight", -1, width)),
            decoder_ffn=len(self.get("decoder/layer_0/ffn/linear_0/weight", -1, width)),
        )

    def _count_layers(self, side: str) -> int:
        count = 0
        while f"{side}/layer_{count}/ffn/linear_0/weight" in self.tensors:
            count += 1
        return count


def read_weight_file(path: Path) -> WeightFile:
    """Maps a model.bin into memory and locates its tensors; only bfloat16 is copied.

    Raises:
        ModelError: The file cannot be read, is truncated, or is not a CTranslate2 Whisper.
    """
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: an empty file
        raise ModelError(f"cannot read {path}: {error}") from error
    try:
        return WeightFile(path, _parse(_Cursor(memoryview(data))))
    except (EOFError, ValueError) as error:
        raise ModelError(
            f"{path} is not a complete CTranslate2 Whisper model: {error}; fetch or copy it again"
        ) from error


class _Cursor:
    """Reads a file from front to back; never beyond its end."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._offset = 0

    def read_bytes(self, size: int) -> memoryview:
        end = self._offset + size
        if end > len(self._data):
            raise EOFError(f"it ends at byte {len(self._data)}, but should reach at least to byte {end}")
        piece, self._offset = self._data[self._offset : end], end
        return piece

    def read_number(self, fmt: str) -> int:
        (value,) = struct.unpack(fmt, self.read_bytes(struct.calcsize(fmt)))
        return int(value)

    def read_string(self) -> str:
        raw = bytes(self.read_bytes(self.read_number("<H")))
        return raw.removesuffix(b"\0").decode()  # UnicodeDecodeError is a ValueError


def _parse(cursor: _Cursor) -> TensorMap:
    version = cursor.read_number("<I")
    if version != BINARY_VERSION:
        raise ValueError(f"its format version is {version}; supported is {BINARY_VERSION}")
    spec = cursor.read_string()
    if spec != "WhisperSpec":
        raise ValueError(f"it contains a {spec!r}, not a 'WhisperSpec'")
    cursor.read_number("<I")  # revision of the spec; not checked, because each tensor is checked when it is used
    tensors = dict(_read_tensors(cursor))
    for _ in range(cursor.read_number("<I")):
        alias, name = cursor.read_string(), cursor.read_string()
        if name not in tensors:
            raise ValueError(f"{alias!r} is an alias of {name!r}, which is missing")
        tensors[alias] = tensors[name]
    return tensors


def _read_tensors(cursor: _Cursor) -> Iterator[tuple[str, Array]]:
    for _ in range(cursor.read_number("<I")):
        name = cursor.read_string()
        shape = [cursor.read_number("<I") for _ in range(cursor.read_number("<B"))]
        kind, size = cursor.read_number("<B"), cursor.read_number("<I")
        if kind not in _DTYPES:
            raise ValueError(f"tensor {name!r} has number format {kind}; supported are {_SUPPORTED_FORMATS}")
        if size != prod(shape) * np.dtype(_DTYPES[kind]).itemsize or len(shape) > 4:
            raise ValueError(f"tensor {name!r} has shape {shape} in {size} bytes")
        flat = np.frombuffer(cursor.read_bytes(size), _DTYPES[kind])
        if kind == _BFLOAT16:
            flat = (flat.astype(np.uint32) << 16).view(np.float32)  # the upper half of a float32
        yield name, flat.reshape(shape)
