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
    session = Session(path.stem, settings, make_detector(settings), language)
    source = AudioFile(path, fast=True)
    finals: list[Final] = []

    def take(events: list[Event]) -> None:
        finals.extend(e for e in events if isinstance(e, Final) and e.text)

    def decode(*, last: bool = False) -> None:
        # An utterance that waits takes in the next ones, up to a whole window: the more Whisper hears, the better.
        while session.waiting > (0 if last else 1) and (job := session.next_job()):
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
