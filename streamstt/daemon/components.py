"""The parts that a daemon is composed of."""

from collections.abc import Sequence
from dataclasses import dataclass

from streamstt.audio.capture import Capture
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.compat.wyoming.server import WyomingServer
from streamstt.config.settings import SourceSettings
from streamstt.engine.runner import EngineRunner
from streamstt.hub.hub import Hub
from streamstt.outputs.factory import CaptionOutput
from streamstt.server.server import CaptionServer
from streamstt.transcripts.archive import Archive
from streamstt.transcripts.writer import TranscriptWriter


@dataclass(frozen=True, slots=True)
class Components:
    """What a daemon is made of."""

    hub: Hub
    engine: EngineRunner
    pipeline: CaptionPipeline
    server: CaptionServer
    captures: Sequence[tuple[SourceSettings, Capture]]
    accepts_remote: bool  # clients may come with audio when all other sources have ended
    archive: Archive | None
    transcript: TranscriptWriter | None
    wyoming: WyomingServer
    outputs: Sequence[CaptionOutput] = ()
