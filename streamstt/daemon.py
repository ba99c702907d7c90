"""The composition root: builds the parts, connects them, and takes them apart in order."""

import asyncio
import gc
import logging
import os
import signal
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from streamstt.audio.capture import Capture
from streamstt.audio.sources import make_source
from streamstt.audio.vad import make_detector
from streamstt.audio.waiting import look, waits
from streamstt.compat.wyoming_client import Desk
from streamstt.compat.wyoming_server import WyomingServer
from streamstt.config import Settings
from streamstt.config import Source as SourceSettings
from streamstt.config_layers import state_folder
from streamstt.engine_room import EngineRoom
from streamstt.errors import EngineError, SourceError, StreamsttError
from streamstt.following import follow
from streamstt.logs import watch_loop
from streamstt.measures import of_transcript
from streamstt.serve.endpoints import make_endpoints
from streamstt.serve.hub import Hub
from streamstt.serve.protocol import About
from streamstt.serve.server import Server
from streamstt.service.keeper import Keeper
from streamstt.service.manager import Manager
from streamstt.service.reloading import Parts, Reloader, reloading_by_signal
from streamstt.sinks.archive import Archive
from streamstt.sinks.outlets import finish, make_outlets
from streamstt.sinks.transcript import Transcript
from streamstt.speech.jobs import EngineInfo
from streamstt.studio import Studio, now
from streamstt.version import __version__
from streamstt.whisper.checkpoint import Progress
from streamstt.whisper.engine import load_engine, require_languages

log = logging.getLogger(__name__)


