"""Small tools for tasks, threads and retries. Knows nothing of captions."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

# The share of an interval that is left to chance, so that clients of a server that restarts do not return in step.
JITTER = 0.75


class Backoff:
    """Delays between attempts to reach something that is away; the caller sleeps.

    The interval doubles with each delay up to a bound. A delay is drawn from the last ``JITTER`` of its interval.
    """

    def __init__(
        self, first_s: float, last_s: float, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        """Starts with the shortest interval.

        Args:
            first_s: The first interval, in seconds.
            last_s: The longest interval, in seconds; no delay is longer.
            uniform: Draws a number between two bounds.
        """
        self._first_s = self._interval_s = min(first_s, last_s)
        self._last_s = last_s
        self._uniform = uniform

    def next_delay(self) -> float:
        """Returns the seconds to wait before the next attempt, and doubles the interval."""
        interval_s, self._interval_s = self._interval_s, min(2 * self._interval_s, self._last_s)
        return self._uniform((1 - JITTER) * interval_s, interval_s)

    def reset(self) -> None:
        """Goes back to the first interval, after a success."""
        self._interval_s = self._first_s


async def first_completed(*awaitables: Awaitable[object]) -> None:
    """Waits until one of several completes, cancels the others, and raises what the first one raised."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


async def run_in_thread(work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
    """Runs blocking work in a thread, and returns its result or raises what it raised.

    If the caller is cancelled, waits for the thread to finish first, so that its resources can be closed safely.
    """
    running = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        if not running.cancelled():
            running.exception()  # retrieved, or asyncio would report it: nobody waits for it any more
        raise
