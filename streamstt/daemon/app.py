"""The composition root: builds the parts, connects them, and takes them apart in order."""

import asyncio
import gc
import logging
from collections.abc import Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

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
from streamstt.config.loader import state_folder
from streamstt.config.settings import Settings
from streamstt.daemon.components import Components
from streamstt.daemon.hooks import DaemonHooks
from streamstt.daemon.reload import Reloader
from streamstt.daemon.signals import reload_on_signal, stop_on_signal
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
    """Captions until a signal comes, or until every source has ended.

    Args:
        settings: All of them.
        hooks: Who starts it.

    Raises:
        StreamsttError: Something that the daemon needs is not there, or failed.
    """
    install_loop_handler()
    make_detector(settings.speech)  # what it lacks is said now, not to the first client
    with ThreadPoolExecutor(1, "engine") as thread:
        parts = await _build(settings, hooks, thread)
        with stop_on_signal() as stop, reload_on_signal() as reload:
            reloader = Reloader(settings, hooks.load_settings, parts, hooks.notifier)
            try:
                failed = await _serve(parts, hooks, stop, reloader.run(reload))
            except ExceptionGroup as group:
                raise _first_streamstt_error(group) from group
    if failed and not stop.is_set():
        raise failed[0]


async def _build(settings: Settings, hooks: DaemonHooks, executor: Executor) -> Components:
    """Makes everything that runs; what is wrong is said before the slow start, as far as that can be."""
    captures = await open_sources(settings)
    archive = await asyncio.to_thread(_open_archive, settings) if settings.transcript.is_active else None
    engine = await start_engine(settings, executor, hooks.notifier.wrap_progress(hooks.on_progress))
    # What is there now stays: collecting garbage need not look at it again, which would take a tenth of a second.
    gc.collect()
    gc.freeze()
    hub = make_hub(settings, engine.info, archive.resume_state if archive else None)
    transcript = TranscriptWriter(archive, hub) if archive else None
    studio = CaptionPipeline(settings, engine, hub)
    api = make_api(settings.compat, UploadTranscriber(studio.background_decoder, engine), engine.info.model)
    services = Extensions(transcript, make_endpoints(settings.compat), api, translate_error=translate_error)
    server = CaptionServer(settings.server, hub, studio, services)
    server.set_overlay(settings.overlay)
    endless = len(captures) < len(settings.source)
    outlets = make_outputs(settings, hub)
    desk = WyomingContext(hub, studio, engine.info.languages, settings.server.audio_idle_s)
    wyoming = WyomingServer(settings.compat, desk)
    return Components(hub, engine, studio, server, captures, endless, archive, transcript, wyoming, outlets)


async def _serve(
    components: Components, hooks: DaemonHooks, stop: asyncio.Event, reloading: Coroutine[None, None, None]
) -> list[StreamsttError]:
    """Runs everything until it is to stop, or ends by itself; returns what failed."""
    hub, studio, server, transcript = components.hub, components.pipeline, components.server, components.transcript
    async with asyncio.TaskGroup() as tasks:
        beside = [tasks.create_task(reloading)]
        address = await server.start()
        await components.wyoming.start()
        decoding = tasks.create_task(run_pipeline(studio))
        if transcript:
            add_transcript_metrics(transcript, hub.counters)
            tasks.create_task(transcript.run())
        outlets = [tasks.create_task(outlet.run()) for outlet in components.outputs]
        followers = await start_sources(tasks, components.pipeline, hub, components.captures)
        hooks.on_ready(address)
        hooks.notifier.ready()
        beside.append(tasks.create_task(Watchdog(hooks.notifier, hub, studio, address).run()))
        beside.append(tasks.create_task(hooks.show_status(hub, address)))
        await wait_for_end(stop, decoding, [] if components.accepts_remote else followers)
        hooks.stopping()
        await _stop(components, followers, outlets)
        for task in (decoding, *beside):
            task.cancel()
    ended = [decoding, *followers] if not decoding.cancelled() else followers
    return [error for task in ended if (error := task.result())]


async def _stop(components: Components, source_tasks: list[SourceTask], output_tasks: list[asyncio.Task[None]]) -> None:
    """Each step needs the ones after it to be still alive."""
    for _, capture in components.captures:
        await capture.stop()  # no new audio
    await asyncio.gather(*source_tasks)  # what was read before is heard, and becomes final
    await components.pipeline.finish_all()  # so does what remote clients said
    await components.server.drain()  # viewers receive it
    await components.wyoming.drain()  # so does Home Assistant
    await finish_outputs(output_tasks)  # so do other programs
    if components.transcript:
        components.transcript.close()  # they have what it wrote


def _open_archive(settings: Settings) -> Archive:
    named = settings.transcript.folder
    folder = Path(named).expanduser() if named else state_folder() / "transcripts"
    return Archive(folder, settings.transcript, settings.server.history)


def _first_streamstt_error(group: ExceptionGroup) -> BaseException:
    """The user's error in a group of failed tasks, or the group if there is none."""
    ours = group.subgroup(StreamsttError)
    while ours:
        first = ours.exceptions[0]
        if not isinstance(first, ExceptionGroup):
            return first
        ours = first
    return group
