"""The composition root: builds the parts, connects them, and takes them apart in order."""

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from streamstt.audio.capture import Capture
from streamstt.audio.format import SAMPLE_RATE
from streamstt.audio.sources import make_source
from streamstt.audio.vad import make_detector
from streamstt.audio.waiting import look, waits
from streamstt.config import Settings
from streamstt.config import Source as SourceSettings
from streamstt.errors import SourceError, StreamsttError
from streamstt.serve.hub import Hub
from streamstt.serve.protocol import About
from streamstt.serve.server import Server
from streamstt.sinks.transcript import TranscriptFile
from streamstt.speech.jobs import Engine, Job
from streamstt.studio import Studio, now
from streamstt.version import __version__
from streamstt.whisper.checkpoint import Progress
from streamstt.whisper.engine import load_engine, require_languages

log = logging.getLogger(__name__)


Follower = asyncio.Task[SourceError | None]


async def run(settings: Settings, *, ready: Callable[[str], None], progress: Progress | None = None) -> None:
    """Captions until a signal comes, or until every source has ended.

    Args:
        settings: All of them.
        ready: Called with the address of the captions page when it can be opened.
        progress: Told how far a model download is.

    Raises:
        StreamsttError: Something that the daemon needs is not there, or failed.
    """
    make_detector(settings.speech)  # what it lacks is said now, not to the first client
    with ThreadPoolExecutor(1, "engine") as thread:
        captures = await _open_sources(settings)
        transcript = TranscriptFile(settings.transcript.file) if settings.transcript.file else None
        engine = await _load(settings, thread, progress)
        hub = _make_hub(settings, engine)
        studio = Studio(settings, engine, hub)
        server = Server(settings.server, hub, studio)
        with _stopping_by_signal() as stop:
            try:
                async with asyncio.TaskGroup() as tasks:
                    address = await server.start()
                    decoding = tasks.create_task(studio.run(thread))
                    if transcript:
                        tasks.create_task(_write(transcript, hub))
                    followers = [tasks.create_task(_follow(studio, s, c)) for s, c in captures]
                    ready(address)
                    await _until(stop, followers if len(captures) == len(settings.source) else [])
                    await _stop([c for _, c in captures], followers, studio, server)
                    decoding.cancel()
            except ExceptionGroup as group:
                raise _first_of_ours(group) from group
        failed = [error for f in followers if (error := f.result())]
        if failed and not stop.is_set():
            raise failed[0]


async def _stop(captures: list[Capture], followers: list[Follower], studio: Studio, server: Server) -> None:
    """Each step needs the ones after it to be still alive."""
    for capture in captures:
        await capture.stop()  # no new audio
    await asyncio.gather(*followers)  # what was read before is heard, and becomes final
    await studio.close_all()  # so does what remote clients said
    await server.drain()  # viewers and files receive it


async def _open_sources(settings: Settings) -> list[tuple[SourceSettings, Capture]]:
    """Makes a capture of each local source, after a look: a wrong name fails before a slow start."""
    captures = []
    for source in settings.source:
        made = make_source(source)
        if made:
            await asyncio.to_thread(look, made, waits=waits(source))
            captures.append((source, Capture(source.name, made)))
    return captures


async def _load(settings: Settings, thread: Executor, progress: Progress | None) -> Engine:
    """Loads the engine in its thread and runs it once, so that the first words do not wait for that."""
    loop = asyncio.get_running_loop()
    engine = await loop.run_in_executor(thread, load_engine, settings.engine, progress)
    require_languages(engine, *(s.language for s in settings.source))
    silence = Job("warm-up", 0, np.zeros(SAMPLE_RATE, dtype=np.float32), final=True)
    await loop.run_in_executor(thread, engine.decode, silence)
    log.info("model %s on %s in %s is ready", engine.info.model, engine.info.device, engine.info.precision)
    return engine


def _make_hub(settings: Settings, engine: Engine) -> Hub:
    about = About(
        version=__version__,
        session=uuid.uuid4().hex[:12],
        started_at=now(),
        model=engine.info.model,
        precision=engine.info.precision,
        language=settings.engine.language,
    )
    server = settings.server
    return Hub(about, history=server.history, hello_history=server.hello_history, queue=server.client_queue)


async def _follow(studio: Studio, source: SourceSettings, capture: Capture) -> SourceError | None:
    """Runs one local source to its end. Clients see it even before its device is there."""
    session = studio.open(source.name, source.title, source.language)
    await capture.start()
    return await studio.follow(capture, session)


async def _write(transcript: TranscriptFile, hub: Hub) -> None:
    """The file may fall behind by far more than a viewer, for nothing in it can be had again."""
    with hub.subscribe(queue=100_000) as outbox:
        await transcript.run(outbox)


async def _until(stop: asyncio.Event, followers: list[Follower]) -> None:
    """Waits for a signal, or for the end of all sources if they are given."""
    signalled = asyncio.create_task(stop.wait())
    ended = asyncio.gather(*followers) if followers else asyncio.get_running_loop().create_future()
    try:
        await asyncio.wait({signalled, ended}, return_when=asyncio.FIRST_COMPLETED)
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
