"""One thread per source that reads it and hands its blocks to the event loop. Knows nothing of speech.

The thread never waits for the loop when audio is live: if the queue is full, a block is dropped, and the sample index
of the next block shows the gap. A microphone that is lost or not there yet is opened again with back-off; stream time
continues meanwhile, and while the machine sleeps.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from streamstt.audio.devices.device_clock import DeviceClock
from streamstt.audio.format import SAMPLE_RATE, Block
from streamstt.audio.sources import AudioSource
from streamstt.clock import elapsed_time, slept_time
from streamstt.concurrency import Backoff, run_in_thread
from streamstt.errors import SourceError

QUEUE_BLOCKS = 500  # 10 s or more; when full, live audio is dropped (a gap), and other sources wait
FIRST_RETRY_S, LAST_RETRY_S = 0.25, 5.0
MIN_SLEEP_S = 1.0  # a shorter sleep of the machine is not worth a gap
JOIN_S = 2.0  # a thread whose read hangs longer is abandoned; it ends with the process

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The device has not been opened yet; attempts continue."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The device was lost; attempts to open it again continue."""

    reason: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """The device delivers audio again."""


@dataclass(frozen=True, slots=True)
class DeviceNotice:
    """A condition of the device that users should know of.

    Attributes:
        about: Kind of condition, such as "clipping".
        text: One sentence; empty when the condition is over.
    """

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The source has ended.

    Attributes:
        error: Why it failed; None if it ended normally.
    """

    error: SourceError | None = None


CaptureItem = Block | Waiting | Lost | Recovered | DeviceNotice | Ended


class Capture:
    """Reads one source in a thread of its own, and keeps a live source alive across outages.

    Attributes:
        dropped: Number of live blocks dropped because the queue was full.
    """

    def __init__(self, name: str, source: AudioSource) -> None:
        """Starts idle; call ``start``.

        Args:
            name: Name of the source, for the thread's name and the log.
            source: The source, closed; the capture opens and closes it.
        """
        self._name = name
        self._source = source
        self._queue: queue.Queue[CaptureItem] = queue.Queue(QUEUE_BLOCKS)
        self._stop = threading.Event()
        self._ready = asyncio.Event()
        self._waking = False  # whether the event loop has been asked to set ``_ready`` and has not done so yet
        self._thread = threading.Thread(target=self._run, name=f"capture-{name}", daemon=True)
        self._clock = DeviceClock(SAMPLE_RATE)
        self._has_audio = False
        self._slept_s = slept_time()  # by the last block
        self._offset = 0  # samples of stream time before the source was last opened
        self._last_end = 0  # end of the last block, in samples
        self._open_error = ""
        self._outage: Waiting | Lost | None = None  # the outage last reported; None once there is audio
        self._backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        self._notices: dict[str, str] = {}
        self._abandoned = False
        self.dropped = 0

    @property
    def is_live(self) -> bool:
        """Whether audio that is not read in time is lost."""
        return self._source.is_live

    @property
    def overflows(self) -> int:
        """Number of times the device reported that audio was lost before it could be read."""
        return self._source.overflows

    @property
    def bad_samples(self) -> int:
        """Number of samples so far that were no numbers or far too large; 0 if the source does not count them."""
        return int(getattr(self._source, "bad_samples", 0))

    async def start(self) -> None:
        """Opens the source and starts reading. A live source that cannot be opened is retried in the background.

        Raises:
            SourceError: A source that is not live cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await run_in_thread(self._source.open)
        except SourceError as error:
            if not self._source.is_live:
                raise
            self._open_error = str(error)
        self._thread.start()

    async def stop(self) -> None:
        """Stops reading. Blocks that were read before are still delivered, followed by ``Ended``."""
        self._stop.set()
        if self._thread.is_alive():
            await run_in_thread(self._thread.join, JOIN_S)
        if self._thread.is_alive():
            log.warning("source %s: the device does not respond; its thread is abandoned", self._name)
            self._abandoned = True
            self._ready.set()

    async def items(self) -> AsyncIterator[CaptureItem]:
        """Yields blocks and events of the device in order; the last item is ``Ended``.

        Other tasks run between two items, also while the queue is never empty.
        """
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
            await asyncio.sleep(0)

    def _deliver(self, item: CaptureItem) -> None:
        """Queues one item. Waits while the queue is full, except for live audio, which is dropped."""
        if self._source.is_live and isinstance(item, Block) and self._queue.full():
            self.dropped += 1
            return
        self._queue.put(item)
        # Once until the loop has run, not once per item: each call writes a byte to the socket that signals use too,
        # and when that is full, a SIGTERM is lost.
        if not self._waking:
            self._waking = True
            with suppress(RuntimeError):  # the loop is closed: the process is ending
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._waking = False
        self._ready.set()

    def _run(self) -> None:
        error: SourceError | None = None
        try:
            if self._open_error:
                self._recover(Waiting(self._open_error))
            while not self._stop.is_set():
                try:
                    block = self._source.read(self._stop)
                except SourceError as outage:
                    if not self._source.is_live:
                        raise
                    self._recover(Lost(str(outage)))
                    continue
                if block is None:
                    break
                self._deliver(self._place(block, elapsed_time()))
                self._forward_notices()
        except SourceError as failure:
            error = failure
        finally:
            self._source.close()
            self._deliver(Ended(error))

    def _place(self, block: Block, now: float) -> Block:
        """Places a block that has arrived now in stream time, and ends the outage, if any.

        A device counts as present only when it delivers audio; some open and then deliver none.
        """
        slept_s = slept_time()
        has_slept, self._slept_s = slept_s - self._slept_s >= MIN_SLEEP_S, slept_s
        if self._outage or not self._has_audio:
            self._backoff.reset()
        if self._outage:
            if self._has_audio:
                self._skip(self._last_end, block, now)
            self._outage = None
            self._deliver(Recovered())
        elif self._has_audio and self._source.is_live and has_slept:
            self._skip(block.start + self._offset, block, now)
        block = Block(block.start + self._offset, block.samples, now)
        self._clock.update(block.end, now)
        self._last_end, self._has_audio = block.end, True
        return block

    def _skip(self, start: int, block: Block, now: float) -> None:
        """Lets stream time continue at a block as late after ``start`` (samples) as it has come."""
        self._offset = start + self._clock.missing(start + len(block.samples), now) - block.start

    def _forward_notices(self) -> None:
        """Delivers the source's notices that have changed."""
        notices = dict(self._source.notices)
        for about in [k for k in {**self._notices, **notices} if self._notices.get(k) != notices.get(k)]:
            self._deliver(DeviceNotice(about, notices.get(about, "")))
        self._notices = notices

    def _recover(self, outage: Waiting | Lost) -> None:
        """Retries until the device can be opened again or the capture is stopped."""
        self._source.close()
        self._forward_notices()
        self._report(outage)
        while not self._stop.wait(self._backoff.next_delay()):
            try:
                self._source.open()
            except SourceError as error:
                self._report(type(outage)(str(error)))
                continue
            return

    def _report(self, outage: Waiting | Lost) -> None:
        if outage != self._outage:
            self._deliver(outage)
        self._outage = outage
