"""From settings to captions in a hub: what a daemon and a program that captions by itself have in common."""

import asyncio
import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

from streamstt.audio.capture import Capture
from streamstt.audio.sources import AudioSource, make_source
from streamstt.captioning.local_source import run_source
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.clock import utc_timestamp
from streamstt.config.settings import Settings, SourceSettings
from streamstt.engine.base import EngineInfo
from streamstt.engine.runner import EngineRunner
from streamstt.errors import EngineError, SourceError
from streamstt.hub.history import ResumeState
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import DaemonInfo
from streamstt.version import __version__
from streamstt.whisper.checkpoints.search import Progress
from streamstt.whisper.loader import load_engine, require_languages


def may_appear_later(settings: SourceSettings, environ: Mapping[str, str] | None = None, pid: int = 0) -> bool:
    """Whether the source may come later; only a device may.

    Args:
        settings: Of the source.
        environ: In place of the process's environment.
        pid: In place of the process's number.
    """
    if settings.kind not in {"mic", "monitor"}:
        return False
    if settings.wait == "auto":
        return is_service(os.environ if environ is None else environ, pid or os.getpid())
    return settings.wait == "yes"


def is_service(environ: Mapping[str, str], pid: int) -> bool:
    """Whether systemd started this very process; a shell in a desktop's terminal inherits all but these."""
    return "NOTIFY_SOCKET" in environ or environ.get("SYSTEMD_EXEC_PID") == str(pid)


def probe_source(source: AudioSource, *, allow_missing: bool) -> None:
    """Opens the source for a moment: what is wrong is said before a slow start.

    Raises:
        SourceError: It cannot be opened, and is not to be waited for.
    """
    try:
        source.open()
    except SourceError as error:
        if not allow_missing:
            raise
        log.warning("it will be waited for: %s", error)
    else:
        source.close()


log = logging.getLogger(__name__)

SourceTask = asyncio.Task[SourceError | None]


Captures = Sequence[tuple[SourceSettings, Capture]]


async def open_sources(settings: Settings) -> Captures:
    """Makes a capture of each local source, after a look: a wrong name fails before a slow start."""
    captures = []
    for source in settings.source:
        made = make_source(source)
        if made:
            await asyncio.to_thread(probe_source, made, allow_missing=may_appear_later(source))
            captures.append((source, Capture(source.name, made)))
    return captures


async def start_engine(settings: Settings, executor: Executor, progress: Progress | None) -> EngineRunner:
    """Loads the model, in the engine's thread, and runs it once.

    Raises:
        EngineError: It cannot be loaded, or does not work.
        ModelError: It cannot be found.
        ConfigError: It does not know a language that is asked for.
    """
    engine = EngineRunner(lambda: load_engine(settings.engine, progress), executor)
    await engine.start()
    require_languages(engine.info, *(s.language for s in settings.source))
    log.info("model %s on %s in %s is ready", engine.info.model, engine.info.device, engine.info.precision)
    return engine


def make_hub(settings: Settings, info: EngineInfo, resume_state: ResumeState | None) -> Hub:
    """A hub that goes on where earlier runs ended, if that is known."""
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
    )
    if resume_state:
        hub.restore(resume_state.finals, resume_state.seq, resume_state.forgotten)
    return hub


async def start_sources(
    tasks: asyncio.TaskGroup, pipeline: CaptionPipeline, hub: Hub, captures: Captures
) -> list[SourceTask]:
    """Runs each local source to its end, and returns when all are open, or waited for; clients see those too."""
    sessions = [pipeline.add_source(source.name, source.title, source.language, source.color) for source, _ in captures]
    await asyncio.gather(*(capture.start() for _, capture in captures))
    pairs = zip(captures, sessions, strict=True)
    return [tasks.create_task(run_source(pipeline, hub, capture, session)) for (_, capture), session in pairs]


async def run_pipeline(pipeline: CaptionPipeline) -> EngineError | None:
    """Runs the engine until the task is cancelled, or it breaks: then the last captions still have to go out."""
    try:
        await pipeline.run()
    except EngineError as error:
        return error
    return None


async def wait_for_end(
    stop: asyncio.Event, pipeline_task: asyncio.Task[EngineError | None], source_tasks: Sequence[SourceTask]
) -> None:
    """Waits for ``stop``, for the engine's end, or for the end of all sources if they are given."""
    signalled = asyncio.create_task(stop.wait())
    ended = asyncio.gather(*source_tasks) if source_tasks else asyncio.get_running_loop().create_future()
    try:
        await asyncio.wait({signalled, pipeline_task, ended}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        signalled.cancel()
        if not source_tasks:
            ended.cancel()
