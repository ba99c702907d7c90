"""Matrix times vector in several number formats: where nearly all time of a Whisper goes.

A precision is chosen per part of the model, by measuring (``precision.py``).
"""

import warnings
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any

import torch
from torch.nn.functional import linear

Linear = Callable[[torch.Tensor], torch.Tensor]
"""(n, inputs) to (n, outputs). Takes any float type, and gives its own."""

Ops: Any = torch.ops

QUANTIZE_ROWS = 4096  # of a weight that are rounded at a time: a vocabulary in 32 bits would take 100 MB and more


class Precision(StrEnum):
    """Number formats of weights and products."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    INT8 = "int8"  # weights per output channel, inputs as they come ("dynamic"); CPU only


def make_linear(weight: torch.Tensor, bias: torch.Tensor | None, precision: Precision) -> Linear:
    """Prepares a weight of shape (outputs, inputs), and its bias of shape (outputs,).

    Raises:
        RuntimeError: torch cannot do this here.
    """
    if precision is Precision.INT8:
        return Int8Linear(weight, None if bias is None else bias.float())
    return FloatLinear(weight, bias, getattr(torch, precision.value))


class FloatLinear:
    """One floating-point type throughout."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype) -> None:
        self._weight = weight.to(dtype).contiguous()
        self._bias = None if bias is None else bias.to(dtype)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(n, inputs) to (n, outputs)."""
        return linear(x.to(self._weight.dtype), self._weight, self._bias)


class Int8Linear:
    """Products of 8-bit integers, summed in 32 bits.

    Every row has its own scale. torch's operator has one for all rows, and a few tokens of a Whisper are a hundred
    times larger than the rest, which would be left with 2 bits; so each row is brought to 1 first.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self._packed = _quantize(weight)
        self._bias = torch.zeros(len(weight)) if bias is None else bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(n, inputs) to (n, outputs), float32."""
        if len(x) == 1:
            return _int8_matmul(x.float(), self._packed, _needs_reduced_range()).add_(self._bias)
        sizes = (
            torch.maximum(x.amax(dim=1, keepdim=True), -x.amin(dim=1, keepdim=True)).float().clamp_(min=1e-8)
        )  # (n, 1)
        y = _int8_matmul(x / sizes, self._packed, _needs_reduced_range())
        return torch.addcmul(self._bias, y, sizes, out=y)  # in place: of a vocabulary this is megabytes a row of x


def _quantize(weight: torch.Tensor) -> Any:
    scales = torch.maximum(weight.amax(dim=1), -weight.amin(dim=1)).float().clamp_(min=1e-8) / 127  # (outputs,)
    rounded = torch.empty(weight.shape, dtype=torch.int8)
    for i in range(0, len(weight), QUANTIZE_ROWS):
        rows = slice(i, i + QUANTIZE_ROWS)
        rounded[rows] = (weight[rows].float() / scales[rows, None]).round_().to(torch.int8)
    zeros = torch.zeros(len(weight), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces that quantised tensors will move to another package
        quantised = torch._make_per_channel_quantized_tensor(rounded, scales.double(), zeros, 0)
        return Ops.quantized.linear_prepack(quantised, None)


def _int8_matmul(x: torch.Tensor, packed: Any, reduce_range: bool) -> torch.Tensor:
    y: torch.Tensor = Ops.quantized.linear_dynamic(x, packed, reduce_range)
    return y


@cache
def _needs_reduced_range() -> bool:
    """Whether this processor adds pairs of products in 16 bits: inputs must then keep to 7 bits.

    All values at their largest, so that a sum that does not fit shows.
    """
    ones = torch.ones(16, 64)
    return bool((_int8_matmul(ones, _quantize(ones), False) - 64).abs().max() > 0.5)
