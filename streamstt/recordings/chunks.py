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
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job, RecognizedWord
from streamstt.events import Final
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.cut_points import find_cut_point, find_first_pause, find_quietest
from streamstt.speech.local_agreement import caption_break
from streamstt.speech.reliability import MAX_RETRIES, SpeechFrames, cut_range, is_unreliable
from streamstt.speech.segmenter import Boundary, Closed, Opened, Segmenter, mean_square

MAX_CHUNK_S = 16  # of a passage: attention takes the square of its length, and shorter ones are heard worse
RING_SAMPLES = samples_from_ms(60_000)  # samples: an utterance that is spoken, and one before it that waits for it


@dataclass(frozen=True, slots=True)
class Chunk:
    """Speech that is heard at once.

    Attributes:
        start: Sample index where it begins.
        samples: Shape (n,).
        speech_frames: Where in it somebody speaks.
    """

    start: int
    samples: Samples
    speech_frames: SpeechFrames


class ChunkSplitter:
    """Audio in, passages out."""

    def __init__(self, settings: SpeechSettings, detector: BatchDetector, *, join: bool) -> None:
        """Starts at sample 0.

        Args:
            settings: The ``[speech]`` section.
            detector: Fresh.
            join: Whether utterances make a passage together, for the more Whisper hears, the better; else each is one.
        """
        self._max_chunk = samples_from_ms(MAX_CHUNK_S * 1000) if join else 0
        self._detector = detector
        self._segmenter = Segmenter(
            settings.model_copy(update={"max_utterance_s": min(settings.max_utterance_s, MAX_CHUNK_S)})
        )
        self._framer = Framer()
        self._ring = Ring(RING_SAMPLES)
        self._speech_frames = SpeechFrames()
        self._opened_at = 0  # where the utterance begins that is spoken
        self._pending: tuple[int, int] | None = None  # start and end of one that another may join

    def push(self, block: Block) -> Iterator[Chunk]:
        """Takes the next audio, without a hole; gives the passages that are complete."""
        self._ring.append(block)
        frames = list(self._framer.push(block))
        judged = self._detector(np.concatenate([frame.samples for frame in frames])) if frames else []
        for frame, voiced in zip(frames, judged, strict=True):
            if voiced:
                self._speech_frames.add(frame.start)
            for boundary in self._segmenter.push(frame.start, voiced, mean_square(frame.samples)):
                yield from self._on_boundary(boundary)
        if self._pending and self._ring.end - self._pending[0] >= self._max_chunk:
            yield self._make_chunk(self._pending)
            self._pending = None
        self._speech_frames.discard_before(self._ring.start)

    def flush(self) -> Iterator[Chunk]:
        """The audio ends here; gives what is left."""
        for boundary in self._segmenter.interrupt(self._framer.end):
            yield from self._on_boundary(boundary)
        if self._pending:
            yield self._make_chunk(self._pending)
            self._pending = None

    def _on_boundary(self, boundary: Boundary) -> Iterator[Chunk]:
        match boundary:
            case Opened(at):
                self._opened_at = at
            case Closed(at):
                if self._pending and at - self._pending[0] > self._max_chunk:
                    yield self._make_chunk(self._pending)
                    self._pending = None
                self._pending = self._pending[0] if self._pending else self._opened_at, at

    def _make_chunk(self, span: tuple[int, int]) -> Chunk:
        return Chunk(span[0], self._ring.read(*span), self._speech_frames.select(*span))


@dataclass(frozen=True, slots=True)
class _Span:
    """Part of a passage that is still to be heard, and how often it was asked for before."""

    start: int
    end: int
    retries: int


class ChunkDecode:
    """Hears a passage: whoever holds it has its ``job`` decoded, and hands the answer to ``apply``, until all is heard.

    Attributes:
        start: Sample index where the passage begins.
        end: Sample index where it ends.
        words: What was heard so far.
        language: Code; empty until it is known.
        expected_language: Language that was spoken before, or None.
    """

    def __init__(self, chunk: Chunk, source: str, settings: SpeechSettings, language: str | None) -> None:
        """Nothing is heard yet.

        Args:
            chunk: What to hear.
            source: Name for its jobs.
            settings: The ``[speech]`` section.
            language: Code, or None to detect it.
        """
        self.start, self.end = chunk.start, chunk.start + len(chunk.samples)
        self.words: list[RecognizedWord] = []
        self.language = language or ""
        self.expected_language: str | None = None
        self._chunk = chunk
        self._source = source
        self._settings = settings
        self._remaining = deque([_Span(self.start, self.end, 0)])  # in the order of their audio

    @property
    def job(self) -> Job | None:
        """What to decode next; None when all is heard."""
        if not self._remaining:
            return None
        stretch = self._remaining[0]
        audio = self._samples(stretch.start, stretch.end)
        language = self.language or None
        return Job(
            self._source, stretch.start, audio, final=True, language=language, expected_language=self.expected_language
        )

    def apply(self, hypothesis: Hypothesis) -> None:
        """Takes the answer to ``job``. Speech that has no words for it is asked for again, by itself."""
        stretch = self._remaining.popleft()
        self.language = hypothesis.language
        words = () if is_unreliable(hypothesis, self._settings) else hypothesis.words
        voice, tries = self._chunk.speech_frames, stretch.retries + 1
        if tries > MAX_RETRIES or not words:
            self.words += words
        elif (skipped := voice.find_skipped(words)) is not None:
            low, high = cut_range(words[skipped])
            at = low + find_quietest(self._samples(low, high))
            self._remaining.extendleft((_Span(at, stretch.end, tries), _Span(stretch.start, at, tries)))
        elif voice.continues_after(words[-1], stretch.end):
            self.words += words
            if found := find_cut_point(words, (), stretch.start, stretch.end, 0):
                at = found[1] + find_first_pause(self._samples(*found[1:]))
                self._remaining.appendleft(_Span(at, stretch.end, tries))
        else:
            self.words += words

    def _samples(self, start: int, end: int) -> Samples:
        return self._chunk.samples[start - self.start : end - self.start]


def write_captions(decoded: ChunkDecode, writer: CaptionWriter, settings: SpeechSettings) -> Iterator[Final]:
    """The words of a passage as captions."""
    words = decoded.words
    longest = samples_from_ms(settings.max_caption_s * 1000)
    while words:
        count = caption_break(words, longest) or len(words)
        if final := writer.final(words[:count], decoded.end, decoded.language):
            yield final
        words = words[count:]
