"""Runs the engine in its one thread, and reloads it when it fails: once for each utterance.

A recording that was uploaded never has an engine reloaded that works on other audio: live captions would wait.

An utterance that a fresh engine cannot decode either is given up. If the next one fails as well, the utterance is not
the reason, and the daemon ends: the service manager starts a new process, the freshest start there is.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

import numpy as np

from streamstt.audio.format import SAMPLE_RATE
from streamstt.concurrency import run_in_thread
from streamstt.engine.base import Engine, EngineInfo, Hypothesis, Job
from streamstt.errors import EngineError, StreamsttError

FAILURE_NOTICE = "The speech engine failed and is being restarted; captions will be late."

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class EngineRunner:
    """Loads the engine, has it decode jobs in its thread, and reloads it after a failure.

    Attributes:
        failures: Number of decodes that failed.
        busy_since: Time of the event loop (s) since when the engine has been decoding or loading; None: it is idle.
    """

    def __init__(self, load: Callable[[], Engine], thread: Executor) -> None:
        """Starts with no engine; call ``start``.

        Args:
            load: Loads an engine; runs in ``thread``.
            thread: The one thread of the engine.
        """
        self._load = load
        self._thread = thread
        self._engine: Engine | None = None
        self._steps: Iterator[Hypothesis | None] | None = None  # of a job for which nobody waits
        self._info: EngineInfo | None = None
        self._last_job_failed = False
        self._vocabulary: tuple[str, ...] | None = None  # replaces the one that it is loaded with
        self.failures = 0
        self.busy_since: float | None = None

    @property
    def info(self) -> EngineInfo:
        """Description of the engine that is loaded; ``start`` must have been called."""
        assert self._info is not None, "start() comes first"
        return self._info

    async def start(self) -> None:
        """Loads an engine and runs it once: the first run takes longer, and words must not wait for it.

        Raises:
            EngineError: The engine cannot be loaded, or does not work.
        """
        load = self._load
        self._engine = self._steps = None  # there may not be memory for two
        engine = await self._run_in_engine_thread("loading the model", load)
        if self._engine is None:  # else it was replaced meanwhile
            self._engine = engine
        self._info = self._engine.info
        if self._vocabulary is not None:
            await self.set_vocabulary(self._vocabulary)
        await self._decode_silence()

    async def replace(self, load: Callable[[], Engine]) -> None:
        """Loads another engine in a thread of its own and runs it once; it decodes from the next job on.

        Until then the present engine decodes, and if this fails it stays.

        Args:
            load: Loads the engine, also after a failure.

        Raises:
            StreamsttError: Raised by ``load``, as it is.
            EngineError: ``load`` raised anything else, or the new engine does not work.
        """

        def load_and_try() -> Engine:
            engine = load()
            engine.decode(_silence())
            return engine

        try:
            engine = await run_in_thread(load_and_try)
        except StreamsttError:
            raise
        except Exception as error:  # out of memory, for instance
            raise EngineError(f"loading the model failed: {type(error).__name__}: {error}") from error
        self._load, self._engine, self._info, self._vocabulary = load, engine, engine.info, None
        self._steps = None

    async def decode(self, job: Job, notify: Callable[[str], None]) -> Hypothesis | None:
        """Decodes a job of a live source.

        Args:
            job: The job.
            notify: Called with a sentence for viewers when the engine fails, and with an empty one when it works again.

        Returns:
            The hypothesis; None if a fresh engine failed as well.

        Raises:
            EngineError: The engine is broken: it could not be loaded again, or two utterances in a row failed.
        """
        try:
            hypothesis: Hypothesis | None = await self._decode(job)
        except EngineError as error:
            if self._last_job_failed:
                raise EngineError(f"the engine fails on all audio: {error}") from error
            hypothesis = await self._retry_fresh(job, error, notify)
        self._last_job_failed = hypothesis is None
        return self._report_recovery(hypothesis, notify)

    async def decode_background(self, job: Job, notify: Callable[[str], None]) -> Hypothesis | None:
        """Decodes a job of a recording that was uploaded; its failures, however many, do not count as the engine's.

        The engine is loaded again only if it fails on silence too; else the job is tried once more as it is.

        Arguments and result are those of ``decode``.

        Raises:
            EngineError: The engine could not be loaded again.
        """
        try:
            hypothesis: Hypothesis | None = await self._decode(job)
        except EngineError as error:
            if await self._is_working():
                log.warning("a recording that was uploaded cannot be decoded: %s", error)
                hypothesis = await self._try(job)
            else:
                hypothesis = await self._retry_fresh(job, error, notify)
        return self._report_recovery(hypothesis, notify)

    def begin_steps(self, job: Job) -> None:
        """Begins to decode a job in steps, for which nobody waits; one that has begun is dropped."""
        assert self._engine is not None, "start() comes first"
        self._steps = self._engine.decode_in_steps(job)

    def drop_steps(self) -> None:
        """Drops the job that is decoded in steps, and frees its memory."""
        self._steps = None

    async def step(self) -> Hypothesis | None:
        """Runs the next step of the job that was begun.

        Returns:
            The hypothesis after the last step; None before.

        Raises:
            EngineError: It failed, or the engine was loaded again; the job is dropped.
        """
        steps = self._steps
        if steps is None:
            raise EngineError("the engine was loaded again")
        try:
            hypothesis: Hypothesis | None = await self._run_in_engine_thread(
                "hearing a passage again", partial(next, steps)
            )
        except EngineError:
            self._steps = None
            raise
        if hypothesis:
            self._steps = None
        return hypothesis

    async def _is_working(self) -> bool:
        """Returns whether the engine decodes silence."""
        try:
            await self._decode_silence()
        except EngineError:
            return False
        return True

    async def _try(self, job: Job) -> Hypothesis | None:
        """Decodes a job; returns None if that fails."""
        try:
            return await self._decode(job)
        except EngineError as error:
            log.error("the engine failed again; the utterance is given up: %s", error)
            return None

    async def _retry_fresh(self, job: Job, error: EngineError, notify: Callable[[str], None]) -> Hypothesis | None:
        """Decodes with a fresh engine; returns None if that fails as well."""
        notify(FAILURE_NOTICE)
        log.error("the engine failed and is loaded again: %s", error, exc_info=error)
        await self.start()
        if hypothesis := await self._try(job):
            log.info("the engine works again")
        return hypothesis

    @staticmethod
    def _report_recovery(hypothesis: Hypothesis | None, notify: Callable[[str], None]) -> Hypothesis | None:
        if hypothesis:
            notify("")
        return hypothesis

    async def set_vocabulary(self, terms: tuple[str, ...]) -> None:
        """Sets names and terms to expect from the next job on, also after the engine is loaded again.

        Args:
            terms: Names and terms, as they are written.

        Raises:
            ConfigError: There are more than the model takes.
        """
        assert self._engine is not None, "start() comes first"
        await self._run_in_engine_thread("setting the vocabulary", partial(self._engine.set_vocabulary, terms))
        self._vocabulary = terms

    async def _decode_silence(self) -> None:
        assert self._engine is not None, "start() comes first"
        job = _silence()
        await self._run_in_engine_thread(f"decoding {job}", partial(self._engine.decode, job))

    async def _decode(self, job: Job) -> Hypothesis:
        assert self._engine is not None, "start() comes first"
        try:
            return await self._run_in_engine_thread(f"decoding {job}", partial(self._engine.decode, job))
        except EngineError:
            self.failures += 1
            raise

    async def _run_in_engine_thread(self, action: str, work: Callable[[], Result]) -> Result:
        """Runs work in the engine's thread.

        Args:
            action: What the work does, for the message of an error.
            work: Runs in the thread.

        Raises:
            StreamsttError: Raised by the work, as it is.
            EngineError: The work raised any other exception.
        """
        loop = asyncio.get_running_loop()
        self.busy_since = loop.time()
        try:
            return await loop.run_in_executor(self._thread, work)
        except StreamsttError:
            raise
        except Exception as error:  # out of memory, or an error in our code: a fresh engine may do better
            raise EngineError(f"{action} failed: {type(error).__name__}: {error}") from error
        finally:
            self.busy_since = None


def _silence() -> Job:
    return Job("warm-up", 0, np.zeros(SAMPLE_RATE, dtype=np.float32), final=True)
