"""The way of a local source: its capture's audio to its session, what happens to its device to viewers."""

import asyncio
import logging

from streamstt.audio.capture import Capture, DeviceNotice, Ended, Lost, Recovered, Waiting
from streamstt.audio.format import Block
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.errors import SourceError
from streamstt.events import State, Status
from streamstt.hub.hub import Hub
from streamstt.speech.session import Session

log = logging.getLogger(__name__)


async def run_source(pipeline: CaptionPipeline, hub: Hub, capture: Capture, session: Session) -> SourceError | None:
    """Brings a capture's audio to its session until it ends, and returns why it failed, if it did."""
    hears = False  # some devices take seconds from open to the first sample: only then do we listen
    pipeline.metrics.add_capture(session.source, capture)
    async for item in capture.items():
        match item:
            case Block():
                if capture.is_live:
                    pipeline.liveness.audio_received(session.source, asyncio.get_running_loop().time())
                if not hears:
                    hears = True
                    pipeline.mark_listening(session)
                pipeline.push(session, item)
                if not capture.is_live:
                    await pipeline.wait_for_capacity(session)
            case Waiting() | Lost():
                hears = False
                _on_device_lost(pipeline, hub, session, item)
            case DeviceNotice(about, text):
                log.warning("source %s: %s", session.source, text or f"{about} is over")
                hub.notify(about, text, session.source)
            case Recovered():
                log.info("source %s is back", session.source)
            case Ended():
                return await _finish_source(pipeline, hub, capture, session, item.error)
    return None


async def _finish_source(
    pipeline: CaptionPipeline, hub: Hub, capture: Capture, session: Session, error: SourceError | None
) -> SourceError | None:
    pipeline.liveness.expect_no_audio(session.source)
    if capture.dropped:
        log.warning("source %s: %d blocks of audio came too fast", session.source, capture.dropped)
    pipeline.interrupt(session)
    await pipeline.wait_until_final(session)
    hub.set_device_pending(session.source, pending=False)
    detail = str(error) if error else "The source has ended."
    hub.publish(Status(session.source, State.LOST if error else State.WAITING, detail))
    return error


def _on_device_lost(pipeline: CaptionPipeline, hub: Hub, session: Session, outage: Waiting | Lost) -> None:
    state = State.LOST if isinstance(outage, Lost) else State.WAITING
    log.warning("source %s is %s: %s", session.source, state.value, outage.reason)
    pipeline.interrupt(session)
    pipeline.liveness.expect_no_audio(session.source)
    if isinstance(outage, Waiting):
        hub.set_device_pending(session.source, pending=True)
    hub.publish(Status(session.source, state, outage.reason))
