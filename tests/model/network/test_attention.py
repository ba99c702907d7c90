"""Attention, compared with its formula."""

import pytest
import torch

from streamstt.whisper.network.attention import attend, attend_cross, attend_full

HEADS, SIZE = 3, 16


def formula(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    scores = q @ k.transpose(1, 2) / SIZE**0.5 + (0 if bias is None else bias)
    return scores.softmax(-1) @ v


def random_qkv(queries: int, keys: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(HEADS, n, SIZE, generator=generator) for n in (queries, keys, keys))
    return q, k, v


BIASES = [None, torch.linspace(-3, 3, 40), torch.zeros(40).index_fill(0, torch.arange(30), -torch.inf)]


@pytest.mark.parametrize("bias", BIASES, ids=["none", "some", "hidden"])
def test_attention(bias: torch.Tensor | None) -> None:
    """Both functions match the formula, in bfloat16 nearly, and leave the bias as it was."""
    q, k, v = random_qkv(7, 40)
    kept = None if bias is None else bias.clone()
    expected = formula(q, k, v, bias)
    few, weights = attend(q * SIZE**-0.5, k, v, bias)
    assert (few - expected).abs().max() < 1e-5
    assert torch.allclose(weights.sum(-1), torch.ones(HEADS, 7))
    assert (attend_full(q, k, v, bias, use_bf16=False) - expected).abs().max() < 1e-5
    in_bf16 = attend_full(q, k, v, bias, use_bf16=True)
    assert in_bf16.dtype == q.dtype
    assert (in_bf16 - expected).abs().max() < 0.03
    assert kept is None or torch.equal(bias, kept)


@pytest.mark.parametrize("queries", [1, 5])
def test_cross_attention(queries: int) -> None:
    """One query and several match the formula."""
    q, k, v = random_qkv(queries, 40)
    bias = torch.linspace(-3, 3, 40)
    output, weights = attend_cross(q * SIZE**-0.5, k, v.transpose(1, 2).contiguous(), bias)
    assert (output - formula(q, k, v, bias)).abs().max() < 1e-5
    assert weights.shape == (HEADS, queries, 40)
    assert torch.allclose(weights.sum(-1), torch.ones(HEADS, queries))


@pytest.mark.parametrize("shift", [-200.0, 0.0, 200.0])
def test_scores_of_any_size(shift: float) -> None:
    """A constant that is added to all scores changes nothing."""
    q, k, v = random_qkv(7, 40)
    bias = torch.full((40,), shift)
    in_bf16 = attend_full(q, k, v, bias, use_bf16=True)
    assert (in_bf16 - formula(q, k, v, None)).abs().max() < 0.03
