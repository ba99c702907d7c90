"""The caption pipeline: feeds the sessions of all sources, runs the engine, and publishes captions and source states.

It runs on the event loop; the capture threads and the one engine thread run beside it. It must not know where audio
comes from, nor who reads the captions.
"""

import asyncio
import logging
from functools import partial

from streamstt.audio.format import SAMPLE_RATE, Block
from streamstt.audio.mixing import count_bad, make_finite
from streamstt.audio.vad import make_detector
from streamstt.captioning.live_source import LiveSource, source_settings
from streamstt.captioning.liveness import Liveness
from streamstt.captioning.metrics import PipelineMetrics
from streamstt.captioning.pace import Pace
from streamstt.captioning.pause_watch import PauseWatch
from streamstt.captioning.remote_source import RemoteSource, RemoteSourceRequest, free_name
from streamstt.captioning.scheduling import Scheduler
from streamstt.captioning.second_looks import SecondLooks
from streamstt.captioning.stream_times import Origin, StreamTimes
from streamstt.clock import loop_time, utc_timestamp
from streamstt.config.settings import Settings
from streamstt.engine.background import BackgroundDecoder
from streamstt.engine.runner import EngineRunner
from streamstt.errors import EngineError, SourceError
from streamstt.events import Event, Final, State, Status
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError, SourceInfo
from streamstt.logs import CAPTION_LOGGER
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.passages import PassageCollector
from streamstt.speech.rewriting import WordRewriter
from streamstt.speech.session import DetectorFactory, Session
from streamstt.speech.voice_level import TOO_QUIET

log = logging.getLogger(__name__)
caption_log = logging.getLogger(CAPTION_LOGGER)


