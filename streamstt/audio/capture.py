"""One thread per source: reads it, and hands blocks to the event loop. Knows nothing of speech.

The thread never waits for the loop when audio is live: a block that finds the queue full is dropped, which the next
block's sample index shows. A microphone that is lost, or not there yet, is opened again with back-off; meanwhile stream
time runs on.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from streamstt.audio.format import SAMPLE_RATE, Block
from streamstt.audio.sources import AudioSource
from streamstt.concurrency import Backoff, run_in_thread
from streamstt.errors import SourceError

QUEUE_BLOCKS = 500  # blocks: 10 s or more; when full, live audio is dropped (a gap), other sources wait
FIRST_RETRY_S, LAST_RETRY_S = 0.25, 5.0
JOIN_S = 2.0  # a read that hangs longer is left to the dying process

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The device is not there yet; it is being tried."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The device is gone; it is being tried again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """The device is back."""


@dataclass(frozen=True, slots=True)
class DeviceNotice:
    """Something about the device that people should know; it is over when ``text`` is empty."""

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The source has no more; ``error`` if it failed."""

    error: SourceError | None = None


CaptureItem = Block | Waiting | Lost | Recovered | DeviceNotice | Ended


class Capture:
    """Reads one source in a thread of its own."""

    def __init__(self, name: str, source: AudioSource) -> None:
        """Nothing runs yet.

        Args:
            name: For the thread's name and the log.
            source: Closed; the capture opens and closes it.
        """
        self._name = name
        self._source = source
        self._queue: queue.Queue[CaptureItem] = queue.Queue(QUEUE_BLOCKS)
        self._stop = threading.Event()
        self._ready = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture-{name}", daemon=True)
        self._started_at: float | None = None  # by the clock, at stream time 0: the first sample
        self._offset = 0  # samples of stream time before the source was opened last
        self._last_end = 0  # of the last block
        self._open_error = ""
        self._outage: Waiting | Lost | None = None  # until the first block
        self._backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        self._notices: dict[str, str] = {}
        self._abandoned = False
        self.dropped = 0  # blocks

    @property
    def is_live(self) -> bool:
        """Whether audio that is not taken in time is lost."""
        return self._source.is_live

    @property
    def overflows(self) -> int:
        """How often the device reported that audio was lost before it could be read."""
        return self._source.overflows

    async def start(self) -> None:
        """Opens the source and starts reading. A device that is not there is waited for.

        Raises:
            SourceError: A source that is not live cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await run_in_thread(self._source.open)
        except SourceError as problem:
            if not self._source.is_live:
                raise
            self._open_error = str(problem)
        self._thread.start()

    async def stop(self) -> None:
        """Ends reading; what was read before is still delivered, then ``Ended``."""
        self._stop.set()
        if self._thread.is_alive():
            await run_in_thread(self._thread.join, JOIN_S)
        if self._thread.is_alive():
            log.warning("source %s: its device does not answer; leaving it behind", self._name)
            self._abandoned = True
            self._ready.set()

    async def items(self) -> AsyncIterator[CaptureItem]:
        """Blocks and what happens to the device, in order; ends after ``Ended``."""
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                if self._abandoned:
                    yield Ended()
                    return
                self._ready.clear()
                await self._ready.wait()
                continue
            yield item
            if isinstance(item, Ended):
                return

    def _deliver(self, item: CaptureItem) -> None:
        """Hands over one item; waits for room, but never with live audio."""
        if self._source.is_live and isinstance(item, Block) and self._queue.full():
            self.dropped += 1
            return
        self._queue.put(item)
        with suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(self._ready.set)

    def _run(self) -> None:
        error: SourceError | None = None
        try:
            if self._open_error:
                self._recover(Waiting(self._open_error))
            while not self._stop.is_set():
                try:
                    block = self._source.read(self._stop)
                except SourceError as problem:
                    if not self._source.is_live:
                        raise
                    self._recover(Lost(str(problem)))
                    continue
                if block is None:
                    break
                if self._started_at is None or self._outage:
                    self._on_first_block(block)
                block = Block(block.start + self._offset, block.samples)
                self._last_end = block.end
                self._deliver(block)
                self._forward_notices()
        except SourceError as problem:
            error = problem
        finally:
            self._source.close()
            self._deliver(Ended(error))

    def _on_first_block(self, block: Block) -> None:
        """The first block since the source was opened: only now is it there, and says what time it is."""
        first = time.monotonic() - len(block.samples) / SAMPLE_RATE
        if self._started_at is None:
            self._started_at = first
        # By the clock; but a source whose samples ran ahead of it does not go back in time.
        self._offset = max(self._last_end, round((first - self._started_at) * SAMPLE_RATE) - block.start)
        self._backoff.reset()
        if self._outage:
            self._outage = None
            self._deliver(Recovered())

    def _forward_notices(self) -> None:
        """Passes on what has changed in what people should know."""
        notices = dict(self._source.notices)
        for about in [k for k in {**self._notices, **notices} if self._notices.get(k) != notices.get(k)]:
            self._deliver(DeviceNotice(about, notices.get(about, "")))
        self._notices = notices

    def _recover(self, outage: Waiting | Lost) -> None:
        """Waits until the device can be opened again, or the capture is stopped."""
        self._source.close()
        self._forward_notices()
        self._report(outage)
        while not self._stop.wait(self._backoff.next_delay()):
            try:
                self._source.open()
            except SourceError as again:
                self._report(type(outage)(str(again)))
                continue
            return

    def _report(self, outage: Waiting | Lost) -> None:
        if outage != self._outage:
            self._deliver(outage)
        self._outage = outage
