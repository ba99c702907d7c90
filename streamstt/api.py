"""The Python API: captions of sources in this process, of a running daemon, and of recordings."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from threading import Lock
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
from streamstt.diagnostics.preflight import require_model
from streamstt.errors import OutputError
from streamstt.events import Event, Final
from streamstt.hub.hub import TOO_SLOW, Subscription
from streamstt.hub.protocol import Message, parse_event
from streamstt.progress import Progress
from streamstt.recordings import transcribe as recording
from streamstt.whisper.loader import load_engine, require_languages
from streamstt.whisper.model_choice import make_demand

MAX_PENDING = 10_000  # events that the program has not consumed: hours of finals; beyond, it gets an error

Captions = AsyncIterator[Event]


@asynccontextmanager
async def listen(
    *sources: str | AudioSource,
    model: str = "base",
    language: str = "auto",
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> AsyncIterator[Captions]:
    """Captions sources in this process; the iterator ends when all sources have ended.

    A partial is replaced by the next event with its ``id``; a final never changes. Neither configuration files nor the
    environment are read.

    Args:
        sources: Sources as ``--source`` takes them (``mic``, ``mic:NAME``, ``monitor``, ``file:PATH``, ``stdin``,
            ``url:ADDRESS``), or objects that implement ``AudioSource``; none: the default microphone. A file is read
            in real time.
        model: Short name, Hugging Face id, or folder of the model; "auto": the largest that this machine carries live.
        language: Language code such as ``en``, or ``auto`` to detect it.
        settings: Other settings, such as ``{"speech.detector": "webrtc"}``.
        progress: Called during a model download with a name, the bytes done, and the bytes in total.

    Yields:
        An iterator of events.

    Raises:
        ConfigError: A setting is wrong.
        SourceError: A source cannot be opened; one that fails later raises at its end.
        EngineError: The model cannot be loaded, or fails.
    """
    custom_sources = [source for source in sources if not isinstance(source, str)]
    named: list[dict[str, Any]] = [{"input": source} for source in sources if isinstance(source, str)]
    named += [{"input": "ws", "name": f"own-{n}"} for n, _ in enumerate(custom_sources, 1)]
    all_settings = _make_settings(model, language, {**(settings or {}), **({"source": named} if named else {})})
    ready: asyncio.Future[Subscription] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = asyncio.create_task(_run(all_settings, custom_sources, progress, ready, stop))
    try:
        waited_for: set[asyncio.Future[Any]] = {running, ready}
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await running  # raises what went wrong
        async with aclosing(_events(await ready, running)) as events:
            yield events
    finally:
        stop.set()
        await asyncio.wait({running})


@asynccontextmanager
async def connect(
    url: str = "ws://127.0.0.1:8765", *, token: str = "", ca: Path | None = None
) -> AsyncIterator[Captions]:
    """Follows the captions of a running daemon, across lost connections and restarts of the daemon.

    The captions that the daemon greets a new client with come first; each final comes once.

    Args:
        url: Port, HOST:PORT, or URL of the daemon.
        token: Access token, if the daemon requires one.
        ca: PEM file with a certificate to trust instead of the system's.

    Yields:
        An iterator of events.

    Raises:
        ServerError: While iterating: no daemon answers at first, or it refuses.
    """
    async with aclosing(_daemon_events(url, token, ca)) as events:
        yield events


class Transcriber:
    """Transcribes recordings one after the other, with a model that is loaded once and kept.

    It may be used by several threads; they take turns.
    """

    def __init__(
        self,
        *,
        model: str = "base",
        language: str = "auto",
        settings: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Loads the model; blocks until it is loaded.

        Args:
            model: Short name, Hugging Face id, or folder of the model; "auto": the largest that this machine carries
                live.
            language: Language code such as ``en``, or ``auto`` to detect it.
            settings: Other settings, as for ``listen``.
            progress: Called during a model download with a name, the bytes done, and the bytes in total.

        Raises:
            ConfigError: A setting is wrong.
            EngineError: The model cannot be found (``ModelError``) or loaded.
        """
        self._settings = _make_settings(model, language, settings or {})
        self._engine = load_engine(self._settings.engine, progress, make_demand(self._settings))
        self._turn = Lock()

    def transcribe(self, path: Path | str, *, language: str | None = None) -> list[Final]:
        """Transcribes a recording as fast as this machine can; blocks until it is done.

        Args:
            path: A recording of any format that libsndfile or FFmpeg read.
            language: Overrides the language for this recording.

        Returns:
            The final captions, in order.

        Raises:
            ConfigError: The model does not know the language.
            SourceError: The file cannot be read.
            EngineError: The engine failed.
        """
        wanted = language or self._settings.engine.language
        require_languages(self._engine.info, wanted)
        with self._turn:
            return recording.transcribe(
                Path(path),
                self._engine,
                self._settings.speech,
                None if wanted == "auto" else wanted,
                words=self._settings.words,
            )


