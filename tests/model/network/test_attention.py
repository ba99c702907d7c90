"""Attention, compared with its formula."""

import pytest
import torch

from streamstt.whisper.network.attention import attend, attend_full

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
def test_attention_of_many_queries(bias: torch.Tensor | None) -> None:
    """The function matches the formula, in bfloat16 nearly, and leaves the bias as it was."""
    q, k, v = random_qkv(7, 40)
    kept = None if bias is None else bias.clone()
    expected = formula(q, k, v, bias)
    assert (attend_full(q, k, v, bias, use_bf16=False) - expected).abs().max() < 1e-5
    in_bf16 = attend_full(q, k, v, bias, use_bf16=True)
    assert in_bf16.dtype == q.dtype
    assert (in_bf16 - expected).abs().max() < 0.03
    assert kept is None or torch.equal(bias, kept)


@pytest.mark.parametrize("per_query", [False, True])
@pytest.mark.parametrize("queries", [1, 5])
def test_attention_of_few_queries(queries: int, per_query: bool) -> None:
    """One query and several match the formula, with a bias for all of them or one for each, which stays as it was."""
    q, k, v = random_qkv(queries, 40)
    bias = torch.linspace(-3, 3, 40 * queries).view(queries, 40) if per_query else torch.linspace(-3, 3, 40)
    kept = bias.clone()
    output, weights = attend(q, k, v, bias)
    assert (output - formula(q, k, v, bias)).abs().max() < 1e-5
    assert weights.shape == (HEADS, queries, 40)
    assert torch.allclose(weights.sum(-1), torch.ones(HEADS, queries))
    assert torch.equal(bias, kept)


@pytest.mark.parametrize("shift", [-200.0, 0.0, 200.0])
def test_scores_of_any_size(shift: float) -> None:
    """A constant that is added to all scores changes nothing."""
    q, k, v = random_qkv(7, 40)
    bias = torch.full((40,), shift)
    for keys, values in ((k, v), (k.bfloat16(), v.bfloat16())):
        in_bf16 = attend_full(q, keys, values, bias, use_bf16=True)
        assert (in_bf16 - formula(q, k, v, None)).abs().max() < 0.03
