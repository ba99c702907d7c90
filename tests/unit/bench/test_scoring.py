"""Word errors, delays and erasure, in cases that can be counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.bench.scoring import DisplayState, TimedWord, align, common_prefix_length, delays, erasure, percentile
from tests.support.drawing import PROPERTY

WORDS = st.lists(st.sampled_from("abcd"), max_size=9)


def state(at: float, text: str) -> DisplayState:
    """Settled words are before the bar."""
    settled, _, rest = text.partition("|")
    return DisplayState(at, (*settled.split(), *rest.split()), len(settled.split()))


def spoken(text: str) -> list[TimedWord]:
    """One word per second."""
    return [TimedWord(word, i + 0.5, i + 1.0) for i, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors", "expected"),
    [
        ("", "", 0, []),
        ("a b c", "a b c", 0, [(0, 0), (1, 1), (2, 2)]),
        ("a b c", "", 3, []),
        ("", "a b", 2, []),
        ("a b c d", "a x c d", 1, [(0, 0), (2, 2), (3, 3)]),
        ("a b c d", "a c d", 1, [(0, 0), (2, 1), (3, 2)]),
        ("a b c", "x a b c y", 2, [(0, 1), (1, 2), (2, 3)]),
        ("the the cat", "the cat", 1, None),
    ],
)
def test_align(reference: str, hypothesis: str, errors: int, expected: list[tuple[int, int]] | None) -> None:
    """Substituted, missing and added words count one each; correct words are paired."""
    pairs, count = align(reference.split(), hypothesis.split())
    assert count == errors
    assert expected is None or pairs == expected


@PROPERTY
@given(WORDS, WORDS)
def test_any_alignment(reference: list[str], hypothesis: list[str]) -> None:
    """The distance is that of a plain recursion and symmetric; pairs are equal words in order."""

    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        result = memo.get((i, j))
        if result is None:
            replaced = distance(i - 1, j - 1) + (reference[i - 1] != hypothesis[j - 1])
            result = memo[i, j] = min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, replaced)
        return result

    memo: dict[tuple[int, int], int] = {}
    pairs, errors = align(reference, hypothesis)
    assert errors == distance(len(reference), len(hypothesis)) == align(hypothesis, reference)[1]
    assert all(reference[i] == hypothesis[j] for i, j in pairs)
    assert pairs == sorted(set(pairs))
    assert len(pairs) >= max(len(reference), len(hypothesis)) - errors


def test_delays() -> None:
    """The delay of a word ends when it is shown for good, or when it is settled."""
    states = [
        state(1.5, "|good"),
        state(2.5, "|good mourning"),
        state(3.0, "good|morning"),
        state(4.0, "good morning|"),
    ]
    reference = spoken("good morning")
    assert delays(states, reference, settled=False) == [0.5, 1.0]
    assert delays(states, reference, settled=True) == [2.0, 2.0]


def test_withdrawn_and_shown_again() -> None:
    """For a word that disappeared, its return counts; a word that only moved was shown all the time."""
    reference = spoken("we can go")
    states = [state(1, "|we can"), state(2, "|we"), state(3, "|we can go")]
    assert delays(states, reference, settled=False) == [0.0, 1.0, 0.0]
    moved = [state(1, "|can go"), state(2, "|we can go")]
    assert delays(moved, reference, settled=False) == [1.0, -1.0, -2.0]


def test_wrong_words_have_no_delay() -> None:
    """Only correct words have a delay."""
    assert delays([state(9, "one too three|")], spoken("one two three"), settled=True) == [8.0, 6.0]
    assert delays([], spoken("one"), settled=False) == []


def test_erasure() -> None:
    """A withdrawn word counts with all words after it; added words do not."""
    assert erasure([state(1, "|a"), state(2, "a|b"), state(3, "a b c|")]) == 0
    assert erasure([state(1, "|a b c"), state(2, "|a x c"), state(3, "a x c d|")]) == 2 / 4
    assert erasure([]) == 0


def test_percentile() -> None:
    """Of no values there is no percentile."""
    assert percentile([], 0.5) is None
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(range(100), 0.95) == 95


@PROPERTY
@given(WORDS, WORDS, WORDS)
def test_common_prefix(start: list[str], a: list[str], b: list[str]) -> None:
    """The result is the longest common prefix."""
    n = common_prefix_length(start + a, start + b)
    assert n >= len(start)
    assert (start + a)[:n] == (start + b)[:n]
    assert n in {len(start + a), len(start + b)} or (start + a)[n] != (start + b)[n]
