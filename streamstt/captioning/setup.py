"""Sets up and runs captioning, from settings to a hub: what the daemon and the Python API have in common."""

import asyncio
import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import partial

from streamstt.audio.capture import Capture
from streamstt.audio.sources import AudioSource, make_source
from streamstt.captioning.local_source import run_source
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.captioning.stream_times import Origin
from streamstt.clock import utc_timestamp
from streamstt.concurrency import run_in_thread
from streamstt.config.settings import Settings, SourceSettings
from streamstt.engine.base import EngineInfo
from streamstt.engine.runner import EngineRunner
from streamstt.errors import EngineError, SourceError
from streamstt.hub.history import ResumeState
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import DaemonInfo
from streamstt.progress import Progress
from streamstt.version import __version__
from streamstt.whisper.loader import load_engine, require_languages
from streamstt.whisper.model_choice import make_demand

log = logging.getLogger(__name__)

SourceTask = asyncio.Task[SourceError | None]
"""Runs one local source; its result is why the source failed."""

Captures = Sequence[tuple[SourceSettings, Capture]]
"""The local sources, each with its settings."""


def may_appear_later(settings: SourceSettings, environ: Mapping[str, str] | None = None, pid: int = 0) -> bool:
    """Returns whether a source that is missing at the start is waited for; only a device or a stream ever is.

    Args:
        settings: Settings of the source.
        environ: Replaces the environment of the process.
        pid: Replaces the id of the process.
    """
    if settings.kind not in {"mic", "monitor", "url"}:
        return False
    if settings.wait == "auto":
        return is_service(os.environ if environ is None else environ, pid or os.getpid())
    return settings.wait == "yes"


def is_service(environ: Mapping[str, str], pid: int) -> bool:
    """Returns whether systemd started this very process.

    A shell in a desktop's terminal inherits the other variables of systemd, but not these two.

    Args:
        environ: The environment of the process.
        pid: The id of the process.
    """
    return "NOTIFY_SOCKET" in environ or environ.get("SYSTEMD_EXEC_PID") == str(pid)


def probe_source(source: AudioSource, *, allow_missing: bool, stay_open: bool = False) -> None:
    """Opens a source for a moment, so that errors are reported before the slow start of the engine.

    Args:
        source: The source; it is closed again.
        allow_missing: Whether it is waited for if it cannot be opened.
        stay_open: Whether to leave it open: some servers send a stream to the first client only, and once.

    Raises:
        SourceError: It cannot be opened, and is not waited for.
    """
    try:
        source.open()
    except SourceError as error:
        if not allow_missing:
            raise
        log.warning("waiting for a source: %s", error)
    else:
        if not stay_open:
            source.close()


async def open_sources(settings: Settings) -> Captures:
    """Makes a capture of each local source, after a probe: a wrong name fails before the slow start of the engine.

    Raises:
        SourceError: A source cannot be opened, and is not waited for.
    """
    captures = []
    for source in settings.source:
        audio_source = make_source(source)
        if audio_source:
            waits = may_appear_later(source)
            is_stream = source.kind == "url"
            if not (is_stream and waits):  # a server that does not respond would hold up the other sources
                await run_in_thread(partial(probe_source, audio_source, allow_missing=waits, stay_open=is_stream))
            captures.append((source, Capture(source.name, audio_source)))
    return captures


async def start_engine(settings: Settings, executor: Executor, progress: Progress | None) -> EngineRunner:
    """Loads the model in the thread of the engine, and runs it once.

    Args:
        settings: All settings.
        executor: The one thread of the engine.
        progress: Called with the progress of a model download.

    Raises:
        EngineError: The model cannot be loaded, or does not work.
        ModelError: The model cannot be found.
        ConfigError: The model does not know a language of the settings.
    """
    engine = EngineRunner(lambda: load_engine(settings.engine, progress, make_demand(settings)), executor)
    await engine.start()
    require_languages(engine.info, *(s.language for s in settings.source))
    log.info("model %s on %s in %s is ready", engine.info.model, engine.info.device, engine.info.precision)
    return engine


def make_hub(settings: Settings, info: EngineInfo, resume_state: ResumeState | None) -> Hub:
    """Makes the hub.

    Args:
        settings: All settings.
        info: Description of the engine.
        resume_state: Where earlier runs ended: their session continues; None: a new session begins.
    """
    about = DaemonInfo(
        version=__version__,
        session=resume_state.session if resume_state else uuid.uuid4().hex[:12],
        started_at=utc_timestamp(),
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
        clock=resume_state.session_clock if resume_state else None,
    )
    if resume_state:
        hub.restore(resume_state.finals, resume_state.seq, resume_state.forgotten, resume_state.revisions)
    return hub


def find_origin(source: SourceSettings, is_live: bool) -> Origin:
    """Returns where the audio of a local source comes from.

    Args:
        source: Its settings.
        is_live: Whether audio that is not read in time is lost.
    """
    if source.kind == "file":
        return Origin.FILE
    return Origin.DEVICE if is_live else Origin.CLIENT


async def start_sources(tasks: asyncio.TaskGroup, pipeline: CaptionPipeline, captures: Captures) -> list[SourceTask]:
    """Starts a task for each local source, and returns when all sources are open or waited for.

    Args:
        tasks: The task group that the tasks belong to.
        pipeline: Gets a session for each source.
        captures: The local sources.

    Returns:
        The tasks, which end with their sources.

    Raises:
        SourceError: A source that is not a device cannot be opened.
    """
    sessions = [
        pipeline.add_source(s.name, s.title, s.language, s.color, origin=find_origin(s, capture.is_live))
        for s, capture in captures
    ]
    await asyncio.gather(*(capture.start() for _, capture in captures))
    pairs = zip(captures, sessions, strict=True)
    return [tasks.create_task(run_source(pipeline, capture, session)) for (_, capture), session in pairs]


async def run_pipeline(pipeline: CaptionPipeline) -> EngineError | None:
    """Runs the pipeline until it is cancelled, or the engine breaks.

    Returns:
        Why the engine broke. It is not raised, because the last captions must still be delivered.
    """
    try:
        await pipeline.run()
    except EngineError as error:
        return error
    return None


async def wait_for_end(
    stop: asyncio.Event, pipeline_task: asyncio.Task[EngineError | None], source_tasks: Sequence[SourceTask]
) -> None:
    """Waits until ``stop`` is set, the engine breaks, or all sources have ended.

    Args:
        stop: Asks to stop.
        pipeline_task: The task of ``run_pipeline``.
        source_tasks: The tasks of the sources; if empty, the end of sources is not waited for.
    """
    stopped = asyncio.create_task(stop.wait())
    ended = asyncio.gather(*source_tasks) if source_tasks else asyncio.get_running_loop().create_future()
    try:
        await asyncio.wait({stopped, pipeline_task, ended}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        if not source_tasks:
            ended.cancel()
