"""Detects what may be wrong with a hypothesis: words were made up, or speech was skipped."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from streamstt.audio.format import FRAME, samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job, RecognizedWord
from streamstt.text.characters import CLAUSE_ENDS

MIN_UNRECOGNIZED = samples_from_ms(800)  # samples of speech after the last word: the engine may have stopped too early
MIN_AFTER_LOOP = samples_from_ms(300)  # the same where it is known that it stopped: a repetition was cut off
MIN_WORD_DURATION = samples_from_ms(160)  # samples: least duration of the word itself
PAUSE_FRAMES = samples_from_ms(200) // FRAME  # frames without speech that no word contains

# Samples of speech that a word may have. What is one word to the model can be many that are said: "$349,999".
MAX_WORD = samples_from_ms(1000)  # the detector finds speech around a word, too
MAX_PER_LETTER = samples_from_ms(60)
MAX_PER_SPELLED_LETTER = samples_from_ms(150)  # of a web address: "w"
MAX_PER_DIGIT = samples_from_ms(700)  # "seventy-seven", said slowly
MAX_PER_MARK = samples_from_ms(800)  # "dot", "slash", "dollars" within a number or an address, with a pause before it
MAX_SINGLE_WORD = samples_from_ms(2100)  # what may have more is several words that are said


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


def spoken_units(words: Sequence[RecognizedWord]) -> int:
    """Returns how much the words say: the number of words, each digit of a number counted as one."""
    return sum(max(1, sum(c.isdigit() for c in w.text)) for w in words if any(c.isalnum() for c in w.text))


def max_word_samples(text: str) -> int:
    """Returns how many samples of speech a word may have, at most, if none was skipped within it."""
    text = text.strip()
    digits, letters = sum(c.isdigit() for c in text), sum(c.isalpha() for c in text)
    marks = len(text.rstrip(".,;:!?")) - digits - letters
    per_letter = MAX_PER_SPELLED_LETTER if marks or digits else MAX_PER_LETTER
    return MAX_WORD + letters * per_letter + digits * MAX_PER_DIGIT + marks * MAX_PER_MARK


def cut_range(word: RecognizedWord) -> tuple[int, int]:
    """Returns the sample indices between which to cut a word that covers skipped speech.

    The word itself may have been spoken first or last, so both of its ends are kept whole.
    """
    return word.start + MIN_WORD_DURATION, word.end - MIN_WORD_DURATION


class SpeechFrames:
    """The frames in which the voice detector found speech."""

    def __init__(self) -> None:
        self._starts: list[int] = []  # sample indices of the frames with speech, rising

    @property
    def starts(self) -> Sequence[int]:
        """The sample index at which each frame starts, rising."""
        return self._starts

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
        return next(
            (i for i, w in enumerate(words) if self._speech_samples(w.start, w.end) >= max_word_samples(w.text)), None
        )

    def continues_after(self, word: RecognizedWord, end: int, *, looped: bool = False) -> bool:
        """Returns whether there is speech without words between the end of a word and the sample index ``end``.

        Args:
            word: The last word.
            end: Sample index.
            looped: Whether the engine stopped after the word because it repeated itself.
        """
        return self._speech_samples(word.end, end) >= (MIN_AFTER_LOOP if looped else MIN_UNRECOGNIZED)

    def trim_pauses(self, words: Sequence[RecognizedWord], job: Job) -> tuple[RecognizedWord, ...]:
        """Returns the words with the times at which they are spoken: without pauses at their ends, one after another.

        The engine divides all of the audio among the words, so that a pause belongs to a word, too.

        Args:
            words: What the engine recognized, in order.
            job: The job that was decoded; the words follow its committed ones.
        """
        placed: list[RecognizedWord] = []
        earliest = job.committed[-1].end if job.committed else 0
        for n, word in enumerate(words, 1):
            # What follows a pause inside the last word may be the next one.
            pause_follows = word.text.rstrip().endswith(CLAUSE_ENDS) or n == len(words)
            start, end = self._spoken_part(
                max(word.start, earliest), max(word.end, earliest), word.text, pause_follows=pause_follows
            )
            placed.append(replace(word, start=start, end=max(end, start + FRAME)))
            earliest = placed[-1].end
        return tuple(placed)

    def _spoken_part(self, start: int, end: int, text: str, *, pause_follows: bool) -> tuple[int, int]:
        """Returns where a word is spoken that the engine found between two sample indices.

        The detector is wrong by some frames, so what is shorter than a pause is not taken off. A pause inside it is
        before or after the word. Where the model writes punctuation, it has heard a pause after it.

        Args:
            start: Sample index where the word begins at the earliest.
            end: Sample index where it ends at the latest.
            text: The word with its punctuation.
            pause_follows: Whether the pause is rather after it.
        """
        pauses_within = max_word_samples(text) > MAX_SINGLE_WORD  # "$349,999" is many words that are said
        pause = PAUSE_FRAMES * FRAME
        frames = self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]
        parts: list[list[int]] = []
        for frame in frames:
            if parts and (pauses_within or frame - parts[-1][-1] <= pause):
                parts[-1].append(frame)
            else:
                parts.append([frame])
        pause_follows = pause_follows or (bool(parts) and end - parts[-1][-1] > pause)
        main = max(parts, key=len, default=[start, end - FRAME]) if pause_follows or not parts else parts[-1]
        first, last = main[0], main[-1] + FRAME
        return first if first - start > pause else start, last if end - last > pause else end

    def _speech_samples(self, start: int, end: int) -> int:
        """Returns how many samples between two sample indices hold speech."""
        return FRAME * (bisect_left(self._starts, end) - bisect_left(self._starts, start))
