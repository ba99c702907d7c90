"""Scores what a viewer saw against what was spoken: word errors, the delay of each word, words later withdrawn.

Pure functions on words. The word error rate is the Levenshtein distance per word of the reference. Erasure is that of
Arivazhagan et al. 2020, "Re-translation strategies for long form, simultaneous, spoken language translation".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

SEARCH_WORDS = 20  # words: how far from its position a shown word is searched


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A normalized word, and when it began and ended (s)."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class DisplayState:
    """What a viewer saw from ``at`` (s) on: normalized words, of which the first ``settled`` will not change."""

    at: float
    words: tuple[str, ...]
    settled: int


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[list[tuple[int, int]], int]:
    """Aligns two texts by the Levenshtein distance.

    Returns:
        The index pairs of equal words on a shortest path of edits, and the number of errors.
    """
    # rows[i, j]: errors between the first i words of the reference and the first j of the hypothesis.
    rows = np.zeros((len(reference) + 1, len(hypothesis) + 1), dtype=np.int32)
    rows[:, 0], rows[0] = range(len(reference) + 1), range(len(hypothesis) + 1)
    words = np.array(hypothesis, dtype=object)
    steps = np.arange(1, len(hypothesis) + 1)
    for i, word in enumerate(reference, 1):
        best = np.minimum(rows[i - 1, 1:] + 1, rows[i - 1, :-1] + (words != word))  # deleted, or substituted
        # Inserted: one more than the left neighbor, for any number of insertions.
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
    """Returns the seconds from the end of each correctly recognized word until it was shown for good.

    Args:
        states: In the order of time; the last is the result.
        reference: In the order spoken.
        settled: Measure until the word could no longer change, not until it was shown.
    """
    result = states[-1].words if states else ()
    since: list[float | None] = [None] * len(result)  # when each word of the result appeared, if it is shown
    for state in states:
        present = _present_indices(state.words[: state.settled] if settled else state.words, result)
        since = [(at if at is not None else state.at) if k in present else None for k, at in enumerate(since)]
    pairs, _ = align([w.text for w in reference], result)
    return [at - reference[i].end for i, j in pairs if (at := since[j]) is not None]


def _present_indices(shown: Sequence[str], result: Sequence[str]) -> set[int]:
    """Returns the indices of the words of ``result`` that are among the ``shown`` words."""
    prefix = common_prefix_length(shown, result)
    present = set(range(prefix))
    rest = shown[prefix:]
    nearby = result[prefix : prefix + 2 * len(rest) + SEARCH_WORDS]
    for block in SequenceMatcher(None, rest, nearby, autojunk=False).get_matching_blocks():
        present.update(range(prefix + block.b, prefix + block.b + block.size))
    return present


def erasure(states: Sequence[DisplayState]) -> float:
    """Returns how many words were shown and later withdrawn, per word of the result."""
    erased = 0
    before: tuple[str, ...] = ()
    for state in states:
        erased += len(before) - common_prefix_length(before, state.words)
        before = state.words
    return erased / max(1, len(before))


def common_prefix_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Returns how many words at the beginning are equal."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def percentile(values: Sequence[float], fraction: float) -> float | None:
    """Returns the value at ``fraction`` (0 to 1) of the sorted values; None if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))] if ordered else None
