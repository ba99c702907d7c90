"""Where to cut off audio that need not be decoded again: at the end of a sentence if possible, always between words."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streamstt.audio.format import Samples, samples_from_ms
from streamstt.engine.base import RecognizedWord
from streamstt.text.characters import CLAUSE_ENDS, SENTENCE_ENDS
from streamstt.text.sentences import ends_sentence

# All in samples.
MIN_KEPT = samples_from_ms(2500)  # committed audio that the next update should decode again, as context
NEW_START_PAUSE = samples_from_ms(3000)  # after a pause of this length, what follows needs no context
MIN_FREED = samples_from_ms(800)  # minimum that a cut should free
PAUSE_SEARCH_BEFORE = samples_from_ms(240)  # before the start of a word, where the pause before it is searched
PAUSE_SEARCH_AFTER = samples_from_ms(
    1000
)  # after the last word, where the pause is searched: a drawn-out word ends late
ENERGY_STEP = samples_from_ms(10)

PAUSE_ENERGY_RATIO = 2.0  # energy of a pause, at most this multiple of the minimum; speech may follow the first pause
PAUSE_STEPS = 24  # 240 ms: within this time after its beginning a pause is at its quietest


def find_cut_point(
    committed: Sequence[RecognizedWord],
    tentative: Sequence[RecognizedWord],
    start: int,
    decoded_until: int,
    min_kept: int,
    language: str = "",
) -> tuple[int, int, int] | None:
    """Finds the best place to cut off the beginning of a decode window.

    Args:
        committed: Words in the window that will not change.
        tentative: Words that follow, and may still change.
        start: Sample index of the start of the window.
        decoded_until: Sample index of the end of the window.
        min_kept: Number of samples that must stay; with 0 all committed words are cut off.
        language: Language code; empty: unknown.

    Returns:
        How many committed words to cut off, and the sample indices between which the pause after them lies; None if
        nothing can be cut off yet. If no word can, but much time before the first word, the number is 0.
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
    # A cut that frees less audio than comes until the next update would not make the window shorter.
    choices = [k for k in open_choices if _pause_range(words, k, decoded_until)[0] - start >= MIN_FREED] or open_choices

    def rank(k: int) -> tuple[int, int, int]:
        low, high = _pause_range(words, k, decoded_until)
        return _ending(words, k, language), (high - low) // samples_from_ms(200), k

    best = max(choices, key=rank)
    return best, *_pause_range(words, best, decoded_until)


def _ending(words: Sequence[RecognizedWord], k: int, language: str) -> int:
    """Returns what ends after k words: 2 a sentence, 1 a clause, 0 neither."""
    texts = [word.text for word in words[max(k - 3, 0) : k]]
    if texts[-1].endswith(SENTENCE_ENDS):
        following = words[k].text if k < len(words) else None
        return 2 if ends_sentence(texts, following, language) else 0
    return 1 if texts[-1].endswith(CLAUSE_ENDS) else 0


def _cut_before_words(words: Sequence[RecognizedWord], start: int, latest: int) -> tuple[int, int, int] | None:
    """Returns a cut in the time before the first word, before the sample index ``latest``, if it frees enough."""
    if not words:
        return None
    high = min(words[0].start, latest)
    low = high - PAUSE_SEARCH_BEFORE
    return (0, low, high) if low - start >= MIN_FREED else None


def _is_word(word: RecognizedWord) -> bool:
    """Returns whether it is more than punctuation: a full stop that came later belongs to the word before it."""
    return any(c.isalnum() for c in word.text)


def _pause_range(words: Sequence[RecognizedWord], k: int, decoded_until: int) -> tuple[int, int]:
    """Returns the sample indices between which the pause before word ``k`` is searched."""
    after = words[k].start if k < len(words) else decoded_until
    low = min(words[k - 1].end, after) - PAUSE_SEARCH_BEFORE // 2
    middle = (words[k - 1].start + words[k - 1].end) // 2  # a word that is cut after its middle is not decoded again
    low = max(low, middle)
    return low, max(after, low + ENERGY_STEP)


def find_quietest(samples: Samples) -> int:
    """Returns the index of the middle of the quietest 50 ms of audio, shape (n,)."""
    energies = _energies(samples)
    return _window_middle(int(np.argmin(energies)), samples) if len(energies) else len(samples) // 2


def find_first_pause(samples: Samples) -> int:
    """Returns the index of the middle of the quietest 50 ms in the first pause of audio, shape (n,).

    Later pauses may be about as quiet, but speech may lie between.
    """
    energies = _energies(samples)
    if not len(energies):
        return len(samples) // 2
    first = int(np.argmax(energies <= PAUSE_ENERGY_RATIO * energies.min()))
    return _window_middle(first + int(np.argmin(energies[first : first + PAUSE_STEPS])), samples)


def _energies(samples: Samples) -> npt.NDArray[np.float64]:
    """Returns the energy of each window of 50 ms, one every 10 ms, shape (windows,).

    Audio of less than 50 ms is one window; audio of less than 20 ms has none.
    """
    steps = len(samples) // ENERGY_STEP
    if steps < 2:
        return np.zeros(0)
    energy = np.square(samples[: steps * ENERGY_STEP]).reshape(steps, ENERGY_STEP).mean(axis=1)  # (steps,)
    return np.convolve(energy, np.ones(min(5, steps)), mode="valid")  # (steps - width + 1,)


def _window_middle(window: int, samples: Samples) -> int:
    """Returns the index in ``samples`` of the middle of a window of ``_energies``."""
    return (window + min(5, len(samples) // ENERGY_STEP) // 2) * ENERGY_STEP
