"""Transcribes a recording: many passages side by side, for nobody waits for the first word."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Never

from streamstt.audio.format import SAMPLE_RATE
from streamstt.audio.sources import AudioFile
from streamstt.config.settings import SpeechSettings
from streamstt.config.words import WordsSettings
from streamstt.engine.base import Engine, Job
from streamstt.events import Final
from streamstt.recordings.chunks import Chunk, ChunkDecode, ChunkSplitter, write_captions
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.rewriting import WordRewriter

BLOCK_S = 10  # of audio that is read at once: the voice detector, too, hears more at a time for less

OnProgress = Callable[[float, float], None]
"""Told the seconds done and the seconds in all."""


def transcribe(
    path: Path,
    engine: Engine,
    settings: SpeechSettings,
    language: str | None,
    on_progress: OnProgress | None = None,
    words: WordsSettings | None = None,
) -> list[Final]:
    """The final captions of a recording.

    Args:
        path: Any file that libsndfile reads.
        engine: A loaded engine.
        settings: The ``[speech]`` section.
        language: Code, or None to detect it in each utterance.
        on_progress: Called as it goes on.
        words: The ``[words]`` section; None: words are written as heard.

    Raises:
        SourceError: The file cannot be read.
        EngineError: The engine failed.
    """
    from streamstt.recordings.silero import make_batch_detector  # noqa: PLC0415 - torch takes seconds to import

    # When the language is to be detected, each utterance may have its own.
    cutter = ChunkSplitter(settings, make_batch_detector(settings), join=language is not None)
    source = AudioFile(path, fast=True, block_s=BLOCK_S)
    source.open()
    try:
        total = source.duration_s
        done = 0.0
        fresh = (ChunkDecode(passage, path.stem, settings, language) for passage in _read_chunks(source, cutter))
        heard = []
        for listening in decode_chunks(fresh, engine):
            heard.append(listening)
            done = max(done, listening.end / SAMPLE_RATE)
            if on_progress:
                on_progress(min(done, total), total)
    finally:
        source.close()
    if on_progress:
        on_progress(total, total)
    heard.sort(key=lambda listening: listening.start)
    writer = CaptionWriter(path.stem, rewriter=WordRewriter(words))
    return [final for listening in heard for final in write_captions(listening, writer, settings) if final.text]


def _read_chunks(source: AudioFile, splitter: ChunkSplitter) -> Iterator[Chunk]:
    """All of a file, read as far as passages are wanted."""
    while block := source.read(Never()):
        yield from splitter.push(block)
    yield from splitter.flush()


def decode_chunks(decodes: Iterator[ChunkDecode], engine: Engine) -> Iterator[ChunkDecode]:
    """Has all of them heard; gives each when it is done, and holds no more of them than the engine takes at a time.

    What language a scrap of speech is in depends on what was spoken before it, as far as that is known.
    """
    last: ChunkDecode | None = None  # with words, of those that were heard
    asked: dict[int, ChunkDecode] = {}  # by where its job begins
    again: list[ChunkDecode] = []  # something in them was not heard

    def jobs() -> Iterator[Job]:
        while listening := again.pop() if again else next(decodes, None):
            listening.expected_language = last.language if last else None
            if job := listening.job:
                asked[job.start] = listening
                yield job

    more = True
    while more:
        for hypothesis in engine.decode_batch(jobs()):
            listening = asked.pop(hypothesis.job.start)
            listening.apply(hypothesis)
            if listening.job:
                again.append(listening)
                continue
            if listening.words and (last is None or last.start < listening.start):
                last = listening
            yield listening
        more = bool(again)  # the last answers may ask for more when no other job was left
