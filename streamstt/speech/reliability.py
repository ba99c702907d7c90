"""What may be wrong with a hypothesis: it was made up, or speech was skipped. Pure functions on words and frames."""

from bisect import bisect_left
from collections.abc import Sequence

from streamstt.audio.format import FRAME, samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, RecognizedWord

MIN_UNRECOGNIZED = samples_from_ms(
    800
)  # samples of speech that the engine has no word for: it may think that all is said
MIN_SKIPPED = samples_from_ms(2100)  # samples of speech: no word is that long
MAX_RETRIES = 2  # so often what was not heard is asked for: a model that makes things up would go on for ever
MIN_WORD_DURATION = samples_from_ms(160)  # samples: the word itself takes at least so long


def is_unreliable(hypothesis: Hypothesis, settings: SpeechSettings) -> bool:
    """Whether the text was made up: Whisper's rule (Radford et al. 2022, section 4.5), stricter for short audio.

    On room noise the model says "you" or "Thank you." with a mean log-probability of -0.9 to -2.6; speech that
    can be understood is seldom below -0.7.
    """
    silent = hypothesis.no_speech > settings.no_speech
    unsure = hypothesis.logprob < settings.unsure_logprob
    return (silent and unsure) or hypothesis.logprob < settings.min_logprob


def cut_range(word: RecognizedWord) -> tuple[int, int]:
    """Between which sample indices to cut, when others were said in a word: it may have been the first or the last."""
    return word.start + MIN_WORD_DURATION, word.end - MIN_WORD_DURATION


class SpeechFrames:
    """Where somebody speaks, as far as the detector tells."""

    def __init__(self) -> None:
        self._starts: list[int] = []  # of the frames with speech, rising

    def add(self, start: int) -> None:
        """Somebody speaks in the frame that begins at this sample index, which is later than all before."""
        self._starts.append(start)

    def select(self, start: int, end: int) -> "SpeechFrames":
        """The part between two sample indices."""
        part = SpeechFrames()
        part._starts = self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]
        return part

    def discard_before(self, start: int) -> None:
        """Drops frames before a sample index."""
        del self._starts[: bisect_left(self._starts, start)]

    def find_skipped(self, words: Sequence[RecognizedWord]) -> int | None:
        """Index of a word that takes so long that others must have been said in it, and were not heard."""
        return next((i for i, w in enumerate(words) if self._speech_samples(w.start, w.end) >= MIN_SKIPPED), None)

    def continues_after(self, word: RecognizedWord, end: int) -> bool:
        """Whether somebody still speaks after a word, until the sample index ``end``."""
        return self._speech_samples(word.end, end) >= MIN_UNRECOGNIZED

    def _speech_samples(self, start: int, end: int) -> int:
        """How many samples hold speech."""
        return FRAME * (bisect_left(self._starts, end) - bisect_left(self._starts, start))
