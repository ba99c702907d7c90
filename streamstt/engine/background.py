"""Decodes for which nobody waits word by word: they get the engine when no live source needs it.

One that is being decoded is not interrupted: a live update may wait for it, and for one only.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from streamstt.config.settings import Settings
from streamstt.engine.base import Hypothesis, Job
from streamstt.engine.runner import EngineRunner
from streamstt.errors import EngineError


class BackgroundDecoder:
    """Waits in line, behind the live sources.

    Attributes:
        settings: In force now.
    """

    def __init__(self, settings: Settings, wake: Callable[[], None]) -> None:
        """Nobody waits.

        Args:
            settings: All of them.
            wake: Called when there is something to do.
        """
        self.settings = settings
        self._wake = wake
        # Each caller waits for its answer before it asks again: as many as there are callers, which they bound.
        self._queue: deque[tuple[Job, asyncio.Future[Hypothesis]]] = deque()
        self._failure: EngineError | None = None

    async def decode(self, job: Job) -> Hypothesis:
        """Has a job decoded in its turn; cancelling takes it out of the line.

        Raises:
            EngineError: The engine cannot do it.
        """
        if self._failure:
            raise self._failure
        answer: asyncio.Future[Hypothesis] = asyncio.get_running_loop().create_future()
        self._queue.append((job, answer))
        self._wake()
        return await answer

    async def run_one(self, engine: EngineRunner, notify: Callable[[str], None]) -> bool:
        """Does what has waited longest; whether there was anything. ``notify`` as for the engine.

        Raises:
            EngineError: The engine could not be loaded again.
        """
        while self._queue:
            job, answer = self._queue.popleft()
            if answer.done():
                continue  # nobody wants it any more
            hypothesis = await engine.decode_background(job, notify)
            if hypothesis and not answer.done():
                answer.set_result(hypothesis)
            elif not answer.done():
                answer.set_exception(EngineError(f"the engine failed twice on {job}"))
            return True
        return False

    def fail_all(self, problem: EngineError) -> None:
        """There is no engine any more."""
        self._failure = problem
        for _, answer in self._queue:
            if not answer.done():
                answer.set_exception(problem)
        self._queue.clear()
