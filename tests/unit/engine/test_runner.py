"""What is done when the engine fails."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import pytest

from streamstt.engine.base import Engine, Hypothesis, Job
from streamstt.engine.runner import FAILURE_NOTICE, EngineRunner
from streamstt.engine.scripted import Script, ScriptedEngine, ScriptWord
from streamstt.errors import EngineError, ModelError

WORDS = (ScriptWord(text=" Hello", start=0.1, end=0.5),)


@pytest.fixture
def thread() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def job(at_s: int) -> Job:
    """A second of audio."""
    return Job("room", at_s * 16_000, np.zeros(16_000, dtype=np.float32), final=True)


class Loads:
    """Makes engines by the scripts in turn, and counts them."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.count = 0

    def __call__(self) -> Engine:
        self.count += 1
        return ScriptedEngine(self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0])


async def test_a_fresh_engine_does_what_the_old_one_could_not(thread: Executor) -> None:
    """The job that failed is decoded by an engine that is loaded anew; people are told meanwhile."""
    loads = Loads(Script(words=WORDS, fails_after=2))
    told: list[str] = []
    room = EngineRunner(loads, thread)
    await room.start()
    answers = [await room.decode(job(0), told.append) for _ in range(3)]
    assert all(a and [w.text for w in a.words] == [" Hello"] for a in answers)
    assert loads.count == 3, "it works for one job, each time"
    assert told == ["", FAILURE_NOTICE, "", FAILURE_NOTICE, ""]
    assert room.failures == 2


async def test_poison_is_given_up_and_the_next_one_is_decoded(thread: Executor) -> None:
    """What a fresh engine cannot decode either is given up, and people stay told until the next one works."""
    room = EngineRunner(Loads(Script(words=WORDS, poison_s=(5.5,))), thread)
    await room.start()
    told: list[str] = []
    assert await room.decode(job(5), told.append) is None
    assert told == [FAILURE_NOTICE]
    assert await room.decode(job(0), told.append)
    assert told == [FAILURE_NOTICE, ""]
    assert await room.decode(job(5), told.append) is None, "it is no crash loop: this time too only itself is lost"


async def test_an_engine_that_always_fails_is_broken(thread: Executor) -> None:
    """Two utterances in a row that a fresh engine cannot decode: the daemon has to end."""
    room = EngineRunner(Loads(Script(words=WORDS, poison_s=(5.5, 8.5))), thread)
    await room.start()
    assert await room.decode(job(5), lambda _: None) is None
    with pytest.raises(EngineError, match="fails on all audio"):
        await room.decode(job(8), lambda _: None)


async def test_weights_that_broke_meanwhile(thread: Executor) -> None:
    """If it cannot be loaded again, the reason is the error."""

    def gone() -> Engine:
        raise ModelError("the weights are gone")

    makers: list[Callable[[], Engine]] = [Loads(Script(words=WORDS, fails_after=1)), gone]

    def load() -> Engine:
        return makers.pop(0)()

    room = EngineRunner(load, thread)
    await room.start()
    with pytest.raises(ModelError, match="the weights are gone"):
        await room.decode(job(0), lambda _: None)


async def test_whatever_is_raised_is_an_error_of_the_engine(thread: Executor) -> None:
    """Out of memory, or a mistake in our own code, is treated alike."""

    class Starved(ScriptedEngine):
        def decode(self, job: Job) -> Hypothesis:
            if job.source == "room":
                raise MemoryError
            return ScriptedEngine.decode(self, job)

    room = EngineRunner(lambda: Starved(Script(words=WORDS)), thread)
    await room.start()
    assert await room.decode(job(0), lambda _: None) is None
    with pytest.raises(EngineError, match="MemoryError"):
        await room.decode(job(0), lambda _: None)


async def test_a_vocabulary_outlives_a_fresh_load(thread: Executor) -> None:
    """Terms that came while the engine ran are told to the one that is loaded in its place."""
    told: list[tuple[str, ...]] = []

    class Listening(ScriptedEngine):
        def set_vocabulary(self, terms: Sequence[str]) -> None:
            told.append(tuple(terms))

    room = EngineRunner(lambda: Listening(Script(words=WORDS, fails_after=2)), thread)
    await room.start()
    assert told == []
    await room.set_vocabulary(("Velmora",))
    await room.decode(job(0), lambda _: None)
    await room.decode(job(0), lambda _: None)
    assert room.failures == 1
    assert told == [("Velmora",), ("Velmora",)]


async def test_busy_only_while_it_works(thread: Executor) -> None:
    """Since when the engine works is known while it does; after an answer, or a failure, it is idle."""
    seen: list[float | None] = []

    class Watched(ScriptedEngine):
        def decode(self, job: Job) -> Hypothesis:
            seen.append(room.busy_since)
            return super().decode(job)

    room = EngineRunner(lambda: Watched(Script(words=WORDS, poison_s=(5.5,))), thread)
    assert room.busy_since is None
    await room.start()
    await room.decode(job(5), lambda _: None)
    assert len(seen) == 4
    assert None not in seen
    assert room.busy_since is None
