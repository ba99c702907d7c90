"""A decoder that repeats itself, and a speaker who does."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from streamstt.whisper.decoding.repetition import (
    MAX_PERIOD,
    MIN_POSITIONS_PER_TOKEN,
    SHORT_PERIOD,
    repeated_suffix_length,
)
from tests.support.drawing import PROPERTY

FRAMES = 1500
HEADS = 3


def attention_at(positions: list[int]) -> torch.Tensor:
    """Attention of tokens that are spoken at these positions, shape (HEADS, n, FRAMES)."""
    at = torch.tensor(positions, dtype=torch.float32)[:, None]  # (n, 1)
    near = torch.softmax(-((torch.arange(FRAMES) - at) ** 2) / 8, dim=-1)  # (n, FRAMES)
    return near.expand(HEADS, -1, -1)


def paced(count: int, pace: int = 10, start: int = 20) -> list[int]:
    """Positions of tokens that are spoken at a constant pace."""
    return [start + i * pace for i in range(count)]


def times(period: int) -> int:
    """How often a phrase of this length must occur."""
    return 3 if period <= SHORT_PERIOD else 2


@pytest.mark.parametrize("period", range(1, MAX_PERIOD + 1))
def test_a_loop(period: int) -> None:
    """Tokens that repeat while attention stays are a loop; all of them are removed after other text."""
    tokens = [*range(100, 110), *list(range(period)) * times(period)]
    positions = paced(10) + [200] * period * times(period)
    assert repeated_suffix_length(tokens, attention_at(positions)) == period * times(period)


@pytest.mark.parametrize("period", range(1, MAX_PERIOD + 1))
def test_nothing_but_a_loop(period: int) -> None:
    """A text that begins with the repeated phrase keeps it once."""
    tokens = list(range(period)) * times(period)
    assert repeated_suffix_length(tokens, attention_at([200] * len(tokens))) == period * (times(period) - 1)


@pytest.mark.parametrize("period", range(1, MAX_PERIOD + 1))
def test_a_loop_that_starts_over(period: int) -> None:
    """Attention that moves over the same audio again is a loop too."""
    tokens = list(range(period)) * times(period)
    assert repeated_suffix_length(tokens, attention_at(paced(period) * times(period))) == period * (times(period) - 1)


@pytest.mark.parametrize("period", range(1, MAX_PERIOD + 1))
@pytest.mark.parametrize("pace", [MIN_POSITIONS_PER_TOKEN + 1, 10, 25])
def test_a_speaker(period: int, pace: int) -> None:
    """A speaker who repeats words takes time for it: no loop."""
    tokens = list(range(period)) * times(period)
    assert repeated_suffix_length(tokens, attention_at(paced(len(tokens), pace))) == 0


def test_words_words_words() -> None:
    """One word three or ten times is text while each has its own position, and a loop otherwise."""
    assert repeated_suffix_length([7] * 3, attention_at(paced(3, 15))) == 0
    assert repeated_suffix_length([7] * 10, attention_at(paced(10, 15))) == 0
    assert repeated_suffix_length([7] * 6, attention_at([*paced(3, 15), 50, 50, 50])) > 0


@pytest.mark.parametrize("period", range(1, SHORT_PERIOD + 1))
def test_twice_is_not_enough(period: int) -> None:
    """A short phrase that occurs twice is no loop, wherever attention is: people do say "no, no"."""
    tokens = [50, 51, *list(range(period)) * 2]
    assert repeated_suffix_length(tokens, attention_at([20, 30] + [40] * 2 * period)) == 0


def test_only_the_end_counts() -> None:
    """A repetition that is followed by something else is not removed."""
    tokens = [1, 2, 3, 4, 1, 2, 3, 4, 9]
    assert repeated_suffix_length(tokens[:-1], attention_at([50] * 8)) == 4
    assert repeated_suffix_length(tokens, attention_at([50] * 9)) == 0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_text(count: int) -> None:
    """A text of at most two tokens is no loop."""
    assert repeated_suffix_length([1] * count, attention_at([30] * count)) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_attention_in_16_bits(dtype: torch.dtype) -> None:
    """Attention in 16 bits gives the same result."""
    tokens = [1, 2, 3, 4] * 2
    assert repeated_suffix_length(tokens, attention_at([50] * 8).to(dtype)) == 4
    assert repeated_suffix_length(tokens, attention_at(paced(8)).to(dtype)) == 0


# ---- properties


@settings(PROPERTY, max_examples=100)
@given(st.lists(st.integers(0, 50_000), max_size=60, unique=True), st.integers(0, 999))
def test_text_without_repetition(tokens: list[int], seed: int) -> None:
    """Tokens that all differ are no loop, whatever attention does."""
    attention = torch.rand(HEADS, len(tokens) + 1, 100, generator=torch.Generator().manual_seed(seed))
    assert repeated_suffix_length(tokens, attention) == 0


@st.composite
def repetitions(draw: st.DrawFn) -> tuple[list[int], int, int]:
    """A text that ends in a repeated phrase: the tokens, the length of the phrase, and how often it occurs."""
    before = draw(st.lists(st.integers(1000, 2000), max_size=10, unique=True))
    period = draw(st.integers(1, MAX_PERIOD))
    count = draw(st.integers(times(period), 4))
    return [*before, *list(range(period)) * count], period, count


@settings(PROPERTY, max_examples=100)
@given(repetitions(), st.data())
def test_any_spoken_repetition(text: tuple[list[int], int, int], data: st.DataObject) -> None:
    """Whatever is repeated, however fast it is spoken: while attention moves on, nothing is removed."""
    tokens, _, _ = text
    paces = data.draw(
        st.lists(st.integers(MIN_POSITIONS_PER_TOKEN + 1, 14), min_size=len(tokens), max_size=len(tokens))
    )
    positions = [20 + sum(paces[:i]) for i in range(len(tokens))]
    assert repeated_suffix_length(tokens, attention_at(positions)) == 0


@settings(PROPERTY, max_examples=100)
@given(repetitions(), st.data(), st.booleans())
def test_any_loop(text: tuple[list[int], int, int], data: st.DataObject, more: bool) -> None:
    """Whatever is repeated: while attention hardly moves it is removed, but never all of the text.

    The attention of the next token, if it is given, changes nothing.
    """
    tokens, period, count = text
    first = len(tokens) - period * count
    jitter = data.draw(st.lists(st.integers(-1, 1), min_size=period * count, max_size=period * count))
    positions = paced(first) + [20 + 10 * first + j for j in jitter]
    extra = repeated_suffix_length(tokens, attention_at(positions + [900] * more))
    assert extra > 0
    assert extra % period == 0
    assert extra < len(tokens)
    assert extra <= period * count
