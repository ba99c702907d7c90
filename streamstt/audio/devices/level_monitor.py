"""How loud several devices are at once: each is recorded by its own process, and read by a thread here."""

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamstt.audio.devices.microphone import AUDIO_TIMEOUT_S, FIRST_AUDIO_TIMEOUT_S
from streamstt.audio.devices.recorder import MessageType
from streamstt.audio.devices.recorder_process import OPEN_TIMEOUT_S, RecorderProcess
from streamstt.audio.devices.selection import Device, DeviceSelector
from streamstt.audio.format import Samples
from streamstt.audio.level import AudioLevel, LevelMeter
from streamstt.errors import SourceError

QUEUE_BLOCKS = (
    2000  # blocks, 40 ms each, that may wait for who looks; newer ones are dropped: a meter that is late is no use
)
JOIN_S = 2.0


@dataclass(frozen=True, slots=True)
class DeviceLevel:
    """What a device gave.

    Attributes:
        device: It.
        current: Since it was read last; None: nothing came.
        overall: Since the beginning; None: nothing ever came.
        problem: Why nothing comes, a sentence; empty: all is well.
    """

    device: Device
    current: AudioLevel | None = None
    overall: AudioLevel | None = None
    problem: str = ""


class DeviceLevelMonitor:
    """Listens to devices while it is open; a context manager."""

    def __init__(self, devices: Sequence[Device]) -> None:
        """Nothing is opened yet.

        Args:
            devices: As they were listed.
        """
        self._levels = [DeviceLevel(device) for device in devices]
        self._overall_meters = [LevelMeter() for _ in devices]
        self._updates: queue.Queue[tuple[int, Samples | str]] = queue.Queue(QUEUE_BLOCKS)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._record, args=(i, device), name=f"meter-{i}", daemon=True)
            for i, device in enumerate(devices)
        ]

    def __enter__(self) -> "DeviceLevelMonitor":
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

    def read(self) -> list[DeviceLevel]:
        """Each device, in the order in which they were given."""
        fresh: dict[int, LevelMeter] = {}
        for _ in range(self._updates.qsize()):
            i, news = self._updates.get_nowait()
            if isinstance(news, str):
                self._levels[i] = DeviceLevel(self._levels[i].device, overall=self._levels[i].overall, problem=news)
                continue
            for gauge in (fresh.setdefault(i, LevelMeter()), self._overall_meters[i]):
                gauge.push(news)
        for i, before in enumerate(self._levels):
            now = fresh[i].read() if i in fresh else None
            whole = self._overall_meters[i].current if now else before.overall
            self._levels[i] = DeviceLevel(before.device, now, whole, "" if now else before.problem)
        return list(self._levels)

    def _record(self, index: int, device: Device) -> None:
        name = str(device.index) if device.system == "portaudio" else device.name
        try:
            recording = RecorderProcess(DeviceSelector(device.kind, name, system=device.system))
        except SourceError as error:
            self._enqueue(index, str(error))
            return
        try:
            self._read_messages(index, recording)
        except SourceError as error:
            self._enqueue(index, str(error))
        finally:
            recording.kill()

    def _read_messages(self, index: int, recorder: RecorderProcess) -> None:
        patience_s = OPEN_TIMEOUT_S
        while message := recorder.receive(self._stop, patience_s):
            kind, payload = message
            patience_s = FIRST_AUDIO_TIMEOUT_S if kind is MessageType.OPENED else AUDIO_TIMEOUT_S
            if kind is MessageType.FAILED:
                raise SourceError(payload.decode())
            if kind is MessageType.AUDIO:
                self._enqueue(index, np.frombuffer(payload, np.float32))  # all channels: the loudness of all of them

    def _enqueue(self, index: int, update: Samples | str) -> None:
        if not self._updates.full():
            self._updates.put((index, update))