class CaptionPipeline:
    """Owns the sessions, and publishes captions and the state of each source; decodes only while ``run`` is running.

    Nothing else publishes the state of a source: the code that reads its audio calls methods of this class.

    Attributes:
        metrics: Collects the figures of sources and engine for monitoring.
        liveness: When each device last delivered audio.
        pace: How long updates take.
        background_decoder: Decodes for uploads when no source needs the engine.
        second_looks: Hears passages again when no source needs the engine.
    """

    def __init__(
        self,
        settings: Settings,
        engine: EngineRunner,
        hub: Hub,
        make_detector: DetectorFactory = make_detector,
    ) -> None:
        """Starts without sources.

        Args:
            settings: All settings.
            engine: A started engine.
            hub: Where captions and source states are published.
            make_detector: Makes the voice detector of each source.
        """
        self._settings = settings
        self._engine = engine
        self._hub = hub
        self._make_detector = make_detector
        self._rewriter = WordRewriter(settings.words)
        self._scheduler = Scheduler()
        self._sources: dict[str, LiveSource] = {}
        self._closing: list[Session] = []
        self._remote_names: set[str] = set()
        self.metrics = PipelineMetrics(hub.counters, engine, lambda: (s.session for s in self._sources.values()))
        self.liveness = Liveness()
        self.pace = Pace()
        self._stopping = False
        self._work_available = asyncio.Event()  # audio has arrived: the engine may have something to do
        self.background_decoder = BackgroundDecoder(settings, self._work_available.set)
        self.second_looks = SecondLooks(settings, engine, hub, self._work_available.set)
        self._decode_done = asyncio.Event()  # replaced after each decode: a session may have capacity, or be final

    def stall_reason(self, decode_s: float) -> str:
        """Describes in a sentence what is stuck; empty if nothing is.

        Args:
            decode_s: How long a decode may take, in seconds.
        """
        return self.liveness.stall_reason(loop_time(), self._engine.busy_since, decode_s)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    def reload(self, settings: Settings) -> None:
        """Replaces the settings.

        A source uses new settings of speech and language from its next silence on, those of words from its next
        caption on.
        """
        self._settings = self.background_decoder.settings = self.second_looks.settings = settings
        self._rewriter.update_settings(settings.words)
        for source in self._sources.values():
            source.session.update_settings(*source_settings(settings, source.language, source.end_silence_ms))

    def add_source(
        self,
        name: str,
        label: str,
        language: str,
        color: str = "",
        end_silence_ms: int = 0,
        *,
        origin: Origin = Origin.CLIENT,
    ) -> Session:
        """Adds a source.

        Args:
            name: Name that no other source has.
            label: Name that viewers see.
            language: Language code, ``auto``, or empty for ``engine.language``.
            color: CSS color of its captions; empty: pages choose one.
            end_silence_ms: Overrides ``speech.end_silence_ms``; 0: it does not.
            origin: Where its audio comes from.

        Returns:
            The session that takes the audio of the source.
        """
        speech, session_language = source_settings(self._settings, language, end_silence_ms)
        # Caption ids must be new: a source of this name may have existed before, in this run or in an earlier one
        # whose captions are kept.
        id_prefix = f"{name}@{self._hub.seq}" if self._hub.seq else name
        passages = PassageCollector()
        writer = CaptionWriter(name, id_prefix, self._rewriter, passages)
        session = Session(name, speech, self._make_detector, session_language, writer)
        times = StreamTimes(origin)
        pause_watch = PauseWatch(lambda: session.awaits_engine, partial(self.interrupt, session))
        self._sources[name] = LiveSource(session, writer, passages, times, pause_watch, language, end_silence_ms)
        self._scheduler.add(session)
        self._hub.add_source(SourceInfo(name, label, utc_timestamp(), color), times.time_of)
        return session

    def push(self, session: Session, block: Block) -> None:
        """Passes a block of audio to its session; never waits."""
        if self._stopping:
            return
        self._note_arrival(session, block)
        samples = make_finite(block.samples)  # sources of other programs may deliver anything
        if samples is not block.samples:
            self.metrics.count_bad_samples(session.source, count_bad(block.samples))
        block = Block(block.start, samples)
        self._hub.counters.for_source(session.source).audio_s.inc(len(block.samples) / SAMPLE_RATE)
        self._hub.levels.measure(session.source, block.samples, loop_time())
        was_too_quiet = session.voice_too_quiet
        self._publish(session.push(block))
        if session.voice_too_quiet != was_too_quiet:
            self.notify_device(session, "quiet", TOO_QUIET if session.voice_too_quiet else "")
        self._collect_passages(session)
        if session.need():  # silence does not wake the engine's loop
            self._work_available.set()

    def _note_arrival(self, session: Session, block: Block) -> None:
        source, clock = self._sources[session.source], self._hub.session_clock
        source.note_arrival(block, clock.elapsed_time() if block.received_at is None else block.received_at)
        if session.position == 0:
            self._hub.start_source(session.source, clock.timestamp(source.times.time_of(0)).at)

    def interrupt(self, session: Session) -> None:
        """Ends the open utterance, because no audio follows for now; its captions become final soon."""
        if source := self._sources.get(session.source):
            source.paused = True
        self._publish(session.interrupt())
        self._collect_passages(session)
        self._work_available.set()

    async def wait_for_capacity(self, session: Session) -> None:
        """Waits until at most half of the source's buffer is waiting for the engine."""
        while session.backlog > session.capacity // 2:
            await self._wait_for_decode()

    async def wait_until_final(self, session: Session, until: int | None = None) -> None:
        """Waits until all speech is in finals, or all that began before the sample index ``until``."""
        while not session.settled and (until is None or session.final_until < until):
            await self._wait_for_decode()

    def end_source(self, session: Session) -> None:
        """Ends a remote source; it is removed after its last final."""
        self.interrupt(session)
        self._closing.append(session)
        self._drop_finished()

    async def finish_all(self) -> None:
        """Ends the open utterances of all sources and waits until they are final; later audio is dropped."""
        self._stopping = True
        for source in list(self._sources.values()):
            self.interrupt(source.session)
            await self.wait_until_final(source.session)

    def add_remote_source(self, request: RemoteSourceRequest) -> RemoteSource:
        """Adds a source for a client that sends audio.

        Args:
            request: Name, language and label that the client asks for; a name in use gets a number.

        Raises:
            ClientError: Too many clients send audio, or the model does not know the language.
        """
        limit = self._settings.server.max_audio_clients
        if len(self._remote_names) >= limit:
            raise ClientError("too_many", f"{limit} clients send audio already (server.max_audio_clients)", 1013)
        languages = self._engine.info.languages
        if request.language not in {"", "auto", *languages}:
            raise ClientError("bad_language", f"the model knows {', '.join(languages)}, not {request.language!r}")
        name = free_name(request.name, self._sources)
        self._remote_names.add(name)
        silence_ms = request.end_silence_ms
        session = self.add_source(name, request.label or request.name, request.language, end_silence_ms=silence_ms)
        self.mark_listening(session)
        return RemoteSource(self, session, self._remote_names)

    def mark_listening(self, session: Session) -> None:
        """Publishes that the audio of a source begins or continues."""
        self._hub.set_device_pending(session.source, False)
        self._hub.publish(Status(session.source, State.LISTENING))

    def mark_waiting(self, session: Session, reason: str) -> None:
        """Publishes that the device of a source has not appeared yet.

        Args:
            session: The session of the source.
            reason: A sentence for viewers.
        """
        self._pause(session, State.WAITING, reason)

    def mark_lost(self, session: Session, reason: str) -> None:
        """Ends the open utterance of a source, and publishes that its device is lost.

        Args:
            session: The session of the source.
            reason: A sentence for viewers.
        """
        self._pause(session, State.LOST, reason)

    def _pause(self, session: Session, state: State, reason: str) -> None:
        log.warning("source %s is %s: %s", session.source, state.value, reason)
        self.interrupt(session)
        self.liveness.expect_no_audio(session.source)
        if state is State.WAITING:
            self._hub.set_device_pending(session.source, True)
        self._hub.publish(Status(session.source, state, reason))

    def notify_device(self, session: Session, topic: str, text: str) -> None:
        """Publishes a notice about the device of a source.

        Args:
            session: The session of the source.
            topic: What the notice is about; a new text replaces the last one of this topic.
            text: A sentence for viewers; empty: the matter is over.
        """
        level = logging.WARNING if text else logging.INFO
        log.log(level, "source %s: %s", session.source, text or f"{topic} is over")
        self._hub.notify(topic, text, session.source)

    async def end_local_source(self, session: Session, error: SourceError | None) -> None:
        """Waits until all speech of a local source is final, and publishes that it has ended; it stays listed.

        Args:
            session: The session of the source.
            error: Why the source failed; None: it has ended as it should.
        """
        self.liveness.expect_no_audio(session.source)
        self._sources[session.source].pause_watch.stop()
        self.interrupt(session)
        await self.wait_until_final(session)
        self._hub.set_device_pending(session.source, False)
        detail = str(error) if error else "The source has ended."
        self._hub.publish(Status(session.source, State.LOST if error else State.WAITING, detail))

    async def run(self) -> None:
        """Decodes one job after another, the most urgent first, until it is cancelled.

        Raises:
            EngineError: The engine is broken; what was recognized so far is final.
        """
        try:
            await self._run()
        except EngineError as error:
            log.error("%s", error)
            self._hub.notify("engine", "The speech engine is broken; captions end here.")
            self._stopping = True
            for source in self._sources.values():
                self._publish(source.session.fail_all())
            self._signal_decode_done()
            self.background_decoder.fail_all(error)
            raise

    async def _run(self) -> None:
        notify = partial(self._hub.notify, "engine")
        while True:
            session = self._scheduler.next()
            if session:
                self._report_lag(session)
            job = session.next_job() if session else None
            if session is None or job is None:
                if not (await self.second_looks.step() or await self.background_decoder.run_one(self._engine, notify)):
                    self._work_available.clear()
                    await self._work_available.wait()
                continue
            started_at = loop_time()
            hypothesis = await self._engine.decode(job, notify)
            log.debug("%s", hypothesis or f"{job}: given up")
            self._publish(session.apply(hypothesis) if hypothesis else session.fail_job())
            self._collect_passages(session)
            age_s = (session.position - job.end) / SAMPLE_RATE
            decode_s = loop_time() - started_at
            self._hub.counters.count_decode(final=job.final, decode_s=decode_s, age_s=age_s)
            if not job.final:
                self.pace.add(loop_time(), session.source, decode_s)
            self._report_lag(session)
            self._drop_finished()
            self._signal_decode_done()

    def _collect_passages(self, session: Session) -> None:
        source = self._sources.get(session.source)
        if source and not self._stopping:
            self.second_looks.collect(session, source.passages, source.writer, ended=source.paused)

    def _signal_decode_done(self) -> None:
        self._decode_done.set()
        self._decode_done = asyncio.Event()

    def _drop_finished(self) -> None:
        """Removes the remote sources that have ended and whose speech is final."""
        for session in [s for s in self._closing if s.settled]:
            self._closing.remove(session)
            self._sources.pop(session.source).pause_watch.stop()
            self._scheduler.remove(session)
            self._hub.publish(Status(session.source, State.WAITING, "The client has left.", left=True))
            self._hub.remove_source(session.source)

    def _report_lag(self, session: Session) -> None:
        """Publishes when the captions of a source become late, and when they no longer are."""
        source = self._sources.get(session.source)  # it may just have been removed
        if source and source.update_lag(self._hub.session_clock.elapsed_time()):
            level, text = (logging.WARNING, "is behind") if source.lag.late else (logging.INFO, "keeps up again")
            log.log(level, "source %s: the engine %s", session.source, text)
            self._hub.notify("late", source.lag.notice, session.source)

    def _publish(self, events: list[Event]) -> None:
        self._hub.publish(*events)
        for event in events:
            if isinstance(event, Final) and event.text:
                caption_log.info("%s: %s", event.source, event.text)

    async def _wait_for_decode(self) -> None:
        self._work_available.set()
        await self._decode_done.wait()
