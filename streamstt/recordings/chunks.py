"""Splits a recording into chunks, and decodes each until no speech is left without words.

Pure, as the session is. In contrast to live audio nobody waits for a word: there are no updates, chunks can be decoded
in any order, and each is as long as is best for the engine.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from streamstt.audio.format import Block, Samples, samples_from_ms
from streamstt.audio.frames import Framer
from streamstt.audio.ring import Ring
from streamstt.audio.vad import BatchDetector
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job, RecognizedWord
from streamstt.speech.closed_decode import ClosedDecode
from streamstt.speech.reliability import SpeechFrames
from streamstt.speech.segmenter import Boundary, Closed, Opened, Segmenter, mean_square
from streamstt.speech.voice_level import VoiceLevel

MAX_CHUNK_S = 16  # s: the cost of attention is the square of the length, and shorter chunks are recognized worse
RING_SAMPLES = samples_from_ms(60_000)  # samples: the open utterance, and one before it that it may join


@dataclass(frozen=True, slots=True)
class Chunk:
    """Speech that is decoded at once.

    Attributes:
        start: Sample index where it begins.
        samples: Audio, shape (n,), 16 kHz, float32.
        speech_frames: The frames with speech in it.
    """

    start: int
    samples: Samples
    speech_frames: SpeechFrames


class ChunkSplitter:
    """Divides audio into chunks of speech."""

    def __init__(self, settings: SpeechSettings, detector: BatchDetector, *, join: bool) -> None:
        """Starts at sample 0.

        Args:
            settings: Settings of the ``[speech]`` section.
            detector: A voice detector without history.
            join: Whether to join utterances into chunks, because Whisper recognizes more with more context; else each
                utterance is a chunk.
        """
        self._max_chunk = samples_from_ms(MAX_CHUNK_S * 1000) if join else 0
        self._detector = detector
        self._segmenter = Segmenter(
            settings.model_copy(update={"max_utterance_s": min(settings.max_utterance_s, MAX_CHUNK_S)})
        )
        self._framer = Framer()
        self._ring = Ring(RING_SAMPLES)
        self._speech_frames = SpeechFrames()
        self._voice_level = VoiceLevel()
        self._opened_at = 0  # start of the open utterance
        self._pending: tuple[int, int] | None = None  # start and end of a chunk that another utterance may join

    def push(self, block: Block) -> Iterator[Chunk]:
        """Appends the next block, which must follow the last one, and yields the chunks that are complete."""
        self._ring.append(block)
        frames = list(self._framer.push(block))
        voicing = self._detector(np.concatenate([frame.samples for frame in frames])) if frames else []
        for frame, voiced in zip(frames, voicing, strict=True):
            self._voice_level.push(frame.samples, voiced)
            if voiced:
                self._speech_frames.add(frame.start)
            for boundary in self._segmenter.push(frame.start, voiced, mean_square(frame.samples)):
                yield from self._on_boundary(boundary)
        if self._pending and self._ring.end - self._pending[0] >= self._max_chunk:
            yield self._make_chunk(self._pending)
            self._pending = None
        self._speech_frames.discard_before(self._ring.start)

    @property
    def voice_was_too_quiet(self) -> bool:
        """Whether there was a voice that is too quiet to be recognized."""
        return self._voice_level.was_too_quiet

    def flush(self) -> Iterator[Chunk]:
        """Ends the audio, and yields the chunks that are left."""
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


class ChunkDecode:
    """The decode of one chunk: the caller has each ``job`` decoded and passes the hypothesis to ``apply``.

    Attributes:
        start: Sample index where the chunk begins.
        end: Sample index where it ends.
        language: Language code; empty until it is known.
        expected_language: Code of the language that was spoken before; None: unknown.
    """

    def __init__(self, chunk: Chunk, source: str, settings: SpeechSettings, language: str | None) -> None:
        """Starts with all of the chunk to be decoded.

        Args:
            chunk: The chunk.
            source: Name of its jobs in logs.
            settings: Settings of the ``[speech]`` section.
            language: Language code; None: it is detected.
        """
        job = Job(source, chunk.start, chunk.samples, final=True, language=language)
        self.start, self.end = job.start, job.end
        self.language = language or ""
        self.expected_language: str | None = None
        self._decode = ClosedDecode(job, chunk.speech_frames, settings)

    @property
    def words(self) -> tuple[RecognizedWord, ...]:
        """What was recognized; complete when there is no ``job``."""
        return self._decode.words

    @property
    def job(self) -> Job | None:
        """The next job; None when the chunk is decoded."""
        job = self._decode.job
        return replace(job, expected_language=self.expected_language) if job else None

    def apply(self, hypothesis: Hypothesis) -> None:
        """Applies the hypothesis for ``job``."""
        self.language = self.language or hypothesis.language
        self._decode.apply(hypothesis)
