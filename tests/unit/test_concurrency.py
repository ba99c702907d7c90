"""Delays between attempts, the first of several tasks, and work in threads."""

import asyncio
import threading
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.concurrency import JITTER, Backoff, first_completed, run_in_thread
from tests.support.drawing import PROPERTY


def longest(first_s: float, last_s: float) -> Backoff:
    """A back-off without chance: each delay is its whole interval."""
    return Backoff(first_s, last_s, lambda _, high: high)


def test_delays_double_up_to_the_bound() -> None:
    """Without jitter the delays are the intervals: each twice the one before, up to the longest."""
    backoff = longest(0.5, 10)
    assert [backoff.next_delay() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]


@PROPERTY
@given(st.floats(0.001, 100), st.floats(0.001, 100), st.integers(0, 2**32))
def test_every_delay_is_within_its_interval(first_s: float, last_s: float, seed: int) -> None:
    """Whatever is drawn, a delay is no longer than its interval or the bound, and never close to zero."""
    backoff, intervals = Backoff(first_s, last_s, Random(seed).uniform), longest(first_s, last_s)
    for _ in range(20):
        interval_s, delay_s = intervals.next_delay(), backoff.next_delay()
        assert (1 - JITTER) * interval_s <= delay_s <= interval_s <= last_s


def test_many_attempts_stay_at_the_bound() -> None:
    """What is away for months is still tried again, at the longest interval."""
    backoff = longest(0.25, 30)
    assert max(backoff.next_delay() for _ in range(100_000)) == 30


def test_a_success_resets_it() -> None:
    """After a success the next loss is answered quickly again."""
    backoff = longest(0.5, 10)
    for _ in range(5):
        backoff.next_delay()
    backoff.reset()
    assert [backoff.next_delay(), backoff.next_delay()] == [0.5, 1]


def test_a_thousand_clients_do_not_return_in_step() -> None:
    """Clients that lose one server at the same moment spread over their interval, at every attempt."""
    clients = [Backoff(0.5, 10, Random(seed).uniform) for seed in range(1000)]
    for interval_s in (0.5, 1, 2, 4, 8, 10, 10):
        delays = sorted(client.next_delay() for client in clients)
        assert delays[-1] - delays[0] >= interval_s / 2
        assert max(later - earlier for earlier, later in pairwise(delays)) < interval_s / 20, "no hole, so no crowd"


def test_by_default_two_differ() -> None:
    """No seed has to be given for two programs to draw different delays."""
    assert len({Backoff(1, 1).next_delay() for _ in range(20)}) > 1


async def test_the_first_ends_the_others() -> None:
    """When one is done, the others are cancelled, and have ended."""
    ended = []

    async def wait_forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    await first_completed(wait_forever(), asyncio.sleep(0), wait_forever())
    assert ended == ["cancelled", "cancelled"]


async def test_the_first_one_s_error_is_raised() -> None:
    """What the first one raises is raised."""

    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await first_completed(fail(), asyncio.Event().wait())


async def test_work_in_a_thread() -> None:
    """Its result comes back, and what it raises is raised."""
    assert await run_in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(divmod, 7, 0)


async def test_a_cancelled_caller_waits_for_its_thread() -> None:
    """What the thread uses can be closed as soon as the caller has ended."""
    begun, go_on = asyncio.Event(), threading.Event()

    def work(loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)

    task = asyncio.create_task(run_in_thread(work, asyncio.get_running_loop()))
    await begun.wait()
    task.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
