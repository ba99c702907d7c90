"""The same engine for other programs: captions of sources in this process, of a running daemon, and of recordings."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from streamstt.audio.capture import Capture
from streamstt.audio.sources import AudioSource
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.captioning.setup import (
    Captures,
    make_hub,
    open_sources,
    run_pipeline,
    start_engine,
    start_sources,
    wait_for_end,
)
from streamstt.client import stream_messages
from streamstt.config.loader import settings_from_mapping
from streamstt.config.settings import Settings, SourceSettings
from streamstt.errors import OutputError
from streamstt.events import Event, Final
from streamstt.hub.hub import TOO_SLOW, Subscription
from streamstt.hub.protocol import Message, parse_event
from streamstt.recordings import transcribe as offline
from streamstt.whisper.checkpoints.search import Progress
from streamstt.whisper.loader import load_engine

MAX_PENDING = 10_000  # events that the program has not taken: hours of finals; beyond, it gets an error

Captions = AsyncIterator[Event]


@asynccontextmanager
async def listen(
    *sources: str | AudioSource,
    model: str = "base",
    language: str = "auto",
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> AsyncIterator[Captions]:
    """Captions of sources, made in this process; the iterator ends when all sources have ended.

    Partials are replaced by the next one of their ``id``; a final never changes. Neither configuration files nor the
    environment are read.

    Args:
        sources: As ``--source`` takes them (``mic``, ``mic:NAME``, ``monitor``, ``file:PATH``, ``stdin``), or objects
            with audio; none: the default microphone. A file is read in real time.
        model: Short name, Hugging Face id, or folder.
        language: Code such as ``en``, or ``auto``.
        settings: Any others, such as ``{"speech.detector": "webrtc"}``.
        progress: Told how far a model download is: what, bytes done, bytes in all.

    Raises:
        ConfigError: A setting is wrong.
        SourceError: A source cannot be opened; one that fails later raises at its end.
        EngineError: The model cannot be loaded, or fails.
    """
    own = [source for source in sources if not isinstance(source, str)]
    named: list[dict[str, Any]] = [{"input": source} for source in sources if isinstance(source, str)]
    named += [{"input": "ws", "name": f"own-{n}"} for n, _ in enumerate(own, 1)]
    chosen = _make_settings(model, language, {**(settings or {}), **({"source": named} if named else {})})
    begun: asyncio.Future[Subscription] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = asyncio.create_task(_run(chosen, own, progress, begun, stop))
    try:
        both: set[asyncio.Future[Any]] = {running, begun}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not begun.done():
            await running  # raises what went wrong
        async with aclosing(_events(await begun, running)) as events:
            yield events
    finally:
        stop.set()
        await asyncio.wait({running})


@asynccontextmanager
async def connect(
    url: str = "ws://127.0.0.1:8765", *, token: str = "", ca: Path | None = None
) -> AsyncIterator[Captions]:
    """Captions of a running daemon: what it greets with first, each final once, across lost connections and restarts.

    Args:
        url: Port, HOST:PORT, or address.
        token: For a daemon that wants one.
        ca: PEM file with a certificate to trust, in place of the system's.

    Raises:
        ServerError: While iterating: no daemon answers at first, or it refuses.
    """
    async with aclosing(_daemon_events(url, token, ca)) as events:
        yield events


def transcribe(
    path: Path | str, *, model: str = "base", language: str = "auto", settings: Mapping[str, Any] | None = None
) -> list[Final]:
    """The captions of a recording, as fast as this machine can; it blocks meanwhile.

    Args:
        path: Any file that libsndfile reads.
        model: Short name, Hugging Face id, or folder.
        language: Code such as ``en``, or ``auto``.
        settings: Any others, as for ``listen``.

    Raises:
        ConfigError: A setting is wrong.
        SourceError: The file cannot be read.
        EngineError: The model cannot be loaded, or fails.
    """
    chosen = _make_settings(model, language, settings or {})
    spoken = None if language == "auto" else language
    return offline.transcribe(Path(path), load_engine(chosen.engine), chosen.speech, spoken, words=chosen.words)


def _make_settings(model: str, language: str, others: Mapping[str, Any]) -> Settings:
    return settings_from_mapping({"engine.model": model, "engine.language": language, **others})


async def _run(
    settings: Settings,
    custom_sources: Sequence[AudioSource],
    progress: Progress | None,
    ready: asyncio.Future[Subscription],
    stop: asyncio.Event,
) -> None:
    """Captions all sources to their end, or until ``stop``; the events are in the outbox that ``begun`` becomes."""
    captures: Captures = [*await open_sources(settings), *_custom_captures(settings, custom_sources)]
    with ThreadPoolExecutor(1, "engine") as thread:
        engine = await start_engine(settings, thread, progress)
        hub = make_hub(settings, engine.info, None)
        studio = CaptionPipeline(settings, engine, hub)
        with hub.subscribe(counted=False, queue=MAX_PENDING) as outbox:
            ready.set_result(outbox)
            async with asyncio.TaskGroup() as tasks:
                decoding = tasks.create_task(run_pipeline(studio))
                followers = await start_sources(tasks, studio, hub, captures)
                await wait_for_end(stop, decoding, followers)
                for _, capture in captures:
                    await capture.stop()
                await asyncio.gather(*followers)
                hub.finish()
                if not decoding.done():
                    decoding.cancel()
    failed = [decoding, *followers] if not decoding.cancelled() else followers
    for task in failed:
        if problem := task.result():
            raise problem


def _custom_captures(settings: Settings, custom_sources: Sequence[AudioSource]) -> list[tuple[SourceSettings, Capture]]:
    """The program's own sources under their names."""
    named = [source for source in settings.source if source.kind == "ws"]
    return [(source, Capture(source.name, audio)) for source, audio in zip(named, custom_sources, strict=False)]


async def _events(subscription: Subscription, running: asyncio.Task[None]) -> AsyncGenerator[Event, None]:
    """What the outbox gets, then what went wrong, if anything."""
    while (message := await subscription.get()) is not None:
        if isinstance(message, Message):
            yield message.event
    if subscription.close_reason is TOO_SLOW:
        raise OutputError(f"the program took no captions until {MAX_PENDING} waited; take them as they come")
    await running


async def _daemon_events(url: str, token: str, ca: Path | None) -> AsyncGenerator[Event, None]:
    async with aclosing(stream_messages(url, token=token, ca=ca)) as messages:
        async for message in messages:
            for data in message["history"] if message["type"] == "hello" else [message]:
                if event := parse_event(data):
                    yield event
