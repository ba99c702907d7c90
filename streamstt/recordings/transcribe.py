"""Transcribes a recording: many passages side by side, for nobody waits for the first word."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Never

from streamstt.audio.format import SAMPLE_RATE
from streamstt.audio.sources import AudioFile
from streamstt.config.settings import Speech
from streamstt.config.words import Words
from streamstt.engine.base import Engine, Job
from streamstt.events import Final
from streamstt.recordings.chunks import Cutter, Listening, Passage, captions
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.rewriting import Rewriting

BLOCK_S = 10  # of audio that is read at once: the voice detector, too, hears more at a time for less

Advance = Callable[[float, float], None]
"""Told the seconds done and the seconds in all."""


def transcribe(
    path: Path,
    engine: Engine,
    settings: Speech,
    language: str | None,
    advance: Advance | None = None,
    words: Words | None = None,
) -> list[Final]:
    """The final captions of a recording.

    Args:
        path: Any file that libsndfile reads.
        engine: A loaded engine.
        settings: The ``[speech]`` section.
        language: Code, or None to detect it in each utterance.
        advance: Called as it goes on.
        words: The ``[words]`` section; None: words are written as heard.

    Raises:
        SourceError: The file cannot be read.
        EngineError: The engine failed.
    """
    from streamstt.recordings.silero import make_judge  # noqa: PLC0415 - torch takes seconds to import

    # When the language is to be detected, each utterance may have its own.
    cutter = Cutter(settings, make_judge(settings), join=language is not None)
    source = AudioFile(path, fast=True, block_s=BLOCK_S)
    source.open()
    try:
        total = source.duration_s
        done = 0.0
        fresh = (Listening(passage, path.stem, settings, language) for passage in _passages(source, cutter))
        heard = []
        for listening in hear(fresh, engine):
            heard.append(listening)
            done = max(done, listening.end / SAMPLE_RATE)
            if advance:
                advance(min(done, total), total)
    finally:
        source.close()
    if advance:
        advance(total, total)
    heard.sort(key=lambda listening: listening.start)
    writer = CaptionWriter(path.stem, rewriting=Rewriting(words))
    return [final for listening in heard for final in captions(listening, writer, settings) if final.text]


def _passages(source: AudioFile, cutter: Cutter) -> Iterator[Passage]:
    """All of a file, read as far as passages are wanted."""
    while block := source.read(Never()):
        yield from cutter.push(block)
    yield from cutter.end()


def hear(fresh: Iterator[Listening], engine: Engine) -> Iterator[Listening]:
    """Has all of them heard; gives each when it is done, and holds no more of them than the engine takes at a time.

    What language a scrap of speech is in depends on what was spoken before it, as far as that is known.
    """
    last: Listening | None = None  # with words, of those that were heard
    asked: dict[int, Listening] = {}  # by where its job begins
    again: list[Listening] = []  # something in them was not heard

    def jobs() -> Iterator[Job]:
        while listening := again.pop() if again else next(fresh, None):
            listening.expected = last.language if last else None
            if job := listening.job:
                asked[job.start] = listening
                yield job

    more = True
    while more:
        for hypothesis in engine.decode_many(jobs()):
            listening = asked.pop(hypothesis.job.start)
            listening.take(hypothesis)
            if listening.job:
                again.append(listening)
                continue
            if listening.words and (last is None or last.start < listening.start):
                last = listening
            yield listening
        more = bool(again)  # the last answers may ask for more when no other job was left
