"""A recording as passages: cuts it, asks for each until all of it is heard, and writes captions.

Pure, as the session is. It differs from live audio in that nobody waits for a word: there are no updates, passages can
be heard in any order, and each is as long as serves the engine best.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streamstt.audio.format import Block, Samples, samples_from_ms
from streamstt.audio.frames import Framer
from streamstt.audio.ring import Ring
from streamstt.audio.vad import BatchDetector
from streamstt.config.settings import Speech
from streamstt.engine.base import HeardWord, Hypothesis, Job
from streamstt.events import Final
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.cut_points import cut_point, first_pause, quietest
from streamstt.speech.local_agreement import first_break
from streamstt.speech.reliability import TRIES, Voice, inside, is_doubtful
from streamstt.speech.segmenter import Boundary, Closed, Opened, Segmenter, energy_of

LONGEST_S = 16  # of a passage: attention takes the square of its length, and shorter ones are heard worse
ROOM = samples_from_ms(60_000)  # samples: an utterance that is spoken, and one before it that waits for it


@dataclass(frozen=True, slots=True)
class Passage:
    """Speech that is heard at once.

    Attributes:
        start: Sample index where it begins.
        samples: Shape (n,).
        voice: Where in it somebody speaks.
    """

    start: int
    samples: Samples
    voice: Voice


class Cutter:
    """Audio in, passages out."""

    def __init__(self, settings: Speech, judge: BatchDetector, *, join: bool) -> None:
        """Starts at sample 0.

        Args:
            settings: The ``[speech]`` section.
            judge: Fresh.
            join: Whether utterances make a passage together, for the more Whisper hears, the better; else each is one.
        """
        self._longest = samples_from_ms(LONGEST_S * 1000) if join else 0
        self._judge = judge
        self._segmenter = Segmenter(
            settings.model_copy(update={"max_utterance_s": min(settings.max_utterance_s, LONGEST_S)})
        )
        self._framer = Framer()
        self._ring = Ring(ROOM)
        self._voice = Voice()
        self._open = 0  # where the utterance begins that is spoken
        self._waiting: tuple[int, int] | None = None  # start and end of one that another may join

    def push(self, block: Block) -> Iterator[Passage]:
        """Takes the next audio, without a hole; gives the passages that are complete."""
        self._ring.append(block)
        frames = list(self._framer.push(block))
        judged = self._judge(np.concatenate([frame.samples for frame in frames])) if frames else []
        for frame, voiced in zip(frames, judged, strict=True):
            if voiced:
                self._voice.add(frame.start)
            for boundary in self._segmenter.push(frame.start, voiced, energy_of(frame.samples)):
                yield from self._on_boundary(boundary)
        if self._waiting and self._ring.end - self._waiting[0] >= self._longest:
            yield self._take(self._waiting)
            self._waiting = None
        self._voice.forget(self._ring.start)

    def end(self) -> Iterator[Passage]:
        """The audio ends here; gives what is left."""
        for boundary in self._segmenter.interrupt(self._framer.end):
            yield from self._on_boundary(boundary)
        if self._waiting:
            yield self._take(self._waiting)
            self._waiting = None

    def _on_boundary(self, boundary: Boundary) -> Iterator[Passage]:
        match boundary:
            case Opened(at):
                self._open = at
            case Closed(at):
                if self._waiting and at - self._waiting[0] > self._longest:
                    yield self._take(self._waiting)
                    self._waiting = None
                self._waiting = self._waiting[0] if self._waiting else self._open, at

    def _take(self, span: tuple[int, int]) -> Passage:
        return Passage(span[0], self._ring.read(*span), self._voice.within(*span))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Part of a passage that is still to be heard, and how often it was asked for before."""

    start: int
    end: int
    tries: int


class Listening:
    """Hears a passage: whoever holds it has its ``job`` decoded, and hands the answer to ``take``, until all is heard.

    Attributes:
        start: Sample index where the passage begins.
        end: Sample index where it ends.
        words: What was heard so far.
        language: Code; empty until it is known.
        expected: Language that was spoken before, or None.
    """

    def __init__(self, passage: Passage, source: str, settings: Speech, language: str | None) -> None:
        """Nothing is heard yet.

        Args:
            passage: What to hear.
            source: Name for its jobs.
            settings: The ``[speech]`` section.
            language: Code, or None to detect it.
        """
        self.start, self.end = passage.start, passage.start + len(passage.samples)
        self.words: list[HeardWord] = []
        self.language = language or ""
        self.expected: str | None = None
        self._passage = passage
        self._source = source
        self._settings = settings
        self._left = deque([_Stretch(self.start, self.end, 0)])  # in the order of their audio

    @property
    def job(self) -> Job | None:
        """What to decode next; None when all is heard."""
        if not self._left:
            return None
        stretch = self._left[0]
        audio = self._samples(stretch.start, stretch.end)
        language = self.language or None
        return Job(self._source, stretch.start, audio, final=True, language=language, expected=self.expected)

    def take(self, hypothesis: Hypothesis) -> None:
        """Takes the answer to ``job``. Speech that has no words for it is asked for again, by itself."""
        stretch = self._left.popleft()
        self.language = hypothesis.language
        words = () if is_doubtful(hypothesis, self._settings) else hypothesis.words
        voice, tries = self._passage.voice, stretch.tries + 1
        if tries > TRIES or not words:
            self.words += words
        elif (skipped := voice.skipped(words)) is not None:
            low, high = inside(words[skipped])
            at = low + quietest(self._samples(low, high))
            self._left.extendleft((_Stretch(at, stretch.end, tries), _Stretch(stretch.start, at, tries)))
        elif voice.goes_on(words[-1], stretch.end):
            self.words += words
            if found := cut_point(words, (), stretch.start, stretch.end, 0):
                at = found[1] + first_pause(self._samples(*found[1:]))
                self._left.appendleft(_Stretch(at, stretch.end, tries))
        else:
            self.words += words

    def _samples(self, start: int, end: int) -> Samples:
        return self._passage.samples[start - self.start : end - self.start]


def captions(heard: Listening, writer: CaptionWriter, settings: Speech) -> Iterator[Final]:
    """The words of a passage as captions."""
    words = heard.words
    longest = samples_from_ms(settings.max_caption_s * 1000)
    while words:
        count = first_break(words, longest) or len(words)
        if final := writer.final(words[:count], heard.end, heard.language):
            yield final
        words = words[count:]
