"""The decode of speech that has ended: what the engine skipped is decoded again, by itself.

Whisper skips a sentence now and then, but hardly ever the same one twice when it begins the audio. A decode costs as
much as the last one, so it is repeated a few times at most, and what was split must say more than the whole.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace

from streamstt.audio.format import FRAME
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job, RecognizedWord
from streamstt.speech.cut_points import find_cut_point, find_first_pause, find_quietest
from streamstt.speech.reliability import SpeechFrames, cut_range, is_unreliable, spoken_units
from streamstt.speech.repetitions import (
    MAX_REPEATED_WORD,
    continued,
    repetition_end,
    without_broken_phrase,
    without_echoes,
)

MAX_DEPTH = 2  # decodes of the same audio after the first: a model that makes up words would otherwise be tried forever

_Decoding = Generator[Job, Hypothesis, tuple[RecognizedWord, ...]]
"""Yields each job, is sent its hypothesis, and returns the words after the committed ones of the first job."""


class ClosedDecode:
    """Has a stretch of speech decoded until no speech is left without words.

    Pass the hypothesis of each ``job`` to ``apply``. It must not know the engine, nor what becomes of the words.

    Attributes:
        job: What is to be decoded next; None: the decode is complete.
        words: The words after the committed ones of the first job; until the decode is complete, what is known of them.
    """

    def __init__(self, job: Job, speech_frames: SpeechFrames, settings: SpeechSettings) -> None:
        """Starts with the whole stretch.

        Args:
            job: Decodes all of it.
            speech_frames: The frames with speech in it.
            settings: Settings of the ``[speech]`` section.
        """
        self.words: tuple[RecognizedWord, ...] = ()
        self._speech_frames = speech_frames
        self._settings = settings
        self._decoding = self._decode(job, 0)
        self.job: Job | None = next(self._decoding)

    def apply(self, hypothesis: Hypothesis) -> None:
        """Applies the hypothesis for ``job``, and sets the next one."""
        try:
            self.job = self._decoding.send(hypothesis)
        except StopIteration as end:
            self.job, self.words = None, _in_order(end.value)

    def _decode(self, job: Job, depth: int) -> _Decoding:
        hypothesis = yield job
        words = () if is_unreliable(hypothesis, self._settings) else without_echoes(hypothesis.words, job.committed)
        if hypothesis.looped:
            words = without_broken_phrase(words)
        if depth == 0:
            self.words = words
        if depth == MAX_DEPTH:
            return self._speech_frames.trim_pauses(words, job)
        job = replace(job, language=job.language or hypothesis.language)
        # Where the last word of a repetition ends is not known.
        if (skipped := self._speech_frames.find_skipped(words[:-1] if hypothesis.looped else words)) is not None:
            low, high = cut_range(words[skipped])
            at = low + find_quietest(job.cut(low, high).audio)
            before = replace(job.cut(job.start, at), committed=job.committed, draft=words[:skipped])
            parts = yield from self._decode(before, depth + 1)
            parts += yield from self._decode(replace(job.cut(at, job.end), draft=words[skipped + 1 :]), depth + 1)
            if spoken_units(parts) > spoken_units(words):
                return parts
        words = self._speech_frames.trim_pauses(words, job)
        if hypothesis.looped and words:
            last = words[-1]
            words = (*words[:-1], replace(last, end=min(last.end, last.start + MAX_REPEATED_WORD)))
        known = words or job.committed
        if known and self._speech_frames.continues_after(known[-1], job.end, looped=hypothesis.looped):
            at = _find_end(job, known, looped=hypothesis.looped)
            rest = yield from self._decode(job.cut(at, job.end), depth + 1)
            words += continued(words, rest) if hypothesis.looped else rest
        return words


def _find_end(job: Job, words: Sequence[RecognizedWord], *, looped: bool) -> int:
    """Returns the sample index of the pause after the last word; the next repetition may follow at once."""
    last = words[-1]
    if looped and last.start >= job.start:
        low, high = repetition_end(last)
        return low + find_quietest(job.cut(low, high).audio)
    cut = find_cut_point(words, (), job.start, job.end, 0)
    _, low, high = cut or (0, last.end, job.end)
    return low + find_first_pause(job.cut(low, high).audio)


def _in_order(words: Sequence[RecognizedWord]) -> tuple[RecognizedWord, ...]:
    """Returns the words with times that do not run backwards where one decode follows another."""
    ordered: list[RecognizedWord] = []
    for word in words:
        start = max(word.start, ordered[-1].end) if ordered else word.start
        ordered.append(replace(word, start=start, end=max(word.end, start + FRAME)))
    return tuple(ordered)
