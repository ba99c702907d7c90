"""Decodes in the background: recordings that were uploaded get the engine when no live source needs it.

A decode that runs is not interrupted: a live update may wait for one, never for more.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from streamstt.config.settings import Settings
from streamstt.engine.base import Hypothesis, Job
from streamstt.engine.runner import EngineRunner
from streamstt.errors import EngineError


class BackgroundDecoder:
    """A queue of jobs that are decoded after those of the live sources.

    Attributes:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings, wake: Callable[[], None]) -> None:
        """Starts with an empty queue.

        Args:
            settings: All settings.
            wake: Called when there is a job to run.
        """
        self.settings = settings
        self._wake = wake
        # Bounded by the number of callers, who limit that: each waits for its hypothesis before its next job.
        self._queue: deque[tuple[Job, asyncio.Future[Hypothesis]]] = deque()
        self._failure: EngineError | None = None

    async def decode(self, job: Job) -> Hypothesis:
        """Has a job decoded in its turn; cancelling removes it from the queue.

        Raises:
            EngineError: The engine is broken, or failed on this job.
        """
        if self._failure:
            raise self._failure
        result: asyncio.Future[Hypothesis] = asyncio.get_running_loop().create_future()
        self._queue.append((job, result))
        self._wake()
        return await result

    async def run_one(self, engine: EngineRunner, notify: Callable[[str], None]) -> bool:
        """Runs the job that has waited longest.

        Args:
            engine: Decodes it.
            notify: As for ``EngineRunner.decode``.

        Returns:
            Whether there was a job.

        Raises:
            EngineError: The engine could not be loaded again.
        """
        while self._queue:
            job, result = self._queue.popleft()
            if result.done():
                continue  # cancelled
            hypothesis = await engine.decode_background(job, notify)
            if hypothesis and not result.done():
                result.set_result(hypothesis)
            elif not result.done():
                result.set_exception(EngineError(f"the engine failed twice on {job}"))
            return True
        return False

    def fail_all(self, error: EngineError) -> None:
        """Fails all waiting and future jobs, because the engine is broken.

        Args:
            error: What each caller of ``decode`` gets.
        """
        self._failure = error
        for _, result in self._queue:
            if not result.done():
                result.set_exception(error)
        self._queue.clear()
