"""The engine in its one thread, and what is done when it fails: it is loaded afresh once, for each utterance.

An utterance that a fresh engine cannot decode either is given up; when the next one fails as well, it is not the
utterance, and the daemon ends: a service manager starts a new process, which is fresher than anything done here.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

import numpy as np

from streamstt.audio.format import SAMPLE_RATE
from streamstt.engine.base import Engine, EngineInfo, Hypothesis, Job
from streamstt.errors import EngineError, StreamsttError

FAILURE_NOTICE = "The speech engine failed and is being started again; captions will be late."

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class EngineRunner:
    """Loads the engine, runs it, and loads it again."""

    def __init__(self, load: Callable[[], Engine], thread: Executor) -> None:
        """Nothing is loaded yet.

        Args:
            load: Makes an engine; runs in ``thread``.
            thread: The engine's one thread.
        """
        self._load = load
        self._thread = thread
        self._engine: Engine | None = None
        self._info: EngineInfo | None = None
        self._last_job_failed = False  # on the job before
        self._vocabulary: tuple[str, ...] | None = None  # in place of those that it is loaded with
        self.failures = 0
        self.busy_since: float | None = None  # by the loop's clock (s): a decode, or a load

    @property
    def info(self) -> EngineInfo:
        """What is loaded; ``start`` comes first."""
        assert self._info is not None, "start() comes first"  # a mistake of the caller
        return self._info

    async def start(self) -> None:
        """Loads an engine and runs it once, so that the first words do not wait for that.

        Raises:
            EngineError: It cannot be loaded, or does not work.
        """
        self._engine = None  # there may not be memory for two
        self._engine = await self._run_in_engine_thread("loading the model", self._load)
        self._info = self._engine.info
        if self._vocabulary is not None:
            await self.set_vocabulary(self._vocabulary)
        await self._decode(Job("warm-up", 0, np.zeros(SAMPLE_RATE, dtype=np.float32), final=True))

    async def decode(self, job: Job, notify: Callable[[str], None]) -> Hypothesis | None:
        """Decodes a job; None when a fresh engine cannot do it either.

        Args:
            job: What to decode.
            notify: Told what is wrong, and with an empty text that it is over.

        Raises:
            EngineError: The engine is broken: it could not be loaded again, or two utterances in a row failed.
        """
        try:
            answer: Hypothesis | None = await self._decode(job)
        except EngineError as problem:
            if self._last_job_failed:
                raise EngineError(f"the engine fails on whatever it hears: {problem}") from problem
            answer = await self._retry_fresh(job, problem, notify)
        self._last_job_failed = answer is None
        return self._report_recovery(answer, notify)

    async def decode_background(self, job: Job, notify: Callable[[str], None]) -> Hypothesis | None:
        """The same for what somebody has sent to be heard: however often it fails, that is not held against the engine.

        Raises:
            EngineError: It could not be loaded again.
        """
        try:
            answer: Hypothesis | None = await self._decode(job)
        except EngineError as problem:
            answer = await self._retry_fresh(job, problem, notify)
        return self._report_recovery(answer, notify)

    async def _retry_fresh(self, job: Job, problem: EngineError, notify: Callable[[str], None]) -> Hypothesis | None:
        """Decodes with a fresh engine; None if that fails as well."""
        notify(FAILURE_NOTICE)
        log.error("the engine failed, and is loaded again: %s", problem, exc_info=problem)
        await self.start()
        try:
            answer = await self._decode(job)
        except EngineError as again:
            log.error("it failed again; the utterance is given up: %s", again)
            return None
        log.info("the engine works again")
        return answer

    @staticmethod
    def _report_recovery(answer: Hypothesis | None, notify: Callable[[str], None]) -> Hypothesis | None:
        if answer:
            notify("")
        return answer

    async def set_vocabulary(self, terms: tuple[str, ...]) -> None:
        """Names and terms to expect from the next job on, also after a fresh load.

        Raises:
            ConfigError: They are too many for the model.
        """
        assert self._engine is not None, "start() comes first"  # a mistake of the caller
        await self._run_in_engine_thread("taking the vocabulary", partial(self._engine.set_vocabulary, terms))
        self._vocabulary = terms

    async def _decode(self, job: Job) -> Hypothesis:
        assert self._engine is not None, "start() comes first"  # a mistake of the caller
        try:
            return await self._run_in_engine_thread(f"decoding {job}", partial(self._engine.decode, job))
        except EngineError:
            self.failures += 1
            raise

    async def _run_in_engine_thread(self, action: str, work: Callable[[], Result]) -> Result:
        """Runs work in the engine's thread; what it raises and is no message for people becomes an ``EngineError``."""
        loop = asyncio.get_running_loop()
        self.busy_since = loop.time()
        try:
            return await loop.run_in_executor(self._thread, work)
        except StreamsttError:
            raise
        except Exception as problem:  # out of memory, or a mistake of ours: a fresh engine may do better
            raise EngineError(f"{action} failed: {type(problem).__name__}: {problem}") from problem
        finally:
            self.busy_since = None
