"""Writes transcripts in threads: finals are queued for the disk, and wait in memory while it cannot be written to."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from streamstt.clock import Timestamp, loop_time
from streamstt.concurrency import Backoff
from streamstt.errors import OutputError
from streamstt.hub.counters import Counters
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import Message
from streamstt.transcripts.archive import Archive
from streamstt.transcripts.files import TranscriptEntry, sync_and_close

MAX_PENDING = 5_000  # finals in memory: some six hours of one speaker, 10 MB; beyond, the oldest is lost and counted
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 30.0
SYNC_DELAY_S = 1.0  # a loss of power loses at most so much; the end of the process loses nothing
CLEANUP_INTERVAL_S = 86_400.0
SLOW_S = 2.0  # a disk that takes longer is reported
SLOW_UPDATE_S = 60.0  # ... for live files that are written anew, which takes seconds on a slow machine
HOLD_S = 35.0  # so long after a final its passage has been heard again: up to 20 s of speech, a pause, and the look
CLOSE_TIMEOUT_S = 5.0  # a stopping daemon waits no longer for the disk

Result = TypeVar("Result")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewSetRequest:
    """A request for a new set.

    Attributes:
        title: Title of the set; may be empty.
        marked_at: When it was asked for.
        set_name: Receives the name of the set, or an ``OutputError``. Not cancelled with the caller.
    """

    title: str
    marked_at: Timestamp
    set_name: asyncio.Future[str]


class TranscriptWriter:
    """Writes every final and revision of a hub to an archive; ``run`` must be running.

    Attributes:
        written: Number of finals and revisions that were written.
        lost: Number of finals that were dropped unwritten.
        failures: Number of failed attempts to write.
    """

    def __init__(self, archive: Archive, hub: Hub) -> None:
        """Subscribes to the hub's finals, which wait until ``run``.

        Args:
            archive: Where finals are written; closed by ``run``.
            hub: Where they are published, and where failures are reported.
        """
        self._archive = archive
        self._hub = hub
        self._jobs: deque[TranscriptEntry | NewSetRequest] = deque()
        self._threads = ThreadPoolExecutor(2, "transcript")  # one writes, one syncs
        self._work_available = asyncio.Event()
        self._closing = False
        self._failing = self._disk_stuck = False
        self._backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        self._retry_at = self._sync_at = math.inf
        self._cleanup_at = 0.0
        self._held: deque[tuple[float, int]] = deque()  # loop time and number of finals that live files do not have yet
        self._syncing: asyncio.Future[None] | None = None
        self.written = self.lost = self.failures = 0
        self._write_ahead = hub.enable_write_ahead(self._enqueue)

    @property
    def waiting(self) -> int:
        """Number of finals that are not written yet."""
        return len(self._jobs)

    async def mark(self, title: str) -> str:
        """Starts a new set for what is spoken from now on, and returns its name.

        Args:
            title: Becomes part of the name; may be empty.

        Raises:
            OutputError: It cannot be created now.
        """
        if self._failing or self._disk_stuck or self._closing:
            raise OutputError("no new set can be started now: the transcript cannot be written")
        request = NewSetRequest(title, self._hub.session_clock.now(), asyncio.get_running_loop().create_future())
        self._jobs.append(request)
        self._work_available.set()
        return await asyncio.shield(request.set_name)

    def _enqueue(self, message: Message) -> bool:
        """Queues a final or a revision; returns whether it will be written soon, so that viewers can wait for that."""
        self._jobs.append(TranscriptEntry(message.data, message.label, len(self._hub.sources) > 1))
        if len(self._jobs) > MAX_PENDING:
            self._drop(self._jobs.popleft())
        self._work_available.set()
        return not self._failing and not self._disk_stuck

    def _drop(self, job: TranscriptEntry | NewSetRequest) -> None:
        if isinstance(job, NewSetRequest):
            job.set_name.set_exception(OutputError("no new set could be started: the transcript cannot be written"))
            return
        if not self.lost:
            log.error("more than %d captions wait for the disk: the oldest are lost", MAX_PENDING)
        self.lost += 1

    def close(self) -> None:
        """Makes ``run`` write what waits, with one more attempt if that failed, and end."""
        self._closing = True
        self._work_available.set()

    async def run(self) -> None:
        """Writes until ``close``."""
        try:
            while not self._closing:
                held_until = self._held[0][0] if self._held else math.inf
                await self._wait_for_work(min(self._retry_at, self._sync_at, self._cleanup_at, held_until))
                if not self._failing or loop_time() >= self._retry_at:
                    await self._write_all()
                if loop_time() >= held_until:
                    await self._write_held()
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
        except Exception:  # a bug: drop the transcript, keep captioning
            log.exception("the transcript ends here")
            self._release_waiting()
            self._hub.notify("transcript", "The transcript has ended with an error in the program; captions go on.")
        finally:
            self._threads.shutdown(wait=False)
            if self._jobs:
                log.error("%d captions could not be written", len(self._jobs))

    async def _wait_for_work(self, until: float) -> None:
        """Waits until there is work, or until a loop time (s)."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(None if until == math.inf else until):
                await self._work_available.wait()
        self._work_available.clear()

    async def _write_all(self) -> None:
        """Writes what waits, in order, until the queue is empty or a write fails."""
        while self._jobs:
            job = self._jobs[0]
            if isinstance(job, NewSetRequest):
                await self._start_set(job)
            elif not await self._write(job):
                return
            if self._jobs and self._jobs[0] is job:  # it may have been dropped meanwhile
                self._jobs.popleft()

    async def _start_set(self, request: NewSetRequest) -> None:
        try:
            name = await self._run_in_thread(self._archive.start_set, request.title, request.marked_at)
        except OSError as error:
            message = f"no new set could be started in {self._archive.folder}: {error.strerror}"
            request.set_name.set_exception(OutputError(message))
        else:
            request.set_name.set_result(name)
            self._cleanup_at = loop_time()

    async def _write(self, entry: TranscriptEntry) -> bool:
        """Writes a final or a revision; returns whether that succeeded."""
        try:
            await self._run_in_thread(self._archive.write, entry)
            if entry.data["type"] == "revised":
                self._write_ahead.release(entry.data["seq"])
                await self._run_in_thread(self._archive.update_live_files, slow_s=SLOW_UPDATE_S)
        except OSError as error:
            self._on_failure(error)
            return False
        finally:
            self._write_ahead.release(entry.data["seq"])
        if self._archive.holds and entry.data["type"] == "final":
            self._held.append((loop_time() + HOLD_S, entry.data["seq"]))
        self.written += 1
        self._sync_at = min(self._sync_at, loop_time() + SYNC_DELAY_S)
        self._on_success()
        return True

    async def _write_held(self) -> None:
        """Writes the finals to the live files that have been held long enough."""
        while self._held and self._held[0][0] <= loop_time():
            _, seq = self._held.popleft()
        try:
            await self._run_in_thread(self._archive.write_held, seq)
        except FileNotFoundError:
            pass  # the set was removed; the next final begins it anew
        except OSError as error:
            self._held.appendleft((loop_time() + LAST_RETRY_S, seq))
            log.warning("live files in %s cannot be written: %s", self._archive.folder, error.strerror)

    async def _run_in_thread(self, work: Callable[..., Result], *arguments: object, slow_s: float = SLOW_S) -> Result:
        """Runs work that waits for the disk, in a thread of our own; reports when it takes longer than ``slow_s``."""
        job = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        done, _ = await asyncio.wait({job}, timeout=slow_s)
        if done:
            return job.result()
        self._disk_stuck = True
        self._report("the disk does not answer")
        try:
            return await job
        finally:
            self._disk_stuck = False
            self._hub.notify("transcript", "")  # if it failed, the caller reports that next

    def _on_failure(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if not self._failing:
            log.error("captions cannot be written to %s: %s", self._archive.folder, reason)
        self.failures += 1
        self._retry_at = loop_time() + self._backoff.next_delay()
        self._release_waiting()
        self._report(reason)

    def _release_waiting(self) -> None:
        """Releases the finals that viewers wait for, because they cannot be written now."""
        self._failing = True
        for job in self._jobs:
            if isinstance(job, TranscriptEntry):
                self._write_ahead.release(job.data["seq"])

    def _report(self, reason: str) -> None:
        kept = f"the last {MAX_PENDING} captions are kept in memory until it can be"
        self._hub.notify("transcript", f"The transcript cannot be written ({reason}); {kept}.")

    def _on_success(self) -> None:
        if self._failing:
            log.info("captions are written to %s again", self._archive.folder)
        self._failing = False
        self._backoff.reset()
        self._retry_at = math.inf
        self._hub.notify("transcript", "")

    # ---- besides writing

    def _start_sync(self) -> None:
        """Starts to sync the record to disk, while writing continues; later if a sync is running."""
        if self._syncing and not self._syncing.done():
            self._sync_at = loop_time() + SYNC_DELAY_S
            return
        self._sync_at = math.inf
        file = self._archive.duplicate_record()
        if file is not None:
            self._syncing = asyncio.get_running_loop().run_in_executor(self._threads, sync_and_close, file)
            self._syncing.add_done_callback(_log_failure)

    async def _delete_expired(self) -> None:
        """Deletes expired sets: at the start, with each new set, and daily."""
        self._cleanup_at = loop_time() + CLEANUP_INTERVAL_S
        try:
            for name in await self._run_in_thread(self._archive.delete_expired):
                log.info("transcript %s was deleted, as transcript.keep_days or keep_mb requires", name)
        except OSError as error:
            log.error("old transcripts in %s cannot be deleted: %s", self._archive.folder, error)


def _log_failure(syncing: asyncio.Future[None]) -> None:
    if not syncing.cancelled() and (error := syncing.exception()):
        log.error("the transcript could not be synced to disk: %s", error)


def add_transcript_metrics(transcript: TranscriptWriter, counters: Counters) -> None:
    """Adds the metrics of the writer to the counters."""
    counters.add_counter("transcript_written", "Finals and revisions written to disk.", lambda: transcript.written)
    counters.add_counter("transcript_lost", "Finals dropped unwritten.", lambda: transcript.lost)
    counters.add_counter("transcript_failures", "Failed attempts to write.", lambda: transcript.failures)
    counters.add_gauge("transcript_waiting", "Finals not written yet.", lambda: transcript.waiting)
