"""Detects what may be wrong with a hypothesis: words were made up, or speech was skipped."""

from bisect import bisect_left
from collections.abc import Sequence

from streamstt.audio.format import FRAME, samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, RecognizedWord

MIN_UNRECOGNIZED = samples_from_ms(800)  # samples of speech after the last word: the engine may have stopped too early
MIN_SKIPPED = samples_from_ms(2100)  # samples of speech in one word: no word is that long
MAX_RETRIES = 2  # decodes of speech without words: a model that makes up words would otherwise be tried forever
MIN_WORD_DURATION = samples_from_ms(160)  # samples: least duration of the word itself


def is_unreliable(hypothesis: Hypothesis, settings: SpeechSettings) -> bool:
    """Returns whether the words were probably made up.

    Whisper's rule (Radford et al. 2022, section 4.5), stricter for short audio: on room noise the model writes "you"
    or "Thank you." with a mean log-probability of -0.9 to -2.6; intelligible speech is seldom below -0.7.

    Args:
        hypothesis: What the engine recognized.
        settings: Thresholds of the ``[speech]`` section.
    """
    silent = hypothesis.no_speech > settings.no_speech
    unsure = hypothesis.logprob < settings.unsure_logprob
    return (silent and unsure) or hypothesis.logprob < settings.min_logprob


def cut_range(word: RecognizedWord) -> tuple[int, int]:
    """Returns the sample indices between which to cut a word that covers skipped speech.

    The word itself may have been spoken first or last, so both of its ends are kept whole.
    """
    return word.start + MIN_WORD_DURATION, word.end - MIN_WORD_DURATION


class SpeechFrames:
    """The frames in which the voice detector found speech."""

    def __init__(self) -> None:
        self._starts: list[int] = []  # sample indices of the frames with speech, rising

    def add(self, start: int) -> None:
        """Adds the frame with speech that starts at a sample index, which is greater than those of all before."""
        self._starts.append(start)

    def select(self, start: int, end: int) -> "SpeechFrames":
        """Returns the frames that start between two sample indices."""
        part = SpeechFrames()
        part._starts = self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]
        return part

    def discard_before(self, start: int) -> None:
        """Drops the frames that start before a sample index."""
        del self._starts[: bisect_left(self._starts, start)]

    def find_skipped(self, words: Sequence[RecognizedWord]) -> int | None:
        """Returns the index of the first word with so much speech that words in it must have been skipped, or None."""
        return next((i for i, w in enumerate(words) if self._speech_samples(w.start, w.end) >= MIN_SKIPPED), None)

    def continues_after(self, word: RecognizedWord, end: int) -> bool:
        """Returns whether there is speech without words between the end of a word and the sample index ``end``."""
        return self._speech_samples(word.end, end) >= MIN_UNRECOGNIZED

    def _speech_samples(self, start: int, end: int) -> int:
        """Returns how many samples between two sample indices hold speech."""
        return FRAME * (bisect_left(self._starts, end) - bisect_left(self._starts, start))
