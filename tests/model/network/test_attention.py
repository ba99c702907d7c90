"""Attention against its formula."""

import pytest
import torch

from streamstt.whisper.network.attention import attend, attend_cross, attend_full

HEADS, SIZE = 3, 16


def plain(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    scores = q @ k.transpose(1, 2) / SIZE**0.5 + (0 if bias is None else bias)
    return scores.softmax(-1) @ v


def some(queries: int, keys: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(HEADS, n, SIZE, generator=draw) for n in (queries, keys, keys))
    return q, k, v


BIASES = [None, torch.linspace(-3, 3, 40), torch.zeros(40).index_fill(0, torch.arange(30), -torch.inf)]


@pytest.mark.parametrize("bias", BIASES, ids=["none", "some", "hidden"])
def test_attention(bias: torch.Tensor | None) -> None:
    """Both ways, and in 16 bits nearly, give what the formula gives; scores are not added to the bias for good."""
    q, k, v = some(7, 40)
    kept = None if bias is None else bias.clone()
    expected = plain(q, k, v, bias)
    few, weights = attend(q * SIZE**-0.5, k, v, bias)
    assert (few - expected).abs().max() < 1e-5
    assert torch.allclose(weights.sum(-1), torch.ones(HEADS, 7))
    assert (attend_full(q, k, v, bias, use_bf16=False) - expected).abs().max() < 1e-5
    halved = attend_full(q, k, v, bias, use_bf16=True)
    assert halved.dtype == q.dtype
    assert (halved - expected).abs().max() < 0.03
    assert kept is None or torch.equal(bias, kept)


@pytest.mark.parametrize("queries", [1, 5])
def test_far_attention(queries: int) -> None:
    """One query and several see what the formula gives."""
    q, k, v = some(queries, 40)
    bias = torch.linspace(-3, 3, 40)
    seen, weights = attend_cross(q * SIZE**-0.5, k, v.transpose(1, 2).contiguous(), bias)
    assert (seen - plain(q, k, v, bias)).abs().max() < 1e-5
    assert weights.shape == (HEADS, queries, 40)
    assert torch.allclose(weights.sum(-1), torch.ones(HEADS, queries))


@pytest.mark.parametrize("shift", [-200.0, 0.0, 200.0])
def test_scores_of_any_size(shift: float) -> None:
    """Nothing depends on a number that is added to all scores."""
    q, k, v = some(7, 40)
    bias = torch.full((40,), shift)
    halved = attend_full(q, k, v, bias, use_bf16=True)
    assert (halved - plain(q, k, v, None)).abs().max() < 0.03