Follower = asyncio.Task[SourceError | None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who starts the daemon, and what it tells them.

    Attributes:
        ready: Called with the address of the captions page when it can be opened.
        reload: Reads the settings again.
        progress: Told how far a model download is.
        manager: The service manager.
    """

    ready: Callable[[str], None]
    reload: Callable[[], Settings]
    progress: Progress | None = None
    manager: Manager = field(default_factory=Manager)


async def run(settings: Settings, around: Surroundings) -> None:
    """Captions until a signal comes, or until every source has ended.

    Args:
        settings: All of them.
        around: Who starts it.

    Raises:
        StreamsttError: Something that the daemon needs is not there, or failed.
    """
    watch_loop()
    make_detector(settings.speech)  # what it lacks is said now, not to the first client
    with ThreadPoolExecutor(1, "engine") as thread:
        parts = await _build(settings, around, thread)
        with _stopping_by_signal() as stop, reloading_by_signal() as reload:
            reloader = Reloader(settings, around.reload, parts, around.manager)
            try:
                failed = await _serve(parts, around, stop, reloader.run(reload))
            except ExceptionGroup as group:
                raise _first_of_ours(group) from group
    if failed and not stop.is_set():
        raise failed[0]


async def _build(settings: Settings, around: Surroundings, thread: Executor) -> Parts:
    """Makes everything that runs; what is wrong is said before the slow start, as far as that can be."""
    captures = await _open_sources(settings)
    archive = await asyncio.to_thread(_open_archive, settings) if settings.transcript.wanted else None
    engine = await _start_engine(settings, thread, around.manager.telling(around.progress))
    # What is there now stays: collecting garbage need not look at it again, which would take a tenth of a second.
    gc.collect()
    gc.freeze()
    hub = _make_hub(settings, engine.info, archive)
    transcript = Transcript(archive, hub) if archive else None
    studio = Studio(settings, engine, hub)
    server = Server(settings.server, hub, studio, transcript, make_endpoints(settings.compat))
    endless = len(captures) < len(settings.source)
    outlets = make_outlets(settings, hub)
    desk = Desk(hub, studio, engine.info.languages, settings.server.audio_idle_s)
    wyoming = WyomingServer(settings.compat, desk)
    return Parts(hub, engine, studio, server, captures, endless, archive, transcript, wyoming, outlets)


async def _serve(
    parts: Parts, around: Surroundings, stop: asyncio.Event, reloading: Coroutine[None, None, None]
) -> list[StreamsttError]:
    """Runs everything until it is to stop, or ends by itself; returns what failed."""
    hub, studio, server, transcript = parts.hub, parts.studio, parts.server, parts.transcript
    async with asyncio.TaskGroup() as tasks:
        beside = [tasks.create_task(reloading)]
        address = await server.start()
        await parts.wyoming.start()
        decoding = tasks.create_task(_decode(studio))
        if transcript:
            hub.counters.add_probe(partial(of_transcript, transcript))
            tasks.create_task(transcript.run())
        outlets = [tasks.create_task(outlet.run()) for outlet in parts.outlets]
        followers = await _follow_all(tasks, parts)
        around.ready(address)
        around.manager.ready()
        beside.append(tasks.create_task(Keeper(around.manager, hub, studio, address).run()))
        await _until(stop, decoding, [] if parts.endless else followers)
        around.manager.stopping()
        await _stop(parts, followers, outlets)
        for task in (decoding, *beside):
            task.cancel()
    ended = [decoding, *followers] if not decoding.cancelled() else followers
    return [error for task in ended if (error := task.result())]


async def _stop(parts: Parts, followers: list[Follower], outlets: list[asyncio.Task[None]]) -> None:
    """Each step needs the ones after it to be still alive."""
    for _, capture in parts.captures:
        await capture.stop()  # no new audio
    await asyncio.gather(*followers)  # what was read before is heard, and becomes final
    await parts.studio.close_all()  # so does what remote clients said
    await parts.server.drain()  # viewers receive it
    await parts.wyoming.drain()  # so does Home Assistant
    await finish(outlets)  # so do other programs
    if parts.transcript:
        parts.transcript.close()  # they have what it wrote


async def _open_sources(settings: Settings) -> list[tuple[SourceSettings, Capture]]:
    """Makes a capture of each local source, after a look: a wrong name fails before a slow start."""
    captures = []
    for source in settings.source:
        made = make_source(source)
        if made:
            await asyncio.to_thread(look, made, waits=waits(source))
            captures.append((source, Capture(source.name, made)))
    return captures


async def _start_engine(settings: Settings, thread: Executor, progress: Progress | None) -> EngineRoom:
    engine = EngineRoom(lambda: load_engine(settings.engine, progress), thread)
    await engine.start()
    require_languages(engine.info, *(s.language for s in settings.source))
    log.info("model %s on %s in %s is ready", engine.info.model, engine.info.device, engine.info.precision)
    return engine


async def _decode(studio: Studio) -> EngineError | None:
    """Runs the engine until the task is cancelled, or it breaks: then the last captions still have to go out."""
    try:
        await studio.run()
    except EngineError as error:
        return error
    return None


def _open_archive(settings: Settings) -> Archive:
    named = settings.transcript.folder
    folder = Path(named).expanduser() if named else state_folder() / "transcripts"
    return Archive(folder, settings.transcript, settings.server.history)


def _make_hub(settings: Settings, info: EngineInfo, archive: Archive | None) -> Hub:
    """A hub that goes on where the archive ends, if there is one."""
    about = About(
        version=__version__,
        session=archive.past.session if archive else uuid.uuid4().hex[:12],
        started_at=now(),
        model=info.model,
        precision=info.precision,
        language=settings.engine.language,
    )
    server = settings.server
    hub = Hub(
        about,
        history=server.history,
        hello_history=server.hello_history,
        queue=server.client_queue,
        sources=[source.name for source in settings.source if source.kind != "ws"],
    )
    if archive:
        hub.restore(archive.past.finals, archive.past.seq, archive.past.forgotten)
    return hub


async def _follow_all(tasks: asyncio.TaskGroup, parts: Parts) -> list[Follower]:
    """Runs each local source to its end, and returns when all are open, or waited for; clients see those too."""
    studio = parts.studio
    sessions = [studio.open(source.name, source.title, source.language) for source, _ in parts.captures]
    await asyncio.gather(*(capture.start() for _, capture in parts.captures))
    pairs = zip(parts.captures, sessions, strict=True)
    return [tasks.create_task(follow(studio, parts.hub, capture, session)) for (_, capture), session in pairs]


async def _until(stop: asyncio.Event, decoding: asyncio.Task[EngineError | None], followers: list[Follower]) -> None:
    """Waits for a signal, for the engine's end, or for the end of all sources if they are given."""
    signalled = asyncio.create_task(stop.wait())
    ended = asyncio.gather(*followers) if followers else asyncio.get_running_loop().create_future()
    try:
        await asyncio.wait({signalled, decoding, ended}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        signalled.cancel()
        if not followers:
            ended.cancel()


@contextmanager
def _stopping_by_signal() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set. A second signal leaves at once, losing what is not final."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)  # threads may hang; nothing that matters is open
        log.info("%s: finishing the last captions; once more to leave at once", number.name)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _first_of_ours(group: ExceptionGroup) -> BaseException:
    """The user's error in a group of failed tasks, or the group if there is none."""
    ours = group.subgroup(StreamsttError)
    while ours:
        first = ours.exceptions[0]
        if not isinstance(first, ExceptionGroup):
            return first
        ours = first
    return group
