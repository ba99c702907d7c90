"""What may be wrong with a hypothesis: it was made up, or speech was skipped. Pure functions on words and frames."""

from bisect import bisect_left
from collections.abc import Sequence

from streamstt.audio.format import FRAME, samples_from_ms
from streamstt.config.settings import Speech
from streamstt.engine.base import HeardWord, Hypothesis

UNHEARD = samples_from_ms(800)  # samples of speech that the engine has no word for: it may think that all is said
SKIPPED = samples_from_ms(2100)  # samples of speech: no word is that long
TRIES = 2  # so often what was not heard is asked for: a model that makes things up would go on for ever
SHORTEST = samples_from_ms(160)  # samples: the word itself takes at least so long


def is_doubtful(hypothesis: Hypothesis, settings: Speech) -> bool:
    """Whether the text was made up: Whisper's rule (Radford et al. 2022, section 4.5), stricter for short audio.

    On room noise the model says "you" or "Thank you." with a mean log-probability of -0.9 to -2.6; speech that
    can be understood is seldom below -0.7.
    """
    silent = hypothesis.no_speech > settings.no_speech
    unsure = hypothesis.logprob < settings.unsure_logprob
    return (silent and unsure) or hypothesis.logprob < settings.min_logprob


def inside(word: HeardWord) -> tuple[int, int]:
    """Between which sample indices to cut, when others were said in a word: it may have been the first or the last."""
    return word.start + SHORTEST, word.end - SHORTEST


class Voice:
    """Where somebody speaks, as far as the detector tells."""

    def __init__(self) -> None:
        self._starts: list[int] = []  # of the frames with speech, rising

    def add(self, start: int) -> None:
        """Somebody speaks in the frame that begins at this sample index, which is later than all before."""
        self._starts.append(start)

    def within(self, start: int, end: int) -> "Voice":
        """The part between two sample indices."""
        part = Voice()
        part._starts = self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]
        return part

    def forget(self, before: int) -> None:
        """Drops frames before a sample index."""
        del self._starts[: bisect_left(self._starts, before)]

    def skipped(self, words: Sequence[HeardWord]) -> int | None:
        """Index of a word that takes so long that others must have been said in it, and were not heard."""
        return next((i for i, w in enumerate(words) if self._between(w.start, w.end) >= SKIPPED), None)

    def goes_on(self, word: HeardWord, end: int) -> bool:
        """Whether somebody still speaks after a word, until the sample index ``end``."""
        return self._between(word.end, end) >= UNHEARD

    def _between(self, start: int, end: int) -> int:
        """How many samples hold speech."""
        return FRAME * (bisect_left(self._starts, end) - bisect_left(self._starts, start))
