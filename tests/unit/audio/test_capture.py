"""The capture thread, with small sources that behave as devices do."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import pytest

from streamstt.audio import capture as module
from streamstt.audio.capture import QUEUE_BLOCKS, Capture, CaptureItem, DeviceNotice, Ended, Lost, Recovered, Waiting
from streamstt.audio.format import FRAME, Block
from streamstt.concurrency import JITTER
from streamstt.errors import SourceError

UNPLUGGED = SourceError("the microphone stopped: unplugged")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the delays between attempts short."""
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(module, "JOIN_S", 0.05)


class Device:
    """An ``AudioSource``. Each ``open`` plays the next of ``runs``: an error, or a number of blocks and how it ends."""

    overflows = 0

    def __init__(self, *runs: int | SourceError | tuple[int, SourceError | None], live: bool) -> None:
        self.is_live = live
        self.notices: dict[str, str] = {}
        self._runs = list(runs)
        self._remaining: list[Block | SourceError | None] = []
        self.opened = 0
        self.closed = 0
        self.threads: set[str] = set()
        self.done = threading.Event()

    def open(self) -> None:
        self.opened += 1
        match self._runs.pop(0):
            case SourceError() as error:
                raise error
            case (int() as count, end):
                self._remaining = [*blocks(count), end]
            case count:
                self._remaining = [*blocks(count), None]

    def read(self, stop: threading.Event) -> Block | None:
        self.threads.add(threading.current_thread().name)
        if stop.is_set():
            return None
        item = self._remaining.pop(0)
        if item is None:
            self.done.set()
        if isinstance(item, SourceError):
            raise item
        return item

    def close(self) -> None:
        self.closed += 1


class Endless(Device):
    """Delivers blocks forever; ``done`` when they must have filled a capture's queue."""

    reads = 0

    def read(self, stop: threading.Event) -> Block | None:
        if stop.is_set():
            return None
        self.reads += 1
        if self.reads > QUEUE_BLOCKS:
            self.done.set()
        return blocks(1)[0]


class Silent(Device):
    """Waits for audio until it is stopped."""

    def read(self, stop: threading.Event) -> Block | None:
        self.done.set()
        stop.wait()
        return None


def blocks(count: int) -> list[Block]:
    return [Block(i * FRAME, np.full(FRAME, i, dtype=np.float32)) for i in range(count)]


async def collect(capture: Capture) -> list[CaptureItem]:
    return [item async for item in capture.items()]


async def wait_for(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 60)


def audio(items: Iterable[CaptureItem]) -> list[Block]:
    return [item for item in items if isinstance(item, Block)]


def other_items(items: Iterable[CaptureItem]) -> list[CaptureItem]:
    return [item for item in items if not isinstance(item, Block)]


@pytest.mark.parametrize("live", [True, False])
async def test_from_beginning_to_end(live: bool) -> None:
    """Every block is delivered in order, then the end; a thread with the source's name reads it and closes it."""
    device = Device(5, live=live)
    capture = Capture("desk", device)
    assert capture.is_live is live
    await capture.start()
    items = await collect(capture)
    assert [b.start for b in audio(items)] == [i * FRAME for i in range(5)]
    assert [b.samples[0] for b in audio(items)] == list(range(5))
    assert other_items(items) == [Ended()]
    assert device.threads == {"capture-desk"}
    assert device.closed >= 1
    await capture.stop()


async def test_cannot_be_opened() -> None:
    """A file that does not exist fails at the start."""
    with pytest.raises(SourceError, match="unplugged"):
        await Capture("desk", Device(UNPLUGGED, live=False)).start()


async def test_a_device_that_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is missing at the start is retried and reported; time begins with its first sample."""
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.02)
    capture = Capture("desk", Device(UNPLUGGED, SourceError("no server"), SourceError("no server"), 2, live=True))
    await capture.start()
    items = await collect(capture)
    assert other_items(items) == [Waiting(str(UNPLUGGED)), Waiting("no server"), Recovered(), Ended()]
    assert [b.start for b in audio(items)] == [0, FRAME]


async def test_a_device_that_opens_and_delivers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device is back only when it delivers audio: until then delays grow, and its loss is reported once."""
    monkeypatch.setattr(module, "LAST_RETRY_S", 0.004)
    device = Device((1, UNPLUGGED), (0, UNPLUGGED), (0, UNPLUGGED), (0, UNPLUGGED), 1, live=True)
    capture = Capture("desk", device)
    await capture.start()
    items = await collect(capture)
    assert [type(item) for item in items] == [Block, Lost, Recovered, Block, Ended]
    assert device.opened == 5


async def test_notices() -> None:
    """Notices of a device are delivered when they change, and withdrawn when they are over."""

    class Loud(Device):
        def read(self, stop: threading.Event) -> Block | None:
            block = super().read(stop)
            self.notices = {"clipping": "loud"} if block and block.start in {FRAME, 2 * FRAME, 4 * FRAME} else {}
            return block

        def close(self) -> None:
            super().close()
            self.notices = {}

    capture = Capture("desk", Loud((5, UNPLUGGED), 1, live=True))
    await capture.start()
    items = await collect(capture)
    loud, over = DeviceNotice("clipping", "loud"), DeviceNotice("clipping", "")
    assert other_items(items) == [loud, over, loud, over, Lost(str(UNPLUGGED)), Recovered(), Ended()]


