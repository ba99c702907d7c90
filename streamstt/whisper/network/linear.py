"""Linear layers in several number formats. A Whisper spends nearly all its time in them.

Which format to use is measured for each part of the model in ``precision.py``.
"""

import warnings
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any

import torch
from torch.nn.functional import linear

Linear = Callable[[torch.Tensor], torch.Tensor]
"""Maps (n, inputs) of any float dtype to (n, outputs) of its own."""

Ops: Any = torch.ops

QUANTIZE_ROWS = 4096  # rows of a weight rounded at a time: a whole vocabulary in float32 takes 100 MB and more


class Precision(StrEnum):
    """Number formats of weights and of products with them."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    INT8 = "int8"  # weights quantized per output channel, inputs dynamically; CPU only


def make_linear(weight: torch.Tensor, bias: torch.Tensor | None, precision: Precision) -> Linear:
    """Builds a linear layer.

    Args:
        weight: Shape (outputs, inputs).
        bias: Shape (outputs,), or None.
        precision: Number format.

    Raises:
        RuntimeError: torch does not support the format on this machine.
    """
    if precision is Precision.INT8:
        return Int8Linear(weight, None if bias is None else bias.float())
    return FloatLinear(weight, bias, getattr(torch, precision.value))


class FloatLinear:
    """A linear layer in one floating-point type."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype) -> None:
        self._weight = weight.to(dtype).contiguous()
        self._bias = None if bias is None else bias.to(dtype)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (n, inputs) to (n, outputs)."""
        return linear(x.to(self._weight.dtype), self._weight, self._bias)


class Int8Linear:
    """A linear layer with products of 8-bit integers, summed in 32 bits.

    Every input row has its own scale: it is divided by its maximum first. torch's operator has one scale for all rows,
    and a few tokens of a Whisper are a hundred times larger than the rest, which would be left with 2 bits.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self._packed = _quantize(weight)
        self._bias = torch.zeros(len(weight)) if bias is None else bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (n, inputs) to (n, outputs), float32."""
        if len(x) == 1:
            return _int8_matmul(x.float(), self._packed, _needs_reduced_range()).add_(self._bias)
        scales = x.abs().amax(dim=1, keepdim=True).float().clamp_(min=1e-8)  # (n, 1)
        y = _int8_matmul(x / scales, self._packed, _needs_reduced_range())  # (n, outputs)
        return torch.addcmul(self._bias, y, scales, out=y)  # in place: a row over the vocabulary takes megabytes


def _quantize(weight: torch.Tensor) -> Any:
    scales = torch.maximum(weight.amax(dim=1), -weight.amin(dim=1)).float().clamp_(min=1e-8) / 127  # (outputs,)
    rounded = torch.empty(weight.shape, dtype=torch.int8)
    for i in range(0, len(weight), QUANTIZE_ROWS):
        rows = slice(i, i + QUANTIZE_ROWS)
        rounded[rows] = (weight[rows].float() / scales[rows, None]).round_().to(torch.int8)
    zeros = torch.zeros(len(weight), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces that quantized tensors will move to another package
        quantized = torch._make_per_channel_quantized_tensor(rounded, scales.double(), zeros, 0)
        del rounded  # the next line makes another copy
        return Ops.quantized.linear_prepack(quantized, None)


def _int8_matmul(x: torch.Tensor, packed: Any, reduce_range: bool) -> torch.Tensor:
    y: torch.Tensor = Ops.quantized.linear_dynamic(x, packed, reduce_range)
    return y


@cache
def _needs_reduced_range() -> bool:
    """Returns whether this CPU sums pairs of 8-bit products in 16 bits, so that inputs must be limited to 7 bits.

    Multiplies the largest values: an overflow then shows in the result.
    """
    ones = torch.ones(16, 64)
    return bool((_int8_matmul(ones, _quantize(ones), False) - 64).abs().max() > 0.5)
