"""Transcribes a recording: decodes many chunks side by side, because nobody waits for the first word."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from streamstt.audio.format import SAMPLE_RATE
from streamstt.audio.level import LevelMeter
from streamstt.audio.sources import AudioFile
from streamstt.config.settings import SpeechSettings
from streamstt.config.words import WordsSettings
from streamstt.engine.base import Engine, Job
from streamstt.errors import SourceError
from streamstt.events import Final
from streamstt.recordings.captions import RecordingCaptions
from streamstt.recordings.chunks import Chunk, ChunkDecode, ChunkSplitter
from streamstt.recordings.hearing import describe_hearing
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.rewriting import WordRewriter

BLOCK_S = 10  # s of audio that are read at once: the voice detector, too, needs less time for longer blocks

log = logging.getLogger(__name__)

OnProgress = Callable[[float, float], None]
"""Called with the seconds that are done and the seconds in total."""


OnProblem = Callable[[str, bool], None]
"""Called with a sentence about what is wrong with a recording, and whether some of it could not be read."""


def transcribe(  # noqa: PLR0913, PLR0917 - a public function, whose parameters are optional from the fifth on
    path: Path,
    engine: Engine,
    settings: SpeechSettings,
    language: str | None,
    on_progress: OnProgress | None = None,
    words: WordsSettings | None = None,
    on_problem: OnProblem | None = None,
    track: int = 0,
) -> list[Final]:
    """Transcribes a recording.

    Args:
        path: A recording of any format that libsndfile or FFmpeg read.
        engine: A loaded engine.
        settings: Settings of the ``[speech]`` section.
        language: Language code; None: the language of each utterance is detected.
        on_progress: Called after each chunk, and at the end.
        words: Settings of the ``[words]`` section; None: words are written as recognized.
        on_problem: Called at the end with each problem; None: problems are logged.
        track: Number of the audio track, from 1 on; 0: the one that is meant for everybody.

    Returns:
        The final captions, in order.

    Raises:
        SourceError: Nothing of the file can be read.
        EngineError: The engine failed.
    """
    from streamstt.recordings.silero import make_batch_detector  # noqa: PLC0415 - torch takes seconds to import

    # When the language is to be detected, each utterance may be in another one.
    splitter = ChunkSplitter(settings, make_batch_detector(settings), join=language is not None)
    source = AudioFile(path, fast=True, block_s=BLOCK_S, track=track)
    report = on_problem or (lambda problem, _: log.warning("%s", problem))
    captions = RecordingCaptions(CaptionWriter(path.stem, rewriter=WordRewriter(words)), settings)
    finals: list[Final] = []
    level = LevelMeter()
    waiting: deque[ChunkDecode] = deque()  # in the order of audio: as many as are decoded at once, and their audio

    def begin(chunk: Chunk) -> ChunkDecode:
        waiting.append(ChunkDecode(chunk, path.stem, settings, language))
        return waiting[-1]

    source.open()
    try:
        total = source.duration_s
        done = 0.0
        decoded: set[int] = set()  # starts of those in ``waiting`` that are decoded
        for decode in decode_chunks(map(begin, _read_chunks(source, splitter, level, report)), engine):
            decoded.add(decode.start)
            while waiting and waiting[0].start in decoded:
                decoded.remove(waiting[0].start)
                finals += captions.add(waiting.popleft())
            done = max(done, decode.end / SAMPLE_RATE)
            if on_progress:
                on_progress(min(done, total), total)
        finals += captions.flush()
    finally:
        source.close()
    if problem := describe_hearing(
        level.current, source.bad_samples, too_quiet=splitter.voice_was_too_quiet, heard=bool(finals)
    ):
        report(f"{path}: {problem}", False)
    if on_progress:
        on_progress(total, total)
    return finals


def _read_chunks(source: AudioFile, splitter: ChunkSplitter, level: LevelMeter, report: OnProblem) -> Iterator[Chunk]:
    """Yields the chunks of a file, which is read no further than chunks are asked for; reports damage."""
    try:
        while block := source.read(Event()):
            level.push(block.samples)
            yield from splitter.push(block)
    except SourceError as damage:  # comes after all that can be read
        report(str(damage), True)
    yield from splitter.flush()


def decode_chunks(decodes: Iterator[ChunkDecode], engine: Engine) -> Iterator[ChunkDecode]:
    """Decodes chunks, many at a time.

    The language of short speech depends on what was spoken before it, as far as that is decoded already.

    Args:
        decodes: The chunks to decode; no more are taken than the engine has room for.
        engine: A loaded engine.

    Yields:
        Each chunk when it is decoded, in any order.

    Raises:
        EngineError: The engine failed.
    """
    latest: ChunkDecode | None = None  # the latest chunk, in the order of audio, that is decoded and has words
    running: dict[int, ChunkDecode] = {}  # by the start of their job
    incomplete: list[ChunkDecode] = []  # something in them has to be decoded again

    def jobs() -> Iterator[Job]:
        while decode := incomplete.pop() if incomplete else next(decodes, None):
            decode.expected_language = latest.language if latest else None
            if job := decode.job:
                running[job.start] = decode
                yield job

    more = True
    while more:
        for hypothesis in engine.decode_batch(jobs()):
            decode = running.pop(hypothesis.job.start)
            decode.apply(hypothesis)
            if decode.job:
                incomplete.append(decode)
                continue
            if decode.words and (latest is None or latest.start < decode.start):
                latest = decode
            yield decode
        more = bool(incomplete)  # the last hypotheses may ask for more when no other job was left
