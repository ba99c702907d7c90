"""All sources and their way to captions: feeds sessions, runs the engine, publishes what comes out.

Lives on the event loop; beside it run the capture threads and the one engine thread.
"""

import asyncio
import logging
from concurrent.futures import Executor
from datetime import UTC, datetime

from streamstt.audio.capture import Capture, Ended, Found, Lost
from streamstt.audio.format import SAMPLE_RATE, Block, Samples
from streamstt.audio.vad import make_detector
from streamstt.config import Settings
from streamstt.errors import SourceError
from streamstt.lateness import Lateness
from streamstt.scheduler import Scheduler
from streamstt.serve.hub import Hub
from streamstt.serve.protocol import AudioOffer, ClientError, SourceInfo
from streamstt.speech.captions import Event, State, Status
from streamstt.speech.jobs import Engine
from streamstt.speech.session import Session

log = logging.getLogger(__name__)


def now() -> str:
    """Wall time, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Studio:
    """Owns the sessions. ``run`` must be running for captions to come out."""

    def __init__(self, settings: Settings, engine: Engine, hub: Hub) -> None:
        """Has no sources yet.

        Args:
            settings: All of them.
            engine: Used by one thread only.
            hub: Where captions go.
        """
        self._settings = settings
        self._engine = engine
        self._hub = hub
        self._scheduler = Scheduler()
        self._sessions: dict[str, Session] = {}
        self._leaving: list[Session] = []
        self._remote: set[str] = set()
        self._lateness: dict[str, Lateness] = {}  # of the sources that have sent audio
        self._stopping = False
        self._work = asyncio.Event()  # audio came: the engine may have something to do
        self._progress = asyncio.Event()  # a decode is done: somebody may have room, or be settled

    # ---- sources

    def open(self, name: str, label: str, language: str) -> Session:
        """Adds a source.

        Args:
            name: Not in use.
            label: What viewers see.
            language: Code, ``auto``, or empty for the engine's setting.
        """
        spoken = language or self._settings.engine.language
        speech = self._settings.speech
        session = Session(name, speech, make_detector(speech), None if spoken == "auto" else spoken)
        self._sessions[name] = session
        self._scheduler.add(session)
        self._hub.add_source(SourceInfo(name, label, now()))
        return session

    def push(self, session: Session, block: Block) -> None:
        """Passes audio on; never waits."""
        if self._stopping:
            return
        if session.source not in self._lateness:
            self._lateness[session.source] = Lateness(_clock() - len(block.samples))
        self._publish(session.push(block))
        if session.need():  # in silence nobody is woken
            self._work.set()

    def interrupt(self, session: Session) -> None:
        """No audio for a while, or for good: what was said becomes final soon."""
        self._publish(session.interrupt())
        self._work.set()

    async def room(self, session: Session) -> None:
        """Waits until less than half of the source's buffer waits for the engine."""
        while session.backlog > session.capacity // 2:
            await self._next_progress()

    async def settle(self, session: Session) -> None:
        """Waits until all that was said is final."""
        while not session.settled:
            await self._next_progress()

    def leave(self, session: Session) -> None:
        """Ends a source; it is forgotten after its last final."""
        self.interrupt(session)
        self._leaving.append(session)
        self._sweep()

    async def close_all(self) -> None:
        """Ends what every source says now, and waits until it is final; what comes later is not heard."""
        self._stopping = True
        for session in list(self._sessions.values()):
            self.interrupt(session)
            await self.settle(session)

    async def follow(self, capture: Capture, session: Session) -> SourceError | None:
        """Brings a capture's audio to its session until it ends, and returns why it failed, if it did."""
        hears = False  # some devices take seconds from open to the first sample: only then do we listen
        async for item in capture.items():
            match item:
                case Block():
                    if not hears:
                        hears = True
                        self._listen(session)
                    self.push(session, item)
                    if not capture.is_live:
                        await self.room(session)
                case Lost(why):
                    log.warning("source %s is lost: %s", session.source, why)
                    hears = False
                    self.interrupt(session)
                    self._hub.publish(Status(session.source, State.LOST, why))
                case Found():
                    log.info("source %s is back", session.source)
                case Ended(error):
                    if capture.dropped:
                        log.warning("source %s: %d blocks of audio came too fast", session.source, capture.dropped)
                    self.interrupt(session)
                    await self.settle(session)
                    detail = str(error) if error else "The source has ended."
                    self._hub.publish(Status(session.source, State.LOST if error else State.WAITING, detail))
                    return error
        return None

    def admit(self, offer: AudioOffer) -> "RemoteSource":
        """Makes a source of a client that sends audio.

        Raises:
            ClientError: There are too many, or the model does not know the language.
        """
        limit = self._settings.server.max_audio_clients
        if len(self._remote) >= limit:
            raise ClientError("too_many", f"{limit} clients send audio already (server.max_audio_clients)", 1013)
        known = self._engine.info.languages
        if offer.language not in {"", "auto", *known}:
            raise ClientError("bad_language", f"the model speaks {', '.join(known)}, not {offer.language!r}")
        name, n = offer.name, 1
        while name in self._sessions:
            n += 1
            name = f"{offer.name}-{n}"
        self._remote.add(name)
        session = self.open(name, offer.name, offer.language)
        self._listen(session)
        return RemoteSource(self, session, self._remote)

    def _listen(self, session: Session) -> None:
        if session.position == 0:
            self._hub.start_source(session.source, now())
        self._hub.publish(Status(session.source, State.LISTENING))

    # ---- engine

    async def run(self, thread: Executor) -> None:
        """Decodes whatever is most urgent, for ever.

        Args:
            thread: The engine's one thread.

        Raises:
            EngineError: The engine failed.
        """
        loop = asyncio.get_running_loop()
        while True:
            session = self._scheduler.next()
            if session:
                self._watch(session)
            job = session.next_job() if session else None
            if session is None or job is None:
                self._work.clear()
                await self._work.wait()
                continue
            hypothesis = await loop.run_in_executor(thread, self._engine.decode, job)
            log.debug("%s", hypothesis)
            self._publish(session.apply(hypothesis))
            self._watch(session)
            self._sweep()
            self._progress.set()
            self._progress = asyncio.Event()

    def _sweep(self) -> None:
        """Removes the sources that have left and said all."""
        for session in [s for s in self._leaving if s.settled]:
            self._leaving.remove(session)
            del self._sessions[session.source]
            self._lateness.pop(session.source, None)
            self._scheduler.remove(session)
            self._hub.publish(Status(session.source, State.WAITING, "The client has left."))
            self._hub.remove_source(session.source)

    def _watch(self, session: Session) -> None:
        """Tells viewers when captions become late, and when they no longer are."""
        lateness = self._lateness.get(session.source)
        if lateness and lateness.note(session.overdue, session.position, _clock()):
            log.warning("source %s: the engine %s", session.source, "is behind" if lateness.late else "keeps up again")
            self._hub.notify("late", lateness.detail, session.source)

    def _publish(self, events: list[Event]) -> None:
        self._hub.publish(*events)

    async def _next_progress(self) -> None:
        self._work.set()
        await self._progress.wait()


def _clock() -> int:
    """Samples that would have been spoken since some moment."""
    return int(asyncio.get_running_loop().time() * SAMPLE_RATE)


class RemoteSource:
    """A client's audio; implements the server's ``RemoteStream``."""

    def __init__(self, studio: Studio, session: Session, present: set[str]) -> None:
        """Takes over a session.

        Args:
            studio: Where the audio goes.
            session: Made for this client.
            present: Names of the clients that are here; the client's is taken out when it leaves.
        """
        self._studio = studio
        self._session = session
        self._present = present

    @property
    def name(self) -> str:
        """Name of the source that it became."""
        return self._session.source

    async def push(self, samples: Samples) -> None:
        """Takes 16 kHz audio; waits when the engine is far behind."""
        if len(samples):
            self._studio.push(self._session, Block(self._session.position, samples))
            await self._studio.room(self._session)

    async def finish(self) -> None:
        """No more audio comes; returns when the last final is published."""
        self._studio.interrupt(self._session)
        await self._studio.settle(self._session)

    def leave(self) -> None:
        """The client is gone; what it said and is not final yet is still captioned for the others."""
        self._present.discard(self.name)
        self._studio.leave(self._session)
