"""How loud several devices are at once: each is recorded by its own process, and read by a thread here."""

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamstt.audio.devices.microphone import ALIVE_S, FIRST_S
from streamstt.audio.devices.recorder import Kind
from streamstt.audio.devices.recorder_process import OPEN_S, Recording
from streamstt.audio.devices.selection import Device, Wanted
from streamstt.audio.format import Samples
from streamstt.audio.level import Gauge, Loudness
from streamstt.errors import SourceError

WAITING = (
    2000  # blocks, 40 ms each, that may wait for who looks; newer ones are dropped: a meter that is late is no use
)
JOIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a device gave.

    Attributes:
        device: It.
        now: Since it was read last; None: nothing came.
        whole: Since the beginning; None: nothing ever came.
        problem: Why nothing comes, a sentence; empty: all is well.
    """

    device: Device
    now: Loudness | None = None
    whole: Loudness | None = None
    problem: str = ""


class Metering:
    """Listens to devices while it is open; a context manager."""

    def __init__(self, devices: Sequence[Device]) -> None:
        """Nothing is opened yet.

        Args:
            devices: As they were listed.
        """
        self._measured = [Measured(device) for device in devices]
        self._whole = [Gauge() for _ in devices]
        self._news: queue.Queue[tuple[int, Samples | str]] = queue.Queue(WAITING)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._listen, args=(i, device), name=f"meter-{i}", daemon=True)
            for i, device in enumerate(devices)
        ]

    def __enter__(self) -> "Metering":
        """Opens all of them."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go of them."""
        self._stop.set()
        deadline = time.monotonic() + JOIN_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def read(self) -> list[Measured]:
        """Each device, in the order in which they were given."""
        fresh: dict[int, Gauge] = {}
        for _ in range(self._news.qsize()):
            i, news = self._news.get_nowait()
            if isinstance(news, str):
                self._measured[i] = Measured(self._measured[i].device, whole=self._measured[i].whole, problem=news)
                continue
            for gauge in (fresh.setdefault(i, Gauge()), self._whole[i]):
                gauge.push(news)
        for i, before in enumerate(self._measured):
            now = fresh[i].read() if i in fresh else None
            whole = self._whole[i].so_far if now else before.whole
            self._measured[i] = Measured(before.device, now, whole, "" if now else before.problem)
        return list(self._measured)

    def _listen(self, index: int, device: Device) -> None:
        name = str(device.index) if device.system == "portaudio" else device.name
        try:
            recording = Recording(Wanted(device.kind, name, system=device.system))
        except SourceError as error:
            self._tell(index, str(error))
            return
        try:
            self._follow(index, recording)
        except SourceError as error:
            self._tell(index, str(error))
        finally:
            recording.end()

    def _follow(self, index: int, recording: Recording) -> None:
        patience_s = OPEN_S
        while message := recording.receive(self._stop, patience_s):
            kind, payload = message
            patience_s = FIRST_S if kind is Kind.OPENED else ALIVE_S
            if kind is Kind.FAILED:
                raise SourceError(payload.decode())
            if kind is Kind.AUDIO:
                self._tell(index, np.frombuffer(payload, np.float32))  # all channels: the loudness of all of them

    def _tell(self, index: int, news: Samples | str) -> None:
        if not self._news.full():
            self._news.put((index, news))
