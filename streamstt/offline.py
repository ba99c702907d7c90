"""Transcribes a recording through the same session and engine as live audio, without pacing or partials."""

from collections.abc import Callable
from pathlib import Path
from threading import Event as Never

from streamstt.audio.format import SAMPLE_RATE
from streamstt.audio.sources import AudioFile
from streamstt.audio.vad import make_detector
from streamstt.config import Speech
from streamstt.speech.captions import Event, Final
from streamstt.speech.jobs import Engine
from streamstt.speech.session import Session

ROOM_S = 120  # of audio: an utterance that waits, one that is spoken, and what the engine is hearing

Advance = Callable[[float, float], None]
"""Told the seconds done and the seconds in all."""


def transcribe(
    path: Path, engine: Engine, settings: Speech, language: str | None, advance: Advance | None = None
) -> list[Final]:
    """The final captions of a recording.

    Args:
        path: Any file that libsndfile reads.
        engine: A loaded engine.
        settings: The ``[speech]`` section.
        language: Code, or None to detect it in each utterance.
        advance: Called as it goes on.

    Raises:
        SourceError: The file cannot be read.
        EngineError: The engine failed.
    """
    settings = settings.model_copy(update={"buffer_s": max(settings.buffer_s, ROOM_S)})
    session = Session(path.stem, settings, make_detector(settings), language)
    source = AudioFile(path, fast=True)
    finals: list[Final] = []

    def take(events: list[Event]) -> None:
        finals.extend(e for e in events if isinstance(e, Final) and e.text)

    # An utterance that waits takes in the next ones, up to a whole window: the more Whisper hears, the better. Not when
    # the language is to be detected, for each may have its own.
    together = 1 if language else 0

    def decode(*, last: bool = False) -> None:
        while session.waiting > (0 if last else together) and (job := session.next_job()):
            take(session.apply(engine.decode(job)))

    source.open()
    try:
        total = source.duration_s
        while block := source.read(Never()):
            take(session.push(block))
            decode()
            if advance:
                advance(block.end / SAMPLE_RATE, total)
    finally:
        source.close()
    take(session.interrupt())
    decode(last=True)
    return finals
