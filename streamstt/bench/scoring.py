"""What a viewer got, against what was said: word errors, the delay of each word, words that were withdrawn.

Pure functions on words. Word error rate is the Levenshtein distance a reference word; erasure is that of Arivazhagan et
al. 2020, "Re-translation strategies for long form, simultaneous, spoken language translation".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

SEARCH_WORDS = 20  # words: so far from its place a shown word is looked for


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of the reference, normalised, and when it ended (s)."""

    text: str
    end: float


@dataclass(frozen=True, slots=True)
class DisplayState:
    """What a viewer saw from ``at`` (s) on: normalised words, the first ``settled`` of which would not change."""

    at: float
    words: tuple[str, ...]
    settled: int


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[list[tuple[int, int]], int]:
    """Pairs of indices of the words that were heard right, on a shortest path of edits; and the number of errors."""
    rows = np.zeros((len(reference) + 1, len(hypothesis) + 1), dtype=np.int32)
    rows[:, 0], rows[0] = range(len(reference) + 1), range(len(hypothesis) + 1)
    words = np.array(hypothesis, dtype=object)
    steps = np.arange(1, len(hypothesis) + 1)
    for i, word in enumerate(reference, 1):
        best = np.minimum(rows[i - 1, 1:] + 1, rows[i - 1, :-1] + (words != word))  # deleted, or substituted
        # Inserted: one more than the neighbour on the left, however far that goes.
        rows[i, 1:] = np.minimum(np.minimum.accumulate(best - steps), i) + steps
    pairs: list[tuple[int, int]] = []
    i, j = len(reference), len(hypothesis)
    while i and j:
        wrong = int(reference[i - 1] != hypothesis[j - 1])
        if rows[i, j] == rows[i - 1, j - 1] + wrong:
            i, j = i - 1, j - 1
            pairs += [(i, j)] if not wrong else []
        elif rows[i, j] == rows[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return pairs[::-1], int(rows[-1, -1])


def delays(states: Sequence[DisplayState], reference: Sequence[TimedWord], *, settled: bool) -> list[float]:
    """Seconds from the end of each word that was heard right until it was on the screen to stay.

    Args:
        states: In the order of time; the last is the result.
        reference: In the order they were spoken.
        settled: Count from when it could not change any more, not from when it was shown.
    """
    result = states[-1].words if states else ()
    since: list[float | None] = [None] * len(result)
    for screen in states:
        there = _present_indices(screen.words[: screen.settled] if settled else screen.words, result)
        since = [(at if at is not None else screen.at) if k in there else None for k, at in enumerate(since)]
    pairs, _ = align([w.text for w in reference], result)
    return [at - reference[i].end for i, j in pairs if (at := since[j]) is not None]


def _present_indices(shown: Sequence[str], result: Sequence[str]) -> set[int]:
    """Indices of the words of ``result`` that are ``shown``."""
    same = common_prefix_length(shown, result)
    present = set(range(same))
    rest = shown[same:]
    near = result[same : same + 2 * len(rest) + SEARCH_WORDS]
    for block in SequenceMatcher(None, rest, near, autojunk=False).get_matching_blocks():
        present.update(range(same + block.b, same + block.b + block.size))
    return present


def erasure(states: Sequence[DisplayState]) -> float:
    """Words that were taken from the screen, a word of the result."""
    erased = 0
    before: tuple[str, ...] = ()
    for screen in states:
        erased += len(before) - common_prefix_length(before, screen.words)
        before = screen.words
    return erased / max(1, len(before))


def common_prefix_length(a: Sequence[str], b: Sequence[str]) -> int:
    """How many words both begin with."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def percentile(values: Sequence[float], fraction: float) -> float | None:
    """The least value that at least ``fraction`` of all do not exceed; None of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))] if ordered else None
