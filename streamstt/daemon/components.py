"""The parts that a daemon is composed of, and how new settings reach them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from streamstt.audio.capture import Capture
from streamstt.audio.vad import make_detector
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.compat.wyoming.server import WyomingServer
from streamstt.config.changes import Changes
from streamstt.config.settings import SourceSettings
from streamstt.daemon.model_switch import ModelSwitch
from streamstt.engine.runner import EngineRunner
from streamstt.hub.hub import Hub
from streamstt.outputs.factory import CaptionOutput
from streamstt.server.server import CaptionServer
from streamstt.transcripts.archive import Archive
from streamstt.transcripts.writer import TranscriptWriter
from streamstt.whisper.loader import require_languages
from streamstt.whisper.model_choice import AUTO

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Components:
    """The parts of a daemon.

    Attributes:
        hub: Where captions are published.
        engine: The speech engine in its thread.
        models: Changes its model.
        pipeline: Turns audio into captions.
        server: Serves pages, viewers and clients that send audio.
        captures: The local sources, each with its settings.
        accepts_remote: Whether clients may still send audio when all local sources have ended.
        archive: The transcripts on disk; None: none are kept.
        transcript: Writes the transcript; None: none is kept.
        wyoming: Serves Home Assistant.
        outputs: Send captions to other programs.
    """

    hub: Hub
    engine: EngineRunner
    models: ModelSwitch
    pipeline: CaptionPipeline
    server: CaptionServer
    captures: Sequence[tuple[SourceSettings, Capture]]
    accepts_remote: bool
    archive: Archive | None
    transcript: TranscriptWriter | None
    wyoming: WyomingServer
    outputs: Sequence[CaptionOutput] = ()

    async def apply(self, changes: Changes) -> None:
        """Checks new settings, and then hands them to the parts that they concern.

        Raises:
            StreamsttError: The voice detector or the model cannot do what they ask for; nothing has changed.
        """
        settings = changes.settings
        make_detector(settings.speech)
        # What "auto" stands for depends on the language.
        is_new = "engine.model" in changes.live or (settings.engine.model == AUTO and "engine.language" in changes.live)
        if not (is_new and await self.models.apply(settings)):
            require_languages(self.engine.info, settings.engine.language)
            if "engine.vocabulary" in changes.live:
                await self.models.set_vocabulary(settings.engine.vocabulary)
        self.hub.set_daemon_info(replace(self.hub.daemon_info, language=settings.engine.language))
        self.pipeline.reload(settings)
        self.server.reload(settings.server)
        self.server.set_overlay(settings.overlay)
        if self.archive:
            self.archive.reload(settings.transcript)
            self.archive.holds = settings.engine.looks_again
        if changes.needs_restart:
            log.warning("these settings have changed and need a restart: %s", ", ".join(changes.needs_restart))
