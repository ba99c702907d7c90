"""Word errors, delays and erasure, on cases that can be counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.bench.scoring import DisplayState, TimedWord, align, common_prefix_length, delays, erasure, percentile
from tests.support.drawing import PROPERTY

WORDS = st.lists(st.sampled_from("abcd"), max_size=9)


def screen(at: float, text: str) -> DisplayState:
    """Words that are settled stand before the bar."""
    settled, _, rest = text.partition("|")
    return DisplayState(at, (*settled.split(), *rest.split()), len(settled.split()))


def spoken(text: str) -> list[TimedWord]:
    """A word a second."""
    return [TimedWord(word, i + 1.0) for i, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("reference", "heard", "errors", "right"),
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
def test_align(reference: str, heard: str, errors: int, right: list[tuple[int, int]] | None) -> None:
    """Substituted, missing and added words count one each; what was heard right is paired."""
    pairs, count = align(reference.split(), heard.split())
    assert count == errors
    assert right is None or pairs == right


@PROPERTY
@given(WORDS, WORDS)
def test_any_alignment(reference: list[str], heard: list[str]) -> None:
    """The distance is that of the plain recursion; pairs are equal words in order, and symmetric in number."""

    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        known = memory.get((i, j))
        if known is None:
            same = distance(i - 1, j - 1) + (reference[i - 1] != heard[j - 1])
            known = memory[i, j] = min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, same)
        return known

    memory: dict[tuple[int, int], int] = {}
    pairs, errors = align(reference, heard)
    assert errors == distance(len(reference), len(heard)) == align(heard, reference)[1]
    assert all(reference[i] == heard[j] for i, j in pairs)
    assert pairs == sorted(set(pairs))
    assert len(pairs) >= max(len(reference), len(heard)) - errors


def test_delays() -> None:
    """A word counts from when it is shown to stay, and from when it is settled."""
    screens = [
        screen(1.5, "|good"),
        screen(2.5, "|good mourning"),
        screen(3.0, "good|morning"),
        screen(4.0, "good morning|"),
    ]
    said = spoken("good morning")
    assert delays(screens, said, settled=False) == [0.5, 1.0]
    assert delays(screens, said, settled=True) == [2.0, 2.0]


def test_withdrawn_and_shown_again() -> None:
    """A word that vanished counts from when it came back; one that only moved was there all the time."""
    said = spoken("we can go")
    screens = [screen(1, "|we can"), screen(2, "|we"), screen(3, "|we can go")]
    assert delays(screens, said, settled=False) == [0.0, 1.0, 0.0]
    moved = [screen(1, "|can go"), screen(2, "|we can go")]
    assert delays(moved, said, settled=False) == [1.0, -1.0, -2.0]


def test_words_that_were_misheard_have_no_delay() -> None:
    """Only what was heard right is timed."""
    assert delays([screen(9, "one too three|")], spoken("one two three"), settled=True) == [8.0, 6.0]
    assert delays([], spoken("one"), settled=False) == []


def test_erasure() -> None:
    """What is taken from the screen, and all that stood behind it, counts; what is added does not."""
    assert erasure([screen(1, "|a"), screen(2, "a|b"), screen(3, "a b c|")]) == 0
    assert erasure([screen(1, "|a b c"), screen(2, "|a x c"), screen(3, "a x c d|")]) == 2 / 4
    assert erasure([]) == 0


def test_percentile() -> None:
    """Of none there is none."""
    assert percentile([], 0.5) is None
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(range(100), 0.95) == 95


@PROPERTY
@given(WORDS, WORDS, WORDS)
def test_same_start(start: list[str], a: list[str], b: list[str]) -> None:
    """What both begin with is found, and no more."""
    n = common_prefix_length(start + a, start + b)
    assert n >= len(start)
    assert (start + a)[:n] == (start + b)[:n]
    assert n in {len(start + a), len(start + b)} or (start + a)[n] != (start + b)[n]
