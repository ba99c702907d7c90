"""The audio of a client: what it leaves out, and when it pauses."""

import asyncio

import pytest

from streamstt.audio.format import samples_from_ms
from streamstt.captioning import remote_source as module
from streamstt.captioning.remote_source import RemoteSource
from streamstt.config.settings import SpeechSettings
from streamstt.speech.session import Session
from tests.support.drawing import DrawnDetector, Talk, make_talk

TALK = make_talk("Hello everybody in the room.")


class Host:
    """A pipeline that only notes what is asked of it; the engine answers when the test says so."""

    def __init__(self) -> None:
        self.interrupted = asyncio.Event()

    def push(self, session: Session, block: module.Block) -> None:
        session.push(block)

    def interrupt(self, session: Session) -> None:
        session.interrupt()
        self.interrupted.set()

    async def wait_for_capacity(self, session: Session) -> None: ...

    async def wait_until_final(self, session: Session, until: int | None = None) -> None: ...

    def end_source(self, session: Session) -> None: ...


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes pauses short."""
    monkeypatch.setattr(module, "PAUSE_STEP_S", 0.002)


def decode_all(session: Session) -> None:
    """Has the engine do all that is due."""
    while job := session.next_job():
        session.apply(TALK.engine.decode(job))


async def speak(talk: Talk) -> tuple[Host, Session, RemoteSource]:
    """Speaks the first words of a talk, and stops in the middle."""
    host = Host()
    session = Session("bot", SpeechSettings(), lambda _: DrawnDetector(), "en")
    source = RemoteSource(host, session, set())
    await source.push(talk.audio[: samples_from_ms(20 * talk.words[1][2])])
    return host, session, source


async def test_a_client_that_stops_sending() -> None:
    """When no audio comes any more, what was said last is complete."""
    host, session, _ = await speak(TALK)
    assert session.backlog == 0
    decode_all(session)
    await asyncio.wait_for(host.interrupted.wait(), 60)
    assert session.backlog > 0


async def test_a_slow_engine_is_no_pause() -> None:
    """While the engine is at work a client may wait for its captions: that is no pause."""
    host, session, _ = await speak(TALK)
    assert session.awaits_engine
    for _ in range(3 * module.PAUSE_STEPS):
        await asyncio.sleep(module.PAUSE_STEP_S)
    assert not host.interrupted.is_set()
    decode_all(session)
    await asyncio.wait_for(host.interrupted.wait(), 60)


async def test_a_client_that_has_left() -> None:
    """Nothing is watched after the end."""
    _, session, source = await speak(TALK)
    decode_all(session)
    source.close()
    assert source._pause_timer is None
