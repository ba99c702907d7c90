"""All sources and their way to captions: feeds sessions, runs the engine, publishes what comes out.

Lives on the event loop; beside it run the capture threads and the one engine thread.
"""

import asyncio
import logging
from functools import partial

from streamstt.audio.format import SAMPLE_RATE, Block
from streamstt.audio.vad import make_detector
from streamstt.captioning.liveness import Liveness
from streamstt.captioning.metrics import PipelineMetrics
from streamstt.captioning.remote_source import RemoteSource, RemoteSourceRequest, free_name
from streamstt.captioning.scheduling import LagMonitor, Scheduler
from streamstt.clock import loop_time, now_samples, utc_timestamp
from streamstt.config.settings import Settings, SpeechSettings
from streamstt.engine.background import BackgroundDecoder
from streamstt.engine.runner import EngineRunner
from streamstt.errors import EngineError
from streamstt.events import Event, Final, State, Status
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError, SourceInfo
from streamstt.logs import CAPTION_LOGGER
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.rewriting import WordRewriter
from streamstt.speech.session import Session

log = logging.getLogger(__name__)
caption_log = logging.getLogger(CAPTION_LOGGER)


class CaptionPipeline:
    """Owns the sessions. ``run`` must be running for captions to come out.

    Attributes:
        metrics: What is told to monitors.
        liveness: When devices gave audio last.
        background_decoder: What the engine does when no source needs it.
    """

    def __init__(self, settings: Settings, engine: EngineRunner, hub: Hub) -> None:
        """Has no sources yet.

        Args:
            settings: All of them.
            engine: Started.
            hub: Where captions go.
        """
        self._settings = settings
        self._engine = engine
        self._hub = hub
        self._rewriter = WordRewriter(settings.words)
        self._scheduler = Scheduler()
        self._sessions: dict[str, Session] = {}
        self._overrides: dict[
            str, tuple[str, int]
        ] = {}  # language and end_silence_ms, as each session's source wants it
        self._closing: list[Session] = []
        self._remote_names: set[str] = set()
        self._lag_monitors: dict[str, LagMonitor] = {}  # of the sources that have sent audio
        self.metrics = PipelineMetrics(hub.counters, engine, self._sessions)
        self.liveness = Liveness()
        self._stopping = False
        self._work_available = asyncio.Event()  # audio came: the engine may have something to do
        self.background_decoder = BackgroundDecoder(settings, self._work_available.set)
        self._decode_done = asyncio.Event()  # a decode is done: somebody may have room, or be settled

    def stall_reason(self, decode_s: float) -> str:
        """What is stuck, as a sentence; empty when all goes on. A decode may take ``decode_s``."""
        return self.liveness.stall_reason(loop_time(), self._engine.busy_since, decode_s)

    def reload(self, settings: Settings) -> None:
        """Takes other settings: of speech and language from each source's next silence, of words its next caption."""
        self._settings = self.background_decoder.settings = settings
        self._rewriter.update_settings(settings.words)
        for name, session in self._sessions.items():
            session.update_settings(*self._source_settings(name))

    def add_source(self, name: str, label: str, language: str, color: str = "", end_silence_ms: int = 0) -> Session:
        """Adds a source.

        Args:
            name: Not in use.
            label: What viewers see.
            language: Code, ``auto``, or empty for the engine's setting.
            color: Its colour as CSS has it; empty: pages choose.
            end_silence_ms: In place of the setting; 0: that.
        """
        self._overrides[name] = language, end_silence_ms
        speech, spoken = self._source_settings(name)
        # A source of this name may have been here before, in this run or in an earlier one whose captions are kept.
        ids = f"{name}@{self._hub.seq}" if self._hub.seq else name
        writer = CaptionWriter(name, ids, self._rewriter)
        session = Session(name, speech, make_detector(speech), spoken, writer)
        self._sessions[name] = session
        self._scheduler.add(session)
        self._hub.add_source(SourceInfo(name, label, utc_timestamp(), color))
        return session

    def _source_settings(self, name: str) -> tuple[SpeechSettings, str | None]:
        """How a source is heard, and what it speaks, by its own wishes or the settings; None: it is to be detected."""
        language, end_silence_ms = self._overrides[name]
        own = {"end_silence_ms": end_silence_ms} if end_silence_ms else {}
        spoken = language or self._settings.engine.language
        return self._settings.speech.model_copy(update=own), None if spoken == "auto" else spoken

    def push(self, session: Session, block: Block) -> None:
        """Passes audio on; never waits."""
        if self._stopping:
            return
        if session.source not in self._lag_monitors:
            self._lag_monitors[session.source] = LagMonitor(now_samples() - len(block.samples))
        self._hub.counters.for_source(session.source).audio_s.inc(len(block.samples) / SAMPLE_RATE)
        self._hub.levels.measure(session.source, block.samples, loop_time())
        self._publish(session.push(block))
        if session.need():  # in silence nobody is woken
            self._work_available.set()

    def interrupt(self, session: Session) -> None:
        """No audio for a while, or for good: what was said becomes final soon."""
        self._publish(session.interrupt())
        self._work_available.set()

    async def wait_for_capacity(self, session: Session) -> None:
        """Waits until less than half of the source's buffer waits for the engine."""
        while session.backlog > session.capacity // 2:
            await self._wait_for_decode()

    async def wait_until_final(self, session: Session, until: int | None = None) -> None:
        """Waits until all that was said, or that was said before the sample ``until``, is final."""
        while not session.settled and (until is None or session.final_until < until):
            await self._wait_for_decode()

    def end_source(self, session: Session) -> None:
        """Ends a source; it is forgotten after its last final."""
        self.interrupt(session)
        self._closing.append(session)
        self._drop_finished()

    async def finish_all(self) -> None:
        """Ends what every source says now, and waits until it is final; what comes later is not heard."""
        self._stopping = True
        for session in list(self._sessions.values()):
            self.interrupt(session)
            await self.wait_until_final(session)

    def add_remote_source(self, request: RemoteSourceRequest) -> RemoteSource:
        """Makes a source of a client that sends audio.

        Raises:
            ClientError: There are too many, or the model does not know the language.
        """
        limit = self._settings.server.max_audio_clients
        if len(self._remote_names) >= limit:
            raise ClientError("too_many", f"{limit} clients send audio already (server.max_audio_clients)", 1013)
        known = self._engine.info.languages
        if request.language not in {"", "auto", *known}:
            raise ClientError("bad_language", f"the model speaks {', '.join(known)}, not {request.language!r}")
        name = free_name(request.name, self._sessions)
        self._remote_names.add(name)
        silence_ms = request.end_silence_ms
        session = self.add_source(name, request.label or request.name, request.language, end_silence_ms=silence_ms)
        self.mark_listening(session)
        return RemoteSource(self, session, self._remote_names)

    def mark_listening(self, session: Session) -> None:
        """The source's audio begins, or goes on: tells viewers."""
        if session.position == 0:
            self._hub.start_source(session.source, utc_timestamp())
        self._hub.set_device_pending(session.source, pending=False)
        self._hub.publish(Status(session.source, State.LISTENING))

    async def run(self) -> None:
        """Decodes whatever is most urgent, for ever.

        Raises:
            EngineError: The engine is broken; what was heard so far is final.
        """
        try:
            await self._run()
        except EngineError as problem:
            log.error("%s", problem)
            self._hub.notify("engine", "The speech engine is broken; captions end here.")
            self._stopping = True
            for session in self._sessions.values():
                self._publish(session.fail_all())
            self._signal_decode_done()
            self.background_decoder.fail_all(problem)
            raise

    async def _run(self) -> None:
        notify = partial(self._hub.notify, "engine")
        while True:
            session = self._scheduler.next()
            if session:
                self._report_lag(session)
            job = session.next_job() if session else None
            if session is None or job is None:
                if not await self.background_decoder.run_one(self._engine, notify):
                    self._work_available.clear()
                    await self._work_available.wait()
                continue
            begun = loop_time()
            hypothesis = await self._engine.decode(job, notify)
            log.debug("%s", hypothesis or f"{job}: given up")
            self._publish(session.apply(hypothesis) if hypothesis else session.fail_job())
            age_s = (session.position - job.end) / SAMPLE_RATE
            self._hub.counters.count_decode(final=job.final, decode_s=loop_time() - begun, age_s=age_s)
            self._report_lag(session)
            self._drop_finished()
            self._signal_decode_done()

    def _signal_decode_done(self) -> None:
        self._decode_done.set()
        self._decode_done = asyncio.Event()

    def _drop_finished(self) -> None:
        """Removes the sources that have left and said all."""
        for session in [s for s in self._closing if s.settled]:
            self._closing.remove(session)
            del self._sessions[session.source]
            self._overrides.pop(session.source)
            self._lag_monitors.pop(session.source, None)
            self._scheduler.remove(session)
            self._hub.publish(Status(session.source, State.WAITING, "The client has left.", left=True))
            self._hub.remove_source(session.source)

    def _report_lag(self, session: Session) -> None:
        """Tells viewers when captions become late, and when they no longer are."""
        lateness = self._lag_monitors.get(session.source)
        if lateness and lateness.update(session.overdue, session.position, now_samples()):
            log.warning("source %s: the engine %s", session.source, "is behind" if lateness.late else "keeps up again")
            self._hub.notify("late", lateness.notice, session.source)

    def _publish(self, events: list[Event]) -> None:
        self._hub.publish(*events)
        for event in events:
            if isinstance(event, Final) and event.text:
                caption_log.info("%s: %s", event.source, event.text)

    async def _wait_for_decode(self) -> None:
        self._work_available.set()
        await self._decode_done.wait()
