"""Measures the levels of several devices at once; each has a recorder process, and a thread that reads it."""

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamstt.audio.devices.messages import MessageType
from streamstt.audio.devices.microphone import AUDIO_TIMEOUT_S, FIRST_AUDIO_TIMEOUT_S
from streamstt.audio.devices.recorder_process import OPEN_TIMEOUT_S, RecorderProcess
from streamstt.audio.devices.selection import Device, DeviceSelector
from streamstt.audio.format import Samples
from streamstt.audio.level import AudioLevel, LevelMeter
from streamstt.errors import SourceError

QUEUE_BLOCKS = 2000  # blocks of 40 ms that wait for ``read``; beyond, new ones are dropped
JOIN_S = 2.0  # a thread whose device hangs longer is abandoned


@dataclass(frozen=True, slots=True)
class DeviceLevel:
    """Level of one device.

    Attributes:
        device: The device.
        current: Level since the last ``read``; None if no audio arrived.
        overall: Level since the beginning; None if no audio ever arrived.
        problem: Why no audio arrives, in one sentence; empty if it does.
    """

    device: Device
    current: AudioLevel | None = None
    overall: AudioLevel | None = None
    problem: str = ""


class DeviceLevelMonitor:
    """Records devices and measures their levels; a context manager that records while it is open."""

    def __init__(self, devices: Sequence[Device]) -> None:
        """Starts closed; enter the context.

        Args:
            devices: The devices to record.
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
        """Starts recording all devices."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops recording."""
        self._stop.set()
        deadline = time.monotonic() + JOIN_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def read(self) -> list[DeviceLevel]:
        """Returns the levels of all devices, in the order given; call it regularly."""
        meters: dict[int, LevelMeter] = {}
        for _ in range(self._updates.qsize()):
            i, update = self._updates.get_nowait()
            if isinstance(update, str):
                self._levels[i] = DeviceLevel(self._levels[i].device, overall=self._levels[i].overall, problem=update)
                continue
            for meter in (meters.setdefault(i, LevelMeter()), self._overall_meters[i]):
                meter.push(update)
        for i, last in enumerate(self._levels):
            current = meters[i].read() if i in meters else None
            overall = self._overall_meters[i].current if current else last.overall
            self._levels[i] = DeviceLevel(last.device, current, overall, "" if current else last.problem)
        return list(self._levels)

    def _record(self, index: int, device: Device) -> None:
        name = str(device.index) if device.system == "portaudio" else device.name
        try:
            recorder = RecorderProcess(DeviceSelector(device.kind, name, system=device.system))
        except SourceError as error:
            self._enqueue(index, str(error))
            return
        try:
            self._read_messages(index, recorder)
        except SourceError as error:
            self._enqueue(index, str(error))
        finally:
            recorder.kill()

    def _read_messages(self, index: int, recorder: RecorderProcess) -> None:
        timeout_s = OPEN_TIMEOUT_S
        while message := recorder.receive(self._stop, timeout_s):
            kind, payload = message
            timeout_s = FIRST_AUDIO_TIMEOUT_S if kind is MessageType.OPENED else AUDIO_TIMEOUT_S
            if kind is MessageType.FAILED:
                raise SourceError(payload.decode())
            if kind is MessageType.AUDIO:
                self._enqueue(index, np.frombuffer(payload, np.float32))  # interleaved: the level over all channels

    def _enqueue(self, index: int, update: Samples | str) -> None:
        if not self._updates.full():
            self._updates.put((index, update))
