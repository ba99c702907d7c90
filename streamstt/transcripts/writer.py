"""Transcripts beside the event loop: finals queue here for the disk, and wait in memory while it takes none."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from streamstt.clock import loop_time
from streamstt.concurrency import Backoff
from streamstt.errors import OutputError
from streamstt.hub.counters import Counters
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import Message
from streamstt.transcripts.archive import Archive
from streamstt.transcripts.files import TranscriptEntry, sync_and_close

WAITING = 5_000  # finals in memory: some six hours of one speaker, 10 MB; beyond, the oldest is lost, and counted
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 30.0
SYNC_DELAY_S = 1.0  # so much at most a loss of power takes; the end of the process, however it comes, takes nothing
CLEANUP_INTERVAL_S = 86_400.0
SLOW_S = 2.0  # a disk that takes longer is said not to answer
CLOSE_TIMEOUT_S = 5.0  # a stopping daemon waits no longer for a disk that does not answer

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewSetRequest:
    """Somebody wants a new set; ``name`` becomes its name."""

    title: str
    set_name: asyncio.Future[str]  # shielded: it is always given an answer


class TranscriptWriter:
    """Writes every final of a hub; ``run`` must be running.

    Attributes:
        written: Finals that reached the disk.
        lost: Finals that did not, and are no longer kept.
        failures: Attempts to write that failed.
    """

    def __init__(self, archive: Archive, hub: Hub) -> None:
        """Asks the hub for its finals.

        Args:
            archive: Where they go; closed by ``run``.
            hub: Where they come from, and where what is wrong is told.
        """
        self._archive = archive
        self._hub = hub
        self._jobs: deque[TranscriptEntry | NewSetRequest] = deque()
        self._threads = ThreadPoolExecutor(2, "transcript")  # one writes, one waits for the disk to keep it
        self._work_available = asyncio.Event()
        self._closing = False
        self._failing = self._disk_stuck = False
        self._backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        self._retry_at = self._sync_at = math.inf
        self._cleanup_at = 0.0
        self._syncing: asyncio.Future[None] | None = None
        self.written = self.lost = self.failures = 0
        self._write_ahead = hub.enable_write_ahead(self._enqueue)

    @property
    def waiting(self) -> int:
        """Finals that are not on disk yet."""
        return len(self._jobs)

    async def mark(self, title: str) -> str:
        """Begins a new set: what becomes final from now on goes there. Returns its name.

        Args:
            title: Becomes part of the name; may be empty.

        Raises:
            SinkError: It cannot be written now.
        """
        if self._failing or self._disk_stuck or self._closing:
            raise OutputError("no new set can be begun now: the transcript cannot be written")
        wish = NewSetRequest(title, asyncio.get_running_loop().create_future())
        self._jobs.append(wish)
        self._work_available.set()
        return await asyncio.shield(wish.set_name)

    def _enqueue(self, message: Message) -> bool:
        """Queues a final; whether it will soon be written, so that viewers can wait for it."""
        sources = {source.name: source.label for source in self._hub.sources}
        label = sources.get(message.event.source, message.event.source)
        self._jobs.append(TranscriptEntry(message.data, label, len(sources) > 1))
        if len(self._jobs) > WAITING:
            self._drop(self._jobs.popleft())
        self._work_available.set()
        return not self._failing and not self._disk_stuck

    def _drop(self, job: TranscriptEntry | NewSetRequest) -> None:
        if isinstance(job, NewSetRequest):
            job.set_name.set_exception(OutputError("no new set could be begun: the transcript cannot be written"))
            return
        if not self.lost:
            log.error("more than %d captions wait for the disk: the oldest are lost", WAITING)
        self.lost += 1

    def close(self) -> None:
        """Has ``run`` write what waits, once more if that failed, and end."""
        self._closing = True
        self._work_available.set()

    async def run(self) -> None:
        """Writes until ``close``."""
        try:
            while not self._closing:
                await self._wait_for_work(min(self._retry_at, self._sync_at, self._cleanup_at))
                if not self._failing or loop_time() >= self._retry_at:
                    await self._write_all()
                if loop_time() >= self._sync_at:
                    self._start_sync()
                if loop_time() >= self._cleanup_at:
                    await self._delete_expired()
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._write_all()
                self._start_sync()
                if self._syncing:
                    await asyncio.wait({self._syncing})
            await self._run_in_thread(self._archive.close)
        except TimeoutError:
            log.error("the disk does not answer: the end of the transcript may be missing")
        except Exception:  # a mistake of ours: captions are worth more than their transcript
            log.exception("the transcript ends here")
            self._release_waiting()
            self._hub.notify("transcript", "The transcript has ended by a mistake in the program; captions go on.")
        finally:
            self._threads.shutdown(wait=False)
            if self._jobs:
                log.error("%d captions could not be written", len(self._jobs))

    async def _wait_for_work(self, until: float) -> None:
        """Until then, or until there is work."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(None if until == math.inf else until):
                await self._work_available.wait()
        self._work_available.clear()

    async def _write_all(self) -> None:
        """Writes what waits, in order, until nothing does or it fails."""
        while self._jobs:
            job = self._jobs[0]
            if isinstance(job, NewSetRequest):
                await self._start_set(job)
            elif not await self._write(job):
                return
            if self._jobs and self._jobs[0] is job:  # it may be lost meanwhile
                self._jobs.popleft()

    async def _start_set(self, request: NewSetRequest) -> None:
        try:
            name = await self._run_in_thread(self._archive.start_set, request.title)
        except OSError as error:
            problem = OutputError(f"no new set could be begun in {self._archive.folder}: {error.strerror}")
            request.set_name.set_exception(problem)
        else:
            request.set_name.set_result(name)
            self._cleanup_at = loop_time()

    async def _write(self, entry: TranscriptEntry) -> bool:
        """Whether it is on disk now."""
        try:
            await self._run_in_thread(self._archive.write, entry)
        except OSError as error:
            self._on_failure(error)
            return False
        finally:
            self._write_ahead.release(entry.data["seq"])
        self.written += 1
        self._sync_at = min(self._sync_at, loop_time() + SYNC_DELAY_S)
        self._on_success()
        return True

    async def _run_in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """Runs what waits for the disk, and tells people when that takes long."""
        job = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        done, _ = await asyncio.wait({job}, timeout=SLOW_S)
        if done:
            return job.result()
        self._disk_stuck = True
        self._report("the disk does not answer")
        try:
            return await job
        finally:
            self._disk_stuck = False
            self._hub.notify("transcript", "")  # if it failed, that is told next

    def _on_failure(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if not self._failing:
            log.error("captions cannot be written to %s: %s", self._archive.folder, reason)
        self.failures += 1
        self._retry_at = loop_time() + self._backoff.next_delay()
        self._release_waiting()
        self._report(reason)

    def _release_waiting(self) -> None:
        """Nobody is kept waiting for a disk that takes nothing."""
        self._failing = True
        for job in self._jobs:
            if isinstance(job, TranscriptEntry):
                self._write_ahead.release(job.data["seq"])

    def _report(self, reason: str) -> None:
        keeps = f"the last {WAITING} captions are kept in memory until it can be"
        self._hub.notify("transcript", f"The transcript cannot be written ({reason}); {keeps}.")

    def _on_success(self) -> None:
        if self._failing:
            log.info("captions are written to %s again", self._archive.folder)
        self._failing = False
        self._backoff.reset()
        self._retry_at = math.inf
        self._hub.notify("transcript", "")

    # ---- beside writing

    def _start_sync(self) -> None:
        """Has the disk keep what was written; meanwhile writing goes on."""
        if self._syncing and not self._syncing.done():
            self._sync_at = loop_time() + SYNC_DELAY_S
            return
        self._sync_at = math.inf
        file = self._archive.duplicate_record()
        if file is not None:
            self._syncing = asyncio.get_running_loop().run_in_executor(self._threads, sync_and_close, file)
            self._syncing.add_done_callback(_log_failure)

    async def _delete_expired(self) -> None:
        """Deletes old sets: at the start, with each new set, and daily."""
        self._cleanup_at = loop_time() + CLEANUP_INTERVAL_S
        try:
            for name in await self._run_in_thread(self._archive.delete_expired):
                log.info("transcript %s is deleted: transcript.keep_days and keep_mb say so", name)
        except OSError as error:
            log.error("old transcripts in %s cannot be deleted: %s", self._archive.folder, error)


def _log_failure(syncing: asyncio.Future[None]) -> None:
    if not syncing.cancelled() and (error := syncing.exception()):
        log.error("the disk did not keep the transcript: %s", error)


def add_transcript_metrics(transcript: TranscriptWriter, counters: Counters) -> None:
    """Adds what became of the finals that are to be kept."""
    counters.add_counter("transcript_written", "Finals that reached the disk.", lambda: transcript.written)
    counters.add_counter("transcript_lost", "Finals that did not, and are gone.", lambda: transcript.lost)
    counters.add_counter("transcript_failures", "Attempts to write that failed.", lambda: transcript.failures)
    counters.add_gauge("transcript_waiting", "Finals that are not on disk yet.", lambda: transcript.waiting)
