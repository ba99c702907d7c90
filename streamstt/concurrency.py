"""Work that may block, in a thread of its own; never left behind half done."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar


async def first_completed(*coroutines: Coroutine[None, None, None]) -> None:
    """Runs the jobs until one ends, cancels the others, and raises what the first one raised."""
    tasks = [asyncio.ensure_future(job) for job in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


Result = TypeVar("Result")


async def run_in_thread(work: Callable[[], Result]) -> Result:
    """Runs work in a thread. Who is cancelled meanwhile still waits for its end: what it uses may then be closed."""
    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        if not running.cancelled():
            running.exception()  # retrieved, or asyncio would report it: nobody waits for it any more
        raise
