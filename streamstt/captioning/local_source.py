"""Runs one local source: passes its audio to the pipeline, and reports what happens to its device.

It must not know the hub: the pipeline publishes the state of every source.
"""

import logging

from streamstt.audio.capture import Capture, DeviceNotice, Ended, Lost, Recovered, Waiting
from streamstt.audio.format import Block
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.clock import loop_time
from streamstt.errors import SourceError
from streamstt.speech.session import Session

log = logging.getLogger(__name__)


async def run_source(pipeline: CaptionPipeline, capture: Capture, session: Session) -> SourceError | None:
    """Passes the audio of a capture to its session until the source ends.

    Args:
        pipeline: Captions the audio.
        capture: Started.
        session: The session of this source.

    Returns:
        Why the source failed; None if it has ended without an error.
    """
    listening = False  # some devices take seconds from opening to the first sample: until then it is not listening
    pipeline.metrics.add_capture(session.source, capture)
    async for item in capture.items():
        match item:
            case Block():
                if not listening:
                    listening = True
                    pipeline.mark_listening(session)
                await _push(pipeline, capture, session, item)
            case Waiting() | Lost():
                listening = False
                _report_outage(pipeline, session, item)
            case DeviceNotice(topic, text):
                pipeline.notify_device(session, topic, text)
            case Recovered():
                log.info("source %s is back", session.source)
            case Ended(error):
                if capture.dropped:
                    log.warning("source %s: %d blocks of audio arrived too fast", session.source, capture.dropped)
                await pipeline.end_local_source(session, error)
                return error
    return None


async def _push(pipeline: CaptionPipeline, capture: Capture, session: Session, block: Block) -> None:
    """Passes on a block; a device cannot wait and must show that it is alive, a file waits for the engine."""
    pipeline.metrics.count_capture(session.source, capture)
    if capture.is_live:
        pipeline.liveness.audio_received(session.source, loop_time())
    pipeline.push(session, block)
    if not capture.is_live:
        await pipeline.wait_for_capacity(session)


def _report_outage(pipeline: CaptionPipeline, session: Session, outage: Waiting | Lost) -> None:
    if isinstance(outage, Lost):
        pipeline.mark_lost(session, outage.reason)
    else:
        pipeline.mark_waiting(session, outage.reason)
