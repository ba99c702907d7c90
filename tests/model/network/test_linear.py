"""Linear layers in several number formats, compared with float32."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import linear

from streamstt.whisper.network.linear import Int8Linear, Precision, make_linear
from tests.support.drawing import PROPERTY

FLOATS = [torch.float32, torch.bfloat16, torch.float16]
WEIGHT_STEP = 1 / 127  # of the largest weight of an output
INPUT_STEP = 2 / 127  # of the largest input of a row: 7 bits with sign, as every CPU can


def rows_of(n: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def bound(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The largest error of each output, shape (n, outputs), when each row of inputs has its own scale.

    A weight is off by half a step at most, an input by one (half of it is the zero point's).
    """
    dx = INPUT_STEP * x.abs().amax(dim=1, keepdim=True)  # (n, 1)
    dw = 0.5 * WEIGHT_STEP * weight.abs().amax(dim=1)  # (outputs,)
    error = x.abs().sum(dim=1, keepdim=True) * dw + dx * weight.abs().sum(dim=1) + x.shape[1] * dx * dw
    return error * 1.01 + 1e-4


@settings(PROPERTY, max_examples=100)
@given(
    n=st.integers(1, 6),
    inputs=st.integers(1, 70),
    outputs=st.integers(1, 40),
    sizes=st.lists(st.sampled_from([0.0, 1e-3, 1.0, 300.0]), min_size=6, max_size=6),
    seed=st.integers(0, 10_000),
)
def test_error_is_that_of_rounding(n: int, inputs: int, outputs: int, sizes: list[float], seed: int) -> None:
    """In int8 the error of each row is bounded by its own size, whatever the other rows are."""
    x = rows_of(n, inputs, seed) * torch.tensor(sizes[:n])[:, None]
    weight, bias = rows_of(outputs, inputs, seed + 1), rows_of(1, outputs, seed + 2)[0]
    y = Int8Linear(weight, bias)(x)
    assert y.shape == (n, outputs)
    assert y.dtype == torch.float32
    assert bool(((y - linear(x, weight, bias)).abs() <= bound(x, weight)).all())


def test_usual_error() -> None:
    """On values as in a model, the error of int8 is a few percent."""
    x, weight, bias = rows_of(50, 512), rows_of(256, 512, 1), rows_of(1, 256, 2)[0]
    exact = linear(x, weight, bias)
    error = (Int8Linear(weight, bias)(x) - exact).square().mean().sqrt()
    assert float(error / exact.std()) < 0.04


@pytest.mark.parametrize("factor", [100.0, 1e4, 1e6])
def test_one_huge_row(factor: float) -> None:
    """A row that is far larger than the others does not reduce their accuracy."""
    x, weight = rows_of(8, 256), rows_of(64, 256, 1)
    exact, alone = linear(x, weight), Int8Linear(weight, None)(x)
    x[3] *= factor
    together = Int8Linear(weight, None)(x)
    others = [i for i in range(8) if i != 3]
    usual = (alone - exact)[others].square().mean().sqrt()
    assert float((together - exact)[others].square().mean().sqrt()) < 2 * float(usual)
    assert float((together[3] / factor - exact[3]).square().mean().sqrt()) < 2 * float(usual)


@settings(PROPERTY)
@given(n=st.integers(2, 8), at=st.integers(0, 7), seed=st.integers(0, 10_000))
def test_one_row_matches_many(n: int, at: int, seed: int) -> None:
    """A row alone gives the same as within a batch, up to rounding."""
    x, weight, bias = rows_of(n, 128, seed), rows_of(32, 128, seed + 1), rows_of(1, 32, seed + 2)[0]
    quantized, at = Int8Linear(weight, bias), at % n
    alone, inside = quantized(x[at : at + 1])[0], quantized(x)[at]
    assert float((alone - inside).square().mean().sqrt()) < 0.05 * float(linear(x, weight).std())


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8])
def test_rows_of_zeros(precision: Precision, n: int) -> None:
    """A row of zeros gives the bias: alone, among others like it, and beside a huge one."""
    weight, bias = rows_of(16, 64), rows_of(1, 16, 1)[0].bfloat16().float()
    product = make_linear(weight, bias, precision)
    assert torch.equal(product(torch.zeros(n, 64)).float(), bias.expand(n, 16))
    beside = torch.cat([torch.zeros(n, 64), 1000 * torch.ones(1, 64)])
    assert torch.equal(product(beside)[:n].float(), bias.expand(n, 16))


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8])
def test_weights_of_zero(precision: Precision) -> None:
    """An output whose weights are all zero is its bias."""
    weight, bias = rows_of(4, 32), torch.tensor([1.0, 2.0, 3.0, 4.0])
    weight[2] = 0
    assert make_linear(weight, bias, precision)(rows_of(5, 32, 1))[:, 2].tolist() == [3.0] * 5


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("given", FLOATS, ids=str)
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8])
def test_any_float_type(precision: Precision, given: torch.dtype, n: int) -> None:
    """Each format accepts any float dtype, returns its own, and is close to float32; the bias may be None."""
    x, weight = rows_of(n, 64), rows_of(16, 64, 1)
    before = weight.clone()
    y = make_linear(weight, None, precision)(x.to(given))
    assert y.dtype == (torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32)
    assert float((y.float() - linear(x, weight)).abs().max()) < 0.05 * 64**0.5 * 2
    assert torch.equal(weight, before)


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8])
def test_inputs_stay(precision: Precision) -> None:
    """Neither inputs nor bias are modified, however often the layer is called."""
    x, weight, bias = rows_of(1, 32), rows_of(8, 32, 1), rows_of(1, 8, 2)[0]
    kept = x.clone(), bias.clone()
    product = make_linear(weight, bias, precision)
    assert torch.equal(product(x), product(x))
    assert torch.equal(x, kept[0])
    assert torch.equal(bias, kept[1])


@pytest.mark.parametrize("stored", FLOATS, ids=str)
def test_stored_weights(stored: torch.dtype) -> None:
    """Weights and biases of any float dtype can be quantized to int8."""
    x, weight, bias = rows_of(3, 64), rows_of(16, 64, 1).to(stored), rows_of(1, 16, 2)[0].to(stored)
    y = make_linear(weight, bias, Precision.INT8)(x)
    assert bool(((y - linear(x, weight.float(), bias.float())).abs() <= bound(x, weight.float())).all())
