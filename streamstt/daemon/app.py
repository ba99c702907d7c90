"""The composition root of the daemon: builds the parts, connects them, and stops them in order."""

import asyncio
import gc
import logging
from collections.abc import Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor

from streamstt.audio.vad import make_detector
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.captioning.setup import (
    SourceTask,
    make_hub,
    open_sources,
    run_pipeline,
    start_engine,
    start_sources,
    wait_for_end,
)
from streamstt.compat.endpoints import make_api, make_endpoints, translate_error
from streamstt.compat.wyoming.connection import WyomingContext
from streamstt.compat.wyoming.server import WyomingServer
from streamstt.concurrency import run_in_thread
from streamstt.config.loader import transcript_folder
from streamstt.config.settings import Settings
from streamstt.daemon.components import Components
from streamstt.daemon.hooks import DaemonHooks
from streamstt.daemon.model_switch import ModelSwitch
from streamstt.daemon.reload import Reloader
from streamstt.daemon.signals import reload_on_signal, stop_on_signal
from streamstt.daemon.speed_watch import SpeedWatch
from streamstt.daemon.watchdog import Watchdog
from streamstt.errors import StreamsttError
from streamstt.logs import install_loop_handler
from streamstt.outputs.factory import finish_outputs, make_outputs
from streamstt.recordings.uploads import UploadTranscriber
from streamstt.server.endpoint import Extensions
from streamstt.server.server import CaptionServer
from streamstt.transcripts.archive import Archive
from streamstt.transcripts.writer import TranscriptWriter, add_transcript_metrics

log = logging.getLogger(__name__)


async def run(settings: Settings, hooks: DaemonHooks) -> None:
    """Captions until a signal asks to stop, or until every source has ended.

    Args:
        settings: All settings.
        hooks: Callbacks of the program that starts the daemon.

    Raises:
        StreamsttError: Something that the daemon needs is missing, or a part failed.
    """
    install_loop_handler()
    make_detector(settings.speech)  # fails now if its library does not load, not when the first client comes
    with ThreadPoolExecutor(1, "engine") as thread:
        components = await _build(settings, hooks, thread)
        with stop_on_signal() as stop, reload_on_signal() as reload:
            reloader = Reloader(settings, hooks, components.hub, components.apply)
            try:
                errors = await _serve(components, hooks, stop, reloader.run(reload))
            except ExceptionGroup as group:
                raise _first_streamstt_error(group) from group
    if errors and not stop.is_set():
        raise errors[0]


async def _build(settings: Settings, hooks: DaemonHooks, executor: Executor) -> Components:
    """Makes all parts; the quick checks come before the slow load of the model."""
    captures = await open_sources(settings)
    archive = await run_in_thread(_open_archive, settings) if settings.transcript.is_active else None
    engine = await start_engine(settings, executor, hooks.notifier.wrap_progress(hooks.on_progress))
    # What has been allocated by now stays: without freezing it, each full collection would take a tenth of a second.
    gc.collect()
    gc.freeze()
    hub = make_hub(settings, engine.info, archive.resume_state if archive else None)
    transcript = TranscriptWriter(archive, hub) if archive else None
    pipeline = CaptionPipeline(settings, engine, hub)
    api = make_api(settings.compat, UploadTranscriber(pipeline.background_decoder, engine), lambda: engine.info.model)
    server = CaptionServer(
        settings.server,
        hub,
        pipeline,
        Extensions(
            transcript,
            archive,
            make_endpoints(settings.compat),
            api,
            translate_error=translate_error,
        ),
    )
    server.set_overlay(settings.overlay)
    context = WyomingContext(hub, pipeline, lambda: engine.info.languages, settings.server.audio_idle_s)
    return Components(
        hub,
        engine,
        ModelSwitch(engine, hub),
        pipeline,
        server,
        captures,
        accepts_remote=len(captures) < len(settings.source),
        archive=archive,
        transcript=transcript,
        wyoming=WyomingServer(settings.compat, context),
        outputs=make_outputs(settings, hub),
    )


async def _serve(
    components: Components, hooks: DaemonHooks, stop: asyncio.Event, reloading: Coroutine[None, None, None]
) -> list[StreamsttError]:
    """Runs all parts until ``stop`` is set or captioning ends; returns the errors of engine and sources."""
    hub, pipeline, server, transcript = components.hub, components.pipeline, components.server, components.transcript
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(reloading)]
        address = await server.start()
        await components.wyoming.start()
        pipeline_task = tasks.create_task(run_pipeline(pipeline))
        if transcript:
            add_transcript_metrics(transcript, hub.counters)
            tasks.create_task(transcript.run())
        output_tasks = [tasks.create_task(output.run()) for output in components.outputs]
        source_tasks = await start_sources(tasks, pipeline, components.captures)
        hooks.on_ready(address)
        hooks.notifier.ready()
        background.append(tasks.create_task(Watchdog(hooks.notifier, hub, pipeline, address).run()))
        watch = SpeedWatch(components.engine, hub, pipeline, components.models)
        background.append(tasks.create_task(watch.run()))
        background.append(tasks.create_task(hooks.show_status(hub, address)))
        await wait_for_end(stop, pipeline_task, [] if components.accepts_remote else source_tasks)
        hooks.stopping()
        await _stop(components, source_tasks, output_tasks)
        for task in (pipeline_task, *background):
            task.cancel()
    ended = source_tasks if pipeline_task.cancelled() else [pipeline_task, *source_tasks]
    return [error for task in ended if (error := task.result())]


async def _stop(components: Components, source_tasks: list[SourceTask], output_tasks: list[asyncio.Task[None]]) -> None:
    """Stops the parts in order: each step needs the parts of later steps to be still running."""
    for _, capture in components.captures:
        await capture.stop()  # no new audio
    await asyncio.gather(*source_tasks)  # audio that was read before becomes final
    await components.pipeline.finish_all()  # so does the audio of remote clients
    await components.server.drain()  # viewers receive the last finals
    await components.wyoming.drain()  # so does Home Assistant
    await finish_outputs(output_tasks)  # so do other programs
    if components.transcript:
        components.transcript.close()  # last, because finals are written to disk before they are delivered


def _open_archive(settings: Settings) -> Archive:
    folder, holds = transcript_folder(settings.transcript), settings.engine.looks_again
    return Archive(folder, settings.transcript, settings.server.history, hold=holds)


def _first_streamstt_error(group: ExceptionGroup) -> BaseException:
    """Returns the first error for the user in a group of failed tasks, or the group if there is none."""
    matching = group.subgroup(StreamsttError)
    while matching:
        first = matching.exceptions[0]
        if not isinstance(first, ExceptionGroup):
            return first
        matching = first
    return group