def transcribe(
    path: Path | str, *, model: str = "base", language: str = "auto", settings: Mapping[str, Any] | None = None
) -> list[Final]:
    """Transcribes one recording; for several, ``Transcriber`` loads the model only once.

    Args:
        path: A recording of any format that libsndfile or FFmpeg read.
        model: Short name, Hugging Face id, or folder of the model; "auto": the largest that this machine carries live.
        language: Language code such as ``en``, or ``auto`` to detect it.
        settings: Other settings, as for ``listen``.

    Returns:
        The final captions, in order.

    Raises:
        ConfigError: A setting is wrong.
        SourceError: The file cannot be read.
        EngineError: The model cannot be loaded, or fails.
    """
    return Transcriber(model=model, language=language, settings=settings).transcribe(path)


def _make_settings(model: str, language: str, other_settings: Mapping[str, Any]) -> Settings:
    """Returns valid settings whose model, as far as can be told before it is loaded, knows their languages."""
    settings = settings_from_mapping({"engine.model": model, "engine.language": language, **other_settings})
    require_model(settings)
    return settings


async def _run(
    settings: Settings,
    custom_sources: Sequence[AudioSource],
    progress: Progress | None,
    ready: asyncio.Future[Subscription],
    stop: asyncio.Event,
) -> None:
    """Captions all sources to their end, or until ``stop`` is set.

    Args:
        settings: All settings.
        custom_sources: Audio sources of the program.
        progress: Called with the progress of a model download.
        ready: Gets the subscription to the events.
        stop: Asks to stop.
    """
    captures: Captures = [*await open_sources(settings), *_custom_captures(settings, custom_sources)]
    with ThreadPoolExecutor(1, "engine") as thread:
        engine = await start_engine(settings, thread, progress)
        hub = make_hub(settings, engine.info, None)
        pipeline = CaptionPipeline(settings, engine, hub)
        with hub.subscribe(counted=False, queue=MAX_PENDING) as subscription:
            ready.set_result(subscription)
            async with asyncio.TaskGroup() as tasks:
                pipeline_task = tasks.create_task(run_pipeline(pipeline))
                source_tasks = await start_sources(tasks, pipeline, captures)
                await wait_for_end(stop, pipeline_task, source_tasks)
                for _, capture in captures:
                    await capture.stop()
                await asyncio.gather(*source_tasks)
                hub.finish()
                if not pipeline_task.done():
                    pipeline_task.cancel()
    ended = source_tasks if pipeline_task.cancelled() else [pipeline_task, *source_tasks]
    for task in ended:
        if error := task.result():
            raise error


def _custom_captures(settings: Settings, custom_sources: Sequence[AudioSource]) -> list[tuple[SourceSettings, Capture]]:
    """Makes a capture for each audio source of the program; the settings list it as a remote source."""
    entries = [source for source in settings.source if source.kind == "ws"]
    return [(entry, Capture(entry.name, source)) for entry, source in zip(entries, custom_sources, strict=False)]


async def _events(subscription: Subscription, running: asyncio.Task[None]) -> AsyncGenerator[Event, None]:
    """Yields the events of a subscription, and raises what went wrong, if anything.

    Raises:
        OutputError: The program did not consume the events in time.
        StreamsttError: A source or the engine failed.
    """
    while (message := await subscription.get()) is not None:
        if isinstance(message, Message):
            yield message.event
    if subscription.close_reason is TOO_SLOW:
        raise OutputError(f"the program left {MAX_PENDING} captions unread; read them as they come")
    await running


async def _daemon_events(url: str, token: str, ca: Path | None) -> AsyncGenerator[Event, None]:
    async with aclosing(stream_messages(url, token=token, ca=ca)) as messages:
        async for message in messages:
            is_hello = message["type"] == "hello"
            for data in [*message["history"], *message.get("revisions", ())] if is_hello else [message]:
                if event := parse_event(data):
                    yield event
