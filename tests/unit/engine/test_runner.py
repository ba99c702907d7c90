"""What happens when the engine fails."""

import asyncio
import threading
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


class Loader:
    """Makes engines by the scripts in turn, and counts them."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.count = 0

    def __call__(self) -> Engine:
        self.count += 1
        return ScriptedEngine(self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0])


async def test_a_fresh_engine_does_what_the_old_one_could_not(thread: Executor) -> None:
    """The job that failed is decoded by a fresh engine; viewers get a notice meanwhile."""
    loader = Loader(Script(words=WORDS, fails_after=2))
    notices: list[str] = []
    runner = EngineRunner(loader, thread)
    await runner.start()
    hypotheses = [await runner.decode(job(0), notices.append) for _ in range(3)]
    assert all(a and [w.text for w in a.words] == [" Hello"] for a in hypotheses)
    assert loader.count == 3, "it works for one job, each time"
    assert notices == ["", FAILURE_NOTICE, "", FAILURE_NOTICE, ""]
    assert runner.failures == 2


async def test_a_poisonous_job_is_given_up_and_the_next_one_is_decoded(thread: Executor) -> None:
    """A job that a fresh engine cannot decode either is given up, and the notice stays until the next one works."""
    runner = EngineRunner(Loader(Script(words=WORDS, poison_s=(5.5,))), thread)
    await runner.start()
    notices: list[str] = []
    assert await runner.decode(job(5), notices.append) is None
    assert notices == [FAILURE_NOTICE]
    assert await runner.decode(job(0), notices.append)
    assert notices == [FAILURE_NOTICE, ""]
    assert await runner.decode(job(5), notices.append) is None, "it is no crash loop: this time too only itself is lost"


async def test_an_engine_that_always_fails_is_broken(thread: Executor) -> None:
    """Two utterances in a row that a fresh engine cannot decode: the daemon has to end."""
    runner = EngineRunner(Loader(Script(words=WORDS, poison_s=(5.5, 8.5))), thread)
    await runner.start()
    assert await runner.decode(job(5), lambda _: None) is None
    with pytest.raises(EngineError, match="fails on all audio"):
        await runner.decode(job(8), lambda _: None)


async def test_weights_that_broke_meanwhile(thread: Executor) -> None:
    """If it cannot be loaded again, the reason is the error."""

    def load_broken() -> Engine:
        raise ModelError("the weights are gone")

    loads: list[Callable[[], Engine]] = [Loader(Script(words=WORDS, fails_after=1)), load_broken]

    def load() -> Engine:
        return loads.pop(0)()

    runner = EngineRunner(load, thread)
    await runner.start()
    with pytest.raises(ModelError, match="the weights are gone"):
        await runner.decode(job(0), lambda _: None)


async def test_whatever_is_raised_is_an_error_of_the_engine(thread: Executor) -> None:
    """Out of memory, or an error in our own code, is treated alike."""

    class OutOfMemory(ScriptedEngine):
        def decode(self, job: Job) -> Hypothesis:
            if job.source == "room":
                raise MemoryError
            return ScriptedEngine.decode(self, job)

    runner = EngineRunner(lambda: OutOfMemory(Script(words=WORDS)), thread)
    await runner.start()
    assert await runner.decode(job(0), lambda _: None) is None
    with pytest.raises(EngineError, match="MemoryError"):
        await runner.decode(job(0), lambda _: None)


async def test_a_vocabulary_outlives_a_fresh_load(thread: Executor) -> None:
    """A vocabulary that was set while the engine ran is set again in the one that is loaded in its place."""
    notices: list[tuple[str, ...]] = []

    class RecordsVocabulary(ScriptedEngine):
        def set_vocabulary(self, terms: Sequence[str]) -> None:
            notices.append(tuple(terms))

    runner = EngineRunner(lambda: RecordsVocabulary(Script(words=WORDS, fails_after=2)), thread)
    await runner.start()
    assert notices == []
    await runner.set_vocabulary(("Velmora",))
    await runner.decode(job(0), lambda _: None)
    await runner.decode(job(0), lambda _: None)
    assert runner.failures == 1
    assert notices == [("Velmora",), ("Velmora",)]


async def test_busy_only_while_it_works(thread: Executor) -> None:
    """Since when the engine works is known while it does; after an answer, or a failure, it is idle."""
    seen: list[float | None] = []

    class Watched(ScriptedEngine):
        def decode(self, job: Job) -> Hypothesis:
            seen.append(runner.busy_since)
            return super().decode(job)

    runner = EngineRunner(lambda: Watched(Script(words=WORDS, poison_s=(5.5,))), thread)
    assert runner.busy_since is None
    await runner.start()
    await runner.decode(job(5), lambda _: None)
    assert len(seen) == 4
    assert None not in seen
    assert runner.busy_since is None


async def test_an_upload_that_cannot_be_decoded_disturbs_nobody(thread: Executor) -> None:
    """An engine that works on other audio is not loaded again, viewers get no notice; a broken one is."""
    loader = Loader(Script(words=WORDS, poison_s=(5.5,)))
    runner = EngineRunner(loader, thread)
    await runner.start()
    notices: list[str] = []
    for _ in range(3):
        assert await runner.decode_background(job(5), notices.append) is None
    assert (loader.count, notices) == (1, [])
    assert await runner.decode(job(0), notices.append)

    loader = Loader(Script(words=WORDS, fails_after=1))
    runner = EngineRunner(loader, thread)
    await runner.start()
    loader.scripts[0] = Script(words=WORDS)
    assert await runner.decode_background(job(0), notices.append)
    assert loader.count == 2


async def test_another_engine_takes_over(thread: Executor) -> None:
    """It is loaded and tried while the present one decodes; after a failure, it is the one that is loaded again."""
    first = Loader(Script(words=WORDS))
    second = Loader(Script(words=(ScriptWord(text=" Bye", start=0.1, end=0.5),), language="de", fails_after=3))
    runner = EngineRunner(first, thread)
    await runner.start()
    loading, may_finish = threading.Event(), threading.Event()

    def load() -> Engine:
        loading.set()
        assert may_finish.wait(10)
        return second()

    replacing = asyncio.create_task(runner.replace(load))
    await asyncio.to_thread(loading.wait, 10)
    hypothesis = await runner.decode(job(0), lambda _: None)
    assert hypothesis
    assert hypothesis.words[0].text == " Hello", "the old one still decodes"
    may_finish.set()
    await replacing
    assert runner.info.languages == ("de",)
    for _ in range(3):
        hypothesis = await runner.decode(job(0), lambda _: None)
        assert hypothesis
        assert hypothesis.words[0].text == " Bye"
    assert (first.count, second.count) == (1, 2), "it fails once"


async def test_an_engine_that_does_not_work_takes_nothing_over(thread: Executor) -> None:
    """If it cannot be loaded, or fails on silence, the present one stays."""
    runner = EngineRunner(Loader(Script(words=WORDS)), thread)
    await runner.start()

    def load_broken() -> Engine:
        raise MemoryError("too large")

    with pytest.raises(EngineError, match="too large"):
        await runner.replace(load_broken)
    with pytest.raises(EngineError):
        await runner.replace(Loader(Script(words=WORDS, poison_s=(0.5,))))
    hypothesis = await runner.decode(job(0), lambda _: None)
    assert hypothesis
    assert hypothesis.words[0].text == " Hello"
