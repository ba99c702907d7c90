"""A model that repeats itself, and a speaker who does."""

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


def looks(places: list[int]) -> torch.Tensor:
    """Attention of tokens that are heard at these positions, shape (HEADS, n, FRAMES)."""
    at = torch.tensor(places, dtype=torch.float32)[:, None]  # (n, 1)
    near = torch.softmax(-((torch.arange(FRAMES) - at) ** 2) / 8, dim=-1)  # (n, FRAMES)
    return near.expand(HEADS, -1, -1)


def paced(count: int, pace: int = 10, start: int = 20) -> list[int]:
    """Positions of tokens that are said one after the other."""
    return [start + i * pace for i in range(count)]


def times(size: int) -> int:
    """How often so many tokens come in a loop."""
    return 3 if size <= SHORT_PERIOD else 2


@pytest.mark.parametrize("size", range(1, MAX_PERIOD + 1))
def test_a_loop(size: int) -> None:
    """Tokens that come again while attention stays are a loop; its length is that of the repetition."""
    tokens = [*range(100, 110), *range(size)] + list(range(size)) * (times(size) - 1)
    places = paced(10) + [200] * size * times(size)
    assert repeated_suffix_length(tokens, looks(places)) == size * (times(size) - 1)


@pytest.mark.parametrize("size", range(1, MAX_PERIOD + 1))
def test_a_loop_that_starts_over(size: int) -> None:
    """Attention that goes the same way again hears nothing new."""
    tokens = list(range(size)) * times(size)
    assert repeated_suffix_length(tokens, looks(paced(size) * times(size))) == size * (times(size) - 1)


@pytest.mark.parametrize("size", range(1, MAX_PERIOD + 1))
@pytest.mark.parametrize("pace", [MIN_POSITIONS_PER_TOKEN + 1, 10, 25])
def test_a_speaker(size: int, pace: int) -> None:
    """Who says the same words again takes time for it: that is no loop."""
    tokens = list(range(size)) * times(size)
    assert repeated_suffix_length(tokens, looks(paced(len(tokens), pace))) == 0


def test_words_words_words() -> None:
    """One word said three times, or ten, is text while each is heard at its own place, and no longer."""
    assert repeated_suffix_length([7] * 3, looks(paced(3, 15))) == 0
    assert repeated_suffix_length([7] * 10, looks(paced(10, 15))) == 0
    assert repeated_suffix_length([7] * 6, looks([*paced(3, 15), 50, 50, 50])) > 0


@pytest.mark.parametrize("size", range(1, SHORT_PERIOD + 1))
def test_twice_is_not_enough(size: int) -> None:
    """A few tokens that come twice are no loop, wherever attention is: people do say "no, no"."""
    tokens = [50, 51, *list(range(size)) * 2]
    assert repeated_suffix_length(tokens, looks([20, 30] + [40] * 2 * size)) == 0


def test_only_the_end_counts() -> None:
    """What was repeated before, and was followed by something else, is not taken back."""
    tokens = [1, 2, 3, 4, 1, 2, 3, 4, 9]
    assert repeated_suffix_length(tokens[:-1], looks([50] * 8)) == 4
    assert repeated_suffix_length(tokens, looks([50] * 9)) == 0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_text(count: int) -> None:
    """A text of no or few tokens is no loop."""
    assert repeated_suffix_length([1] * count, looks([30] * count)) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_coarse_numbers(dtype: torch.dtype) -> None:
    """Attention in a coarse number format tells the same."""
    tokens = [1, 2, 3, 4] * 2
    assert repeated_suffix_length(tokens, looks([50] * 8).to(dtype)) == 4
    assert repeated_suffix_length(tokens, looks(paced(8)).to(dtype)) == 0


# ---- properties


@settings(PROPERTY, max_examples=100)
@given(st.lists(st.integers(0, 50_000), max_size=60, unique=True), st.integers(0, 999))
def test_text_without_repetition(tokens: list[int], seed: int) -> None:
    """Tokens that are all different are no loop, whatever attention does."""
    attention = torch.rand(HEADS, len(tokens) + 1, 100, generator=torch.Generator().manual_seed(seed))
    assert repeated_suffix_length(tokens, attention) == 0


@st.composite
def repetitions(draw: st.DrawFn) -> tuple[list[int], int, int]:
    """A text that ends in a phrase said several times: the tokens, the phrase's length, and how often it comes."""
    before = draw(st.lists(st.integers(1000, 2000), max_size=10, unique=True))
    size = draw(st.integers(1, MAX_PERIOD))
    count = draw(st.integers(times(size), 4))
    return [*before, *list(range(size)) * count], size, count


@settings(PROPERTY, max_examples=100)
@given(repetitions(), st.data())
def test_any_honest_repetition(text: tuple[list[int], int, int], data: st.DataObject) -> None:
    """Whatever is repeated, however fast it is said: while attention moves on it is not cut."""
    tokens, _, _ = text
    paces = data.draw(
        st.lists(st.integers(MIN_POSITIONS_PER_TOKEN + 1, 14), min_size=len(tokens), max_size=len(tokens))
    )
    places = [20 + sum(paces[:i]) for i in range(len(tokens))]
    assert repeated_suffix_length(tokens, looks(places)) == 0


@settings(PROPERTY, max_examples=100)
@given(repetitions(), st.data(), st.booleans())
def test_any_loop(text: tuple[list[int], int, int], data: st.DataObject, more: bool) -> None:
    """Whatever is repeated: while attention stays about where it was it is cut, and one saying of it is left at least.

    The attention of the token that would come next, if it is known already, changes nothing.
    """
    tokens, size, count = text
    first = len(tokens) - size * count
    jitter = data.draw(st.lists(st.integers(-1, 1), min_size=size * count, max_size=size * count))
    places = paced(first) + [20 + 10 * first + j for j in jitter]
    extra = repeated_suffix_length(tokens, looks(places + [900] * more))
    assert extra > 0
    assert extra % size == 0
    assert extra <= size * (count - 1)
