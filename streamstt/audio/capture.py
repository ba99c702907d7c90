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
from streamstt.errors import SourceError

QUEUE = 500  # blocks: 10 s or more; when full, live audio is dropped (a gap), other sources wait
FIRST_RETRY_S, LAST_RETRY_S = 0.25, 5.0
JOIN_S = 2.0  # a read that hangs longer is left to the dying process

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The device is not there yet; it is being tried."""

    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The device is gone; it is being tried again."""

    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """The device is back."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something about the device that people should know; it is over when ``text`` is empty."""

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The source has no more; ``error`` if it failed."""

    error: SourceError | None = None


Item = Block | Waiting | Lost | Found | Noticed | Ended


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
        self._queue: queue.Queue[Item] = queue.Queue(QUEUE)
        self._stop = threading.Event()
        self._ready = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture-{name}", daemon=True)
        self._begun: float | None = None  # by the clock, at stream time 0: the first sample
        self._offset = 0  # samples of stream time before the source was opened last
        self._end = 0  # of the last block
        self._first_problem = ""
        self._absent: Waiting | Lost | None = None  # until the first block
        self._pause_s = FIRST_RETRY_S
        self._notices: dict[str, str] = {}
        self._left_behind = False
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
            await asyncio.to_thread(self._source.open)
        except SourceError as problem:
            if not self._source.is_live:
                raise
            self._first_problem = str(problem)
        self._thread.start()

    async def stop(self) -> None:
        """Ends reading; what was read before is still delivered, then ``Ended``."""
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, JOIN_S)
        if self._thread.is_alive():
            log.warning("source %s: its device does not answer; leaving it behind", self._name)
            self._left_behind = True
            self._ready.set()

    async def items(self) -> AsyncIterator[Item]:
        """Blocks and what happens to the device, in order; ends after ``Ended``."""
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                if self._left_behind:
                    yield Ended()
                    return
                self._ready.clear()
                await self._ready.wait()
                continue
            yield item
            if isinstance(item, Ended):
                return

    def _deliver(self, item: Item) -> None:
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
            if self._first_problem:
                self._recover(Waiting(self._first_problem))
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
                if self._begun is None or self._absent:
                    self._begin(block)
                block = Block(block.start + self._offset, block.samples)
                self._end = block.end
                self._deliver(block)
                self._note()
        except SourceError as problem:
            error = problem
        finally:
            self._source.close()
            self._deliver(Ended(error))

    def _begin(self, block: Block) -> None:
        """The first block since the source was opened: only now is it there, and says what time it is."""
        first = time.monotonic() - len(block.samples) / SAMPLE_RATE
        if self._begun is None:
            self._begun = first
        # By the clock; but a source whose samples ran ahead of it does not go back in time.
        self._offset = max(self._end, round((first - self._begun) * SAMPLE_RATE) - block.start)
        self._pause_s = FIRST_RETRY_S
        if self._absent:
            self._absent = None
            self._deliver(Found())

    def _note(self) -> None:
        """Passes on what has changed in what people should know."""
        notices = dict(self._source.notices)
        for about in [k for k in {**self._notices, **notices} if self._notices.get(k) != notices.get(k)]:
            self._deliver(Noticed(about, notices.get(about, "")))
        self._notices = notices

    def _recover(self, news: Waiting | Lost) -> None:
        """Waits until the device can be opened again, or the capture is stopped."""
        self._source.close()
        self._note()
        self._say(news)
        while not self._stop.wait(self._pause_s):
            self._pause_s = min(2 * self._pause_s, LAST_RETRY_S)  # until there is audio
            try:
                self._source.open()
            except SourceError as again:
                self._say(type(news)(str(again)))
                continue
            return

    def _say(self, news: Waiting | Lost) -> None:
        if news != self._absent:
            self._deliver(news)
        self._absent = news