async def test_a_file_waits() -> None:
    """Audio that is not live is never dropped, however late it is read."""
    device = Device(QUEUE_BLOCKS + 50, live=False)
    capture = Capture("file", device)
    await capture.start()
    items = await collect(capture)
    assert len(audio(items)) == QUEUE_BLOCKS + 50
    assert capture.dropped == 0


async def test_live_audio_does_not() -> None:
    """If live audio is not read, the newest blocks are dropped and counted, and the end is still delivered."""
    device = Device(QUEUE_BLOCKS + 50, live=True)
    capture = Capture("mic", device)
    await capture.start()
    await wait_for(device.done)
    items = await collect(capture)
    assert [b.start for b in audio(items)] == [i * FRAME for i in range(QUEUE_BLOCKS)]
    assert capture.dropped == 50
    assert other_items(items) == [Ended()]


async def test_dropped_audio_is_a_gap() -> None:
    """After dropped blocks, the next one's index shows what is missing."""
    more = threading.Event()

    class Pausing(Device):
        def read(self, stop: threading.Event) -> Block | None:
            if len(self._remaining) == 4:
                self.done.set()
                more.wait(60)
            return super().read(stop)

    device = Pausing(QUEUE_BLOCKS + 23, live=True)
    capture = Capture("mic", device)
    await capture.start()
    await wait_for(device.done)
    items = capture.items()
    queued = [await anext(items) for _ in range(QUEUE_BLOCKS)]
    more.set()
    rest = [item async for item in items]
    assert [b.start // FRAME for b in audio(queued)] == list(range(QUEUE_BLOCKS))
    assert [b.start // FRAME for b in audio(rest)] == [QUEUE_BLOCKS + 20, QUEUE_BLOCKS + 21, QUEUE_BLOCKS + 22]
    assert capture.dropped == 20


async def test_failed() -> None:
    """A file that becomes unreadable ends with its error."""
    capture = Capture("file", Device((3, UNPLUGGED), live=False))
    await capture.start()
    items = await collect(capture)
    assert len(audio(items)) == 3
    assert other_items(items) == [Ended(UNPLUGGED)]


async def test_lost_and_recovered() -> None:
    """A lost microphone is opened again until it is back; events are delivered in order, and time continues."""
    device = Device((3, UNPLUGGED), UNPLUGGED, UNPLUGGED, 2, live=True)
    capture = Capture("mic", device)
    await capture.start()
    items = await collect(capture)
    assert [type(item) for item in items] == [Block, Block, Block, Lost, Recovered, Block, Block, Ended]
    assert other_items(items)[0] == Lost(str(UNPLUGGED))
    assert device.opened == 4
    assert [b.samples[0] for b in audio(items)] == [0, 1, 2, 0, 1]


async def test_time_never_runs_backwards() -> None:
    """A device with a fast clock delivers more audio than time passes: when it is back, time still advances."""
    capture = Capture("mic", Device((400, UNPLUGGED), 2, live=True))
    await capture.start()
    received = audio(await collect(capture))
    assert all(a.end <= b.start for a, b in pairwise(received))


async def test_the_time_without_a_device_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time without a device is a gap of the same length."""
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.2)
    capture = Capture("mic", Device((1, UNPLUGGED), 1, live=True))
    await capture.start()
    first, second = audio(await collect(capture))
    assert second.start - first.end >= (1 - JITTER) * 0.2 * 16000 - FRAME


class Clocks:
    """The clocks of a machine, and the devices that it records, played in no time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.slept = 0.0
        monkeypatch.setattr(module, "elapsed_time", lambda: self.now)
        monkeypatch.setattr(module, "slept_time", lambda: self.slept)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


class Timed(Device):
    """Delivers blocks of ``block_s`` seconds, each after that time; ``before`` is called before each read."""

    def __init__(
        self, clocks: Clocks, count: int, before: Callable[[int], None], drift: float = 0.0, block_s: int = 1
    ) -> None:
        super().__init__(0, 0, live=True)
        self._clocks, self._count, self._before, self._block_s = clocks, count, before, block_s
        self._size = round(block_s * 16_000 * (1 + drift))
        self._reads = self._position = 0

    def open(self) -> None:
        super().open()
        self._position = 0

    def read(self, stop: threading.Event) -> Block | None:
        self._reads += 1
        if self._reads > self._count:
            return None
        self._before(self._reads)
        self._clocks.now += self._block_s
        block = Block(self._position, np.zeros(self._size, np.float32))
        self._position = block.end
        return block


async def test_sleep_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for which the machine slept is a gap, though the device goes on as if nothing had been."""
    clocks = Clocks(monkeypatch)
    capture = Capture("mic", Timed(clocks, 6, lambda n: clocks.sleep(8 * 3600) if n == 4 else None))
    await capture.start()
    received = audio(await collect(capture))
    gaps = [(after.start - before.end) / 16_000 for before, after in pairwise(received)]
    assert gaps == [0, 0, 8 * 3600, 0, 0]
    assert [block.received_at for block in received][-1] == clocks.now


@pytest.mark.parametrize("drift", [-200e-6, 200e-6])
async def test_drift_is_in_no_gap(monkeypatch: pytest.MonkeyPatch, drift: float) -> None:
    """After ten hours of a clock that is fast or slow, an outage of two seconds is a gap of two seconds."""
    clocks = Clocks(monkeypatch)

    def lose(read: int) -> None:
        if read == 360:
            clocks.now += 2
            raise UNPLUGGED

    capture = Capture("mic", Timed(clocks, 361, lose, drift, block_s=100))
    await capture.start()
    received = audio(await collect(capture))
    gaps = [(after.start - before.end) / 16_000 for before, after in pairwise(received)]
    assert gaps[:-1] == [0] * (len(gaps) - 1)
    assert gaps[-1] == pytest.approx(2, abs=0.05)


async def test_stop() -> None:
    """A stopped source ends without an error, and is closed."""
    device = Silent(0, live=True)
    capture = Capture("mic", device)
    await capture.start()
    await wait_for(device.done)
    await capture.stop()
    assert await collect(capture) == [Ended()]
    assert device.closed == 1


async def test_stop_while_it_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping does not wait for a lost device."""
    monkeypatch.setattr(module, "FIRST_RETRY_S", 60)
    monkeypatch.setattr(module, "JOIN_S", 10)
    capture = Capture("mic", Device((1, UNPLUGGED), live=True))
    await capture.start()
    items = capture.items()
    assert isinstance(await anext(items), Block)
    assert isinstance(await anext(items), Lost)
    await capture.stop()
    assert [item async for item in items] == [Ended()]


async def test_a_signal_is_not_lost() -> None:
    """A signal arrives although a source delivers hundreds of blocks in one step of the event loop: a SIGTERM would
    otherwise be ignored for good."""
    loop, source, arrived = asyncio.get_running_loop(), Endless(1, live=False), asyncio.Event()
    capture = Capture("file", source)
    loop.add_signal_handler(signal.SIGUSR1, arrived.set)
    try:
        await capture.start()
        assert source.done.wait(5), "the loop stands still until the queue is full"
        signal.raise_signal(signal.SIGUSR1)
        await asyncio.wait_for(arrived.wait(), 5)
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)
        await asyncio.gather(capture.stop(), collect(capture))


async def test_others_get_their_turn() -> None:
    """While blocks arrive as fast as they are read, other tasks run after each of them."""
    source = Endless(1, live=False)
    capture = Capture("file", source)
    await capture.start()
    assert source.done.wait(5)
    order: list[str] = []

    async def consume() -> None:
        async for _ in capture.items():
            order.append("block")
            if len(order) > 20:
                return

    consuming = asyncio.create_task(consume())
    while not consuming.done():
        await asyncio.sleep(0)
        order.append("turn")
    assert order.count("turn") >= 8
    await asyncio.gather(capture.stop(), collect(capture))


async def test_what_was_read_is_delivered() -> None:
    """Blocks that were read before the stop are still delivered, before the end."""
    device = Device(7, live=True)
    capture = Capture("mic", device)
    await capture.start()
    await wait_for(device.done)
    await capture.stop()
    items = await collect(capture)
    assert len(audio(items)) == 7
    assert items[-1] == Ended()


async def test_a_device_that_hangs() -> None:
    """A device that hangs is abandoned: the end is still delivered, soon."""
    release = threading.Event()

    class Hanging(Device):
        def read(self, stop: threading.Event) -> Block | None:
            self.done.set()
            release.wait(90)
            return None

    device = Hanging(0, live=True)
    capture = Capture("mic", device)
    await capture.start()
    await wait_for(device.done)
    await capture.stop()
    async with asyncio.timeout(60):
        items = capture.items()
        assert await anext(items) == Ended()
    release.set()


def ends_in_time(main: Callable[[], None]) -> bool:
    """Runs something that may hang in a thread of its own, and returns whether it ended."""
    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    thread.join(60)
    return not thread.is_alive()


def test_stopping_never_blocks_the_loop() -> None:
    """If a file is stopped while its queue is full and unread, the event loop continues, and the end is delivered."""

    async def main() -> list[CaptureItem]:
        device = Endless(0, live=False)
        capture = Capture("file", device)
        await capture.start()
        await wait_for(device.done)
        await capture.stop()
        return await collect(capture)

    received: list[CaptureItem] = []
    assert ends_in_time(lambda: received.extend(asyncio.run(main())))
    assert len(audio(received)) >= QUEUE_BLOCKS
    assert received[-1] == Ended()
