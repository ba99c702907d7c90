"""Work in threads, and what is left of it when nobody waits any more."""

import asyncio
import gc
import threading

import pytest

from streamstt.concurrency import run_in_thread


async def test_a_failure_that_nobody_waits_for() -> None:
    """Work whose caller is cancelled is waited for; that it fails then is no error of anybody."""
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context.get("exception")))
    begun, may_end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait()
        raise ValueError("too late")

    waiting = asyncio.create_task(run_in_thread(work))
    await asyncio.to_thread(begun.wait)
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    del waiting
    gc.collect()
    await asyncio.sleep(0)
    assert [error for error in reported if isinstance(error, ValueError)] == []  # an earlier test's tasks end here, too
