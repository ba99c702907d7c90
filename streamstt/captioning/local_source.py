"""The way of a local source: its capture's audio to its session, what happens to its device to viewers."""

import asyncio
import logging

from streamstt.audio.capture import Capture, Ended, Found, Lost, Noticed, Waiting
from streamstt.audio.format import Block
from streamstt.captioning.pipeline import Studio
from streamstt.errors import SourceError
from streamstt.events import State, Status
from streamstt.hub.hub import Hub
from streamstt.speech.session import Session

log = logging.getLogger(__name__)


async def follow(studio: Studio, hub: Hub, capture: Capture, session: Session) -> SourceError | None:
    """Brings a capture's audio to its session until it ends, and returns why it failed, if it did."""
    hears = False  # some devices take seconds from open to the first sample: only then do we listen
    studio.measures.watch(session.source, capture)
    async for item in capture.items():
        match item:
            case Block():
                if capture.is_live:
                    studio.vitals.heard(session.source, asyncio.get_running_loop().time())
                if not hears:
                    hears = True
                    studio.listen(session)
                studio.push(session, item)
                if not capture.is_live:
                    await studio.room(session)
            case Waiting() | Lost():
                hears = False
                _miss(studio, hub, session, item)
            case Noticed(about, text):
                log.warning("source %s: %s", session.source, text or f"{about} is over")
                hub.notify(about, text, session.source)
            case Found():
                log.info("source %s is back", session.source)
            case Ended():
                return await _end(studio, hub, capture, session, item.error)
    return None


async def _end(
    studio: Studio, hub: Hub, capture: Capture, session: Session, error: SourceError | None
) -> SourceError | None:
    studio.vitals.quiet(session.source)
    if capture.dropped:
        log.warning("source %s: %d blocks of audio came too fast", session.source, capture.dropped)
    studio.interrupt(session)
    await studio.settle(session)
    hub.pending_devices.discard(session.source)
    detail = str(error) if error else "The source has ended."
    hub.publish(Status(session.source, State.LOST if error else State.WAITING, detail))
    return error


def _miss(studio: Studio, hub: Hub, session: Session, news: Waiting | Lost) -> None:
    state = State.LOST if isinstance(news, Lost) else State.WAITING
    log.warning("source %s is %s: %s", session.source, state.value, news.why)
    studio.interrupt(session)
    studio.vitals.quiet(session.source)
    if isinstance(news, Waiting):
        hub.pending_devices.add(session.source)
    hub.publish(Status(session.source, state, news.why))
