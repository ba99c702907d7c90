"""A source that sends no more audio: what was said last is complete."""

import asyncio
from collections.abc import Iterator

import pytest

from streamstt.audio.format import Block, samples_from_ms
from streamstt.captioning import pause_watch as module
from streamstt.captioning.pause_watch import PauseWatch
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.captioning.remote_source import RemoteSource
from streamstt.captioning.setup import run_pipeline
from streamstt.events import State
from streamstt.hub.hub import Hub
from tests.support.captions import make_hub
from tests.support.pipelines import TALK, open_pipeline

CUT_OFF = TALK.audio[: samples_from_ms(20 * TALK.words[1][2])]  # it ends in the middle


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes pauses short."""
    monkeypatch.setattr(module, "PAUSE_STEP_S", 0.002)


@pytest.fixture
def hub() -> Hub:
    return make_hub(sources=())


@pytest.fixture
def pipeline(hub: Hub) -> Iterator[CaptionPipeline]:
    with open_pipeline(hub) as pipeline:
        yield pipeline


async def final_text(hub: Hub) -> str:
    """Waits for a final."""
    async with asyncio.timeout(60):
        while not hub.finals:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    return str(hub.finals[0].data["text"])


async def test_a_client_that_leaves_out_silence(pipeline: CaptionPipeline, hub: Hub) -> None:
    """Words after which a client sends nothing become final, while it stays connected."""
    await pipeline._engine.start()
    running = asyncio.create_task(run_pipeline(pipeline))
    session = pipeline.add_source("bot", "Bot", "en")
    source = RemoteSource(pipeline, session, set())
    await source.push(CUT_OFF)
    assert await final_text(hub) == "Hello everybody"
    running.cancel()


async def test_a_pipe(pipeline: CaptionPipeline, hub: Hub) -> None:
    """So do those of a program that writes to a pipe now and then."""
    await pipeline._engine.start()
    running = asyncio.create_task(run_pipeline(pipeline))
    pipeline.push(pipeline.add_source("stdin", "Stdin", "en"), Block(0, CUT_OFF))
    assert await final_text(hub) == "Hello everybody"
    running.cancel()


async def test_a_slow_engine_is_no_pause(pipeline: CaptionPipeline, hub: Hub) -> None:
    """While the engine has work to do, a client may be waiting for its captions: that is no pause."""
    session = pipeline.add_source("bot", "Bot", "en")
    pipeline.push(session, Block(0, CUT_OFF))
    assert session.awaits_engine
    for _ in range(3 * module.PAUSE_STEPS):
        await asyncio.sleep(module.PAUSE_STEP_S)
    assert hub.states["bot"] is State.SPEECH
    assert session.backlog == 0


async def test_once_a_pause() -> None:
    """A pause is noticed once, and the next one again; after the end, none is."""
    pauses = asyncio.Queue[str]()
    watch = PauseWatch(lambda: False, lambda: pauses.put_nowait("pause"))
    for _ in range(2):
        watch.audio_received()
        watch.audio_received()
        assert await asyncio.wait_for(pauses.get(), 60) == "pause"
        assert watch._timer is None
    watch.audio_received()
    watch.stop()
    assert watch._timer is None
    assert pauses.empty()
