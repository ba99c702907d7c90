"""Token times, compared with brute force."""

from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from streamstt.whisper.decoding.alignment import MEDIAN_WIDTH, attention_share_after, attention_weights, token_starts
from tests.support.drawing import PROPERTY

Matrix = npt.NDArray[np.float32]


def score(weights: Matrix, starts: list[int]) -> float:
    """Total weight of a path that stays at token i from its start to the next token's."""
    edges = [*starts, weights.shape[1]]
    return sum(float(weights[i, a:b].sum(dtype=np.float64)) for i, (a, b) in enumerate(pairwise(edges)))


def best_starts(weights: Matrix) -> list[int]:
    n_tokens, n_frames = weights.shape
    paths = [[0, *rest] for rest in combinations(range(1, n_frames), n_tokens - 1)]
    return max(paths, key=lambda path: score(weights, path))


@settings(PROPERTY, max_examples=200)
@given(st.integers(1, 4), st.integers(0, 8), st.integers(0, 10_000))
def test_matches_brute_force(n_tokens: int, more: int, seed: int) -> None:
    """The starts are those of the best of all paths that visit every token in order."""
    weights = np.random.default_rng(seed).normal(size=(n_tokens, n_tokens + more)).astype(np.float32)
    assert token_starts(weights).tolist() == best_starts(weights)


def test_a_clear_diagonal() -> None:
    """Tokens that attend to separate ranges begin where these begin."""
    weights = np.zeros((3, 10), dtype=np.float32)
    weights[0, :4] = weights[1, 4:5] = weights[2, 5:] = 1
    assert token_starts(weights).tolist() == [0, 4, 5]


def test_every_token_has_a_frame() -> None:
    """A token without attention still gets one frame: starts increase."""
    weights = np.zeros((4, 9), dtype=np.float32)
    weights[0] = 5
    starts = token_starts(weights).tolist()
    assert starts == sorted(set(starts))
    assert starts == [0, 6, 7, 8]


@pytest.mark.parametrize(("n_tokens", "n_frames"), [(5, 3), (2, 1), (3, 0)])
def test_more_tokens_than_frames(n_tokens: int, n_frames: int) -> None:
    """Without a path, tokens are spread evenly over the frames there are, in order."""
    starts = token_starts(np.ones((n_tokens, n_frames), dtype=np.float32)).tolist()
    assert len(starts) == n_tokens
    assert starts == sorted(starts)
    assert starts[0] == 0
    assert starts[-1] == max(n_frames - 1, 0)


def plain_weights(heads: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Whisper's normalization and median filter, in a slow and obvious version."""
    n_heads, n_tokens, n_frames = heads.shape
    half = MEDIAN_WIDTH // 2
    total = np.zeros((n_tokens, n_frames))
    for head in heads:
        normal = (head - head.mean(axis=0)) / head.std(axis=0)
        for token in range(n_tokens):
            padded = np.pad(normal[token], half, mode="reflect")
            total[token] += [np.median(padded[t : t + MEDIAN_WIDTH]) for t in range(n_frames)]
    return total / n_heads


@pytest.mark.parametrize("shape", [(1, 2, 4), (3, 5, 30), (6, 2, 101)])
def test_attention_weights(shape: tuple[int, int, int]) -> None:
    """Attention is normalized over tokens, smoothed over time, and averaged over heads."""
    raw = torch.from_numpy(np.random.default_rng(0).normal(size=shape)).softmax(-1)
    weights = attention_weights(raw)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, plain_weights(raw.numpy()), atol=1e-3)


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_very_short_audio(n_frames: int) -> None:
    """Audio shorter than the filter is not smoothed; the weights are finite."""
    weights = attention_weights(torch.ones(2, 3, n_frames) / n_frames)
    assert weights.shape == (3, n_frames)
    assert np.isfinite(weights).all()


def test_half_precision() -> None:
    """Attention in 16 bits is processed in float32."""
    raw = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 20))).softmax(-1)
    coarse = attention_weights(raw.to(torch.bfloat16))
    assert coarse.dtype == np.float32
    np.testing.assert_allclose(coarse, attention_weights(raw), atol=0.2)


def test_share_after() -> None:
    """The mean of the heads counts, and frames after the end do not."""
    heads = torch.tensor([[0.2, 0.0, 0.1, 0.7], [0.2, 0.2, 0.1, 0.5]])
    assert attention_share_after(heads, 2, 3) == pytest.approx(0.1 / 0.4)
    assert attention_share_after(heads, 0, 3) == pytest.approx(1)
    assert attention_share_after(torch.zeros(2, 4), 2, 3) == 0
