"""Where to cut audio that need not be heard again: at a sentence's end if there is one, always between two words."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streamstt.audio.format import Samples, samples_from_ms
from streamstt.engine.base import RecognizedWord
from streamstt.text.characters import CLAUSE_ENDS, SENTENCE_ENDS

MIN_KEPT = samples_from_ms(2500)  # samples: what the next update should still hear of what was said
NEW_START_PAUSE = samples_from_ms(3000)  # samples without a word, after which what comes is a new beginning
MIN_FREED = samples_from_ms(800)  # samples that a cut should free
PAUSE_SEARCH_BEFORE = samples_from_ms(240)  # samples before a word's start in which the pause before it is looked for
PAUSE_SEARCH_AFTER = samples_from_ms(
    1000
)  # samples after the last word in which the pause behind it is looked for: a drawn-out word ends late
ENERGY_STEP = samples_from_ms(10)
PAUSE_ENERGY_RATIO = (
    2.0  # times the least energy of all: what is as quiet as that is a pause, and speech may follow the first
)
PAUSE_STEPS = 24  # 240 ms: where a pause begins, it is at its quietest within that time


def find_cut_point(
    committed: Sequence[RecognizedWord],
    tentative: Sequence[RecognizedWord],
    start: int,
    decoded_until: int,
    min_kept: int,
) -> tuple[int, int, int] | None:
    """The best place to cut.

    Args:
        committed: Words in the window that will not change.
        tentative: Words that follow and may.
        start: Sample index of the window.
        decoded_until: Sample index up to which it was heard.
        min_kept: How many samples must stay; with 0 all committed words go.

    Returns:
        How many committed words go, and the sample indices between which the pause behind them lies; None when
        nothing can go yet. Without a word that can go, it may be time before the first one.
    """
    words = [*committed, *tentative]
    if not min_kept and committed:
        last = committed[-1].end
        return (
            len(committed),
            max(last - PAUSE_SEARCH_BEFORE // 2, start),
            min(last + PAUSE_SEARCH_AFTER, decoded_until),
        )
    open_choices = [
        k
        for k in range(1, len(committed) + 1)
        if start < _pause_range(words, k, decoded_until)[1] <= decoded_until - min_kept
        and (k == len(words) or _is_word(words[k]))
    ]
    if not open_choices:
        return _cut_before_words(words, start, decoded_until - min_kept)
    # A cut that frees less than comes until the next update would leave the window as long as it is.
    choices = [k for k in open_choices if _pause_range(words, k, decoded_until)[0] - start >= MIN_FREED] or open_choices

    def worth(k: int) -> tuple[int, int, int]:
        text, (low, high) = words[k - 1].text, _pause_range(words, k, decoded_until)
        ending = 2 if text.endswith(SENTENCE_ENDS) else 1 if text.endswith(CLAUSE_ENDS) else 0
        return ending, (high - low) // samples_from_ms(200), k

    best = max(choices, key=worth)
    return best, *_pause_range(words, best, decoded_until)


def _cut_before_words(words: Sequence[RecognizedWord], start: int, latest: int) -> tuple[int, int, int] | None:
    """A cut that takes no word, but much of the time before the first."""
    if not words:
        return None
    high = min(words[0].start, latest)
    low = high - PAUSE_SEARCH_BEFORE
    return (0, low, high) if low - start >= MIN_FREED else None


def _is_word(word: RecognizedWord) -> bool:
    """Whether it is more than punctuation: a full stop that came late belongs to what it ends."""
    return any(c.isalnum() for c in word.text)


def _pause_range(words: Sequence[RecognizedWord], k: int, decoded_until: int) -> tuple[int, int]:
    """Where the pause before word ``k`` is to be found."""
    after = words[k].start if k < len(words) else decoded_until
    low = min(words[k - 1].end, after) - PAUSE_SEARCH_BEFORE // 2
    middle = (words[k - 1].start + words[k - 1].end) // 2  # a word that is cut behind it is not heard again
    low = max(low, middle)
    return low, max(after, low + ENERGY_STEP)


def find_quietest(samples: Samples) -> int:
    """Index of the middle of the quietest 50 ms."""
    powers = _energies(samples)
    return _window_middle(int(np.argmin(powers)), samples) if len(powers) else len(samples) // 2


def find_first_pause(samples: Samples) -> int:
    """Index of the middle of the quietest 50 ms in the first pause: later ones may be about as quiet."""
    powers = _energies(samples)
    if not len(powers):
        return len(samples) // 2
    first = int(np.argmax(powers <= PAUSE_ENERGY_RATIO * powers.min()))
    return _window_middle(first + int(np.argmin(powers[first : first + PAUSE_STEPS])), samples)


def _energies(samples: Samples) -> npt.NDArray[np.float64]:
    """Energy of each stretch of 50 ms, or of what there is, one for every 10 ms; none of less than 20 ms."""
    steps = len(samples) // ENERGY_STEP
    if steps < 2:
        return np.zeros(0)
    energy = np.square(samples[: steps * ENERGY_STEP]).reshape(steps, ENERGY_STEP).mean(axis=1)  # (steps,)
    return np.convolve(energy, np.ones(min(5, steps)), mode="valid")  # (steps - width + 1,)


def _window_middle(window: int, samples: Samples) -> int:
    """Sample index of the middle of a stretch."""
    return (window + min(5, len(samples) // ENERGY_STEP) // 2) * ENERGY_STEP
