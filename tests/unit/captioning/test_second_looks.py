"""The daemon's second looks: passages are heard again between live updates, and better words are published."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from streamstt.audio.format import SAMPLE_RATE
from streamstt.captioning import second_looks
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.config.settings import EngineSettings, Settings
from streamstt.engine.base import Engine, Hypothesis, Job
from streamstt.engine.runner import EngineRunner
from streamstt.errors import EngineError
from streamstt.hub.hub import Hub
from streamstt.hub.revisions import Correction
from tests.support.captions import make_hub
from tests.support.drawing import DrawnDetector, Talk, cut, make_talk

# Two captions, with less than five seconds between them.
TALK = make_talk("Hello everybody in the room.", 1.0, "How are you today?")
STEPS = 3


@dataclass
class TwoEars:
    """An engine that hears the words of a talk, and others when it hears them again, in three steps.

    Attributes:
        engine: Hears the talk.
        better: A word of the talk, and what it is when it is heard again.
        fails: Whether hearing again fails.
        kinds: What it was asked for, in order: "live" or "step".
    """

    engine: Engine
    better: tuple[str, str] = (" room.", " rooms.")
    fails: bool = False

    def __post_init__(self) -> None:
        self.info = self.engine.info
        self.kinds: list[str] = []

    def decode(self, job: Job) -> Hypothesis:
        self.kinds.append("live")
        hypothesis = self.engine.decode(job)
        return replace(hypothesis, words=tuple(replace(word, probability=0.5) for word in hypothesis.words))

    def decode_in_steps(self, job: Job) -> Iterator[Hypothesis | None]:
        for _ in range(STEPS):
            self.kinds.append("step")
            if self.fails:
                raise EngineError("no memory")
            yield None
        old, new = self.better
        hypothesis = self.engine.decode(job)
        words = tuple(replace(word, text=new if word.text == old else word.text) for word in hypothesis.words)
        yield replace(hypothesis, words=words)


async def hear(engine: TwoEars, hub: Hub, talk: Talk = TALK, settings: Settings | None = None) -> CaptionPipeline:
    """Has a pipeline hear a talk, and returns it when the engine has nothing more to do."""
    with ThreadPoolExecutor(1) as thread:
        runner = EngineRunner(lambda: engine, thread)
        await runner.start()
        pipeline = CaptionPipeline(settings or Settings(), runner, hub, lambda _: DrawnDetector())
        session = pipeline.add_source("mic", "Mic", "en")
        running = asyncio.create_task(pipeline.run())
        for block in cut(talk.audio, [SAMPLE_RATE // 10]):
            pipeline.push(session, block)
            await asyncio.sleep(0.001)
        pipeline.end_source(session)
        async with asyncio.timeout(10):
            while hub.sources or is_waiting(pipeline):  # noqa: ASYNC110 - nothing says that the engine is idle
                await asyncio.sleep(0.001)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        return pipeline


def is_waiting(pipeline: CaptionPipeline) -> bool:
    looks = pipeline.second_looks
    return not (looks.heard_s or looks.skipped_s) and looks.settings.engine.second_look


def texts(hub: Hub) -> list[str]:
    return [message.data["text"] for message in hub.finals]


async def test_better_words_are_published() -> None:
    """A passage is heard again when its source has ended, and its finals are revised; a revision says why."""
    hub, engine = make_hub(), TwoEars(TALK.engine)
    with hub.subscribe() as subscription:
        pipeline = await hear(engine, hub)
        messages = [m for m in subscription.get_all_nowait() if not isinstance(m, str)]
    assert texts(hub) == ["Hello everybody in the rooms.", "How are you today?"]
    (revised,) = [m.data for m in messages if m.data["type"] == "revised"]
    first = next(m.data for m in messages if m.data["type"] == "final")
    assert (revised["second_look"], revised["edited"], revised["rev"]) == (True, False, first["rev"] + 1)
    assert [revised[key] for key in ("id", "start", "end")] == [first[key] for key in ("id", "start", "end")]
    assert revised["words"][-1] | {"start": 0, "end": 0} == {"text": "rooms.", "start": 0, "end": 0, "probability": 1.0}
    assert pipeline.second_looks.corrected == 1
    assert pipeline.second_looks.heard_s == pytest.approx(4.5, abs=0.5)


async def test_live_captions_come_first() -> None:
    """Between two steps of a second look the engine decodes what is due."""
    hub = make_hub()
    talk = make_talk("Hello everybody.", 1.0, "How are you?", 6.0, *["And so on, and so on."] * 6)
    engine = TwoEars(talk.engine, (" you?", " yours?"))
    await hear(engine, hub, talk)
    kinds = "".join(kind[0] for kind in engine.kinds)
    assert "yours?" in " ".join(texts(hub))
    assert "s" * (STEPS + 1) not in kinds.removesuffix("s" * STEPS), (
        "a step at a time, as far as there is a live update"
    )


async def test_people_take_precedence() -> None:
    """A final that somebody has corrected meanwhile is not changed any more."""
    hub, engine = make_hub(), TwoEars(TALK.engine)

    class Watched(TwoEars):
        def decode_in_steps(self, job: Job) -> Iterator[Hypothesis | None]:
            loop.call_soon_threadsafe(hub.revise, Correction("mic-1", "Hello, all of you."))
            return super().decode_in_steps(job)

    loop = asyncio.get_running_loop()
    pipeline = await hear(Watched(engine.engine), hub)
    assert texts(hub)[0] == "Hello, all of you."
    assert pipeline.second_looks.corrected == 0


async def test_no_second_look() -> None:
    """It can be switched off; there is none of a translation, nor with an engine that has no steps."""
    hub, engine = make_hub(), TwoEars(TALK.engine)
    await hear(engine, hub, settings=Settings(engine=EngineSettings(second_look=False)))
    assert "step" not in engine.kinds
    assert EngineSettings().looks_again
    for changes in ({"task": "translate"}, {"kind": "reference"}, {"model": "script:a.json"}, {"second_look": False}):
        assert not EngineSettings(**changes).looks_again  # type: ignore[arg-type]


async def test_a_failure_is_no_failure_of_captions() -> None:
    """If a passage cannot be heard again, its finals stay as they are, and captions go on."""
    hub = make_hub()
    pipeline = await hear(TwoEars(TALK.engine, fails=True), hub)
    assert texts(hub) == ["Hello everybody in the room.", "How are you today?"]
    assert (pipeline.second_looks.heard_s, pipeline.second_looks.corrected) == (0, 0)
    assert pipeline.second_looks.skipped_s > 0


async def test_what_is_late_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passage for which the engine had no time is not heard again; metrics say how much was."""
    monkeypatch.setattr(second_looks, "MAX_AGE_S", -1.0)
    hub, engine = make_hub(), TwoEars(TALK.engine)
    await hear(engine, hub)
    assert "step" not in engine.kinds
    metrics = hub.counters.render().decode()
    assert "streamstt_second_look_seconds_total 0.0" in metrics
    assert "streamstt_second_look_skipped_seconds_total 4." in metrics
