"""What devices deliver after hours with a clock of their own: neither sound nor silence is made up or left out."""

import json
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from streamstt.audio.devices import microphone, portaudio
from streamstt.audio.devices.microphone import Microphone
from streamstt.audio.devices.recorder import MessageType
from streamstt.audio.devices.selection import Device, DeviceSelector

RATE, BLOCK_S = 16_000, 10  # long blocks: hours take no time
DEVICE: dict[str, Any] = {
    "system": "pulse", "kind": "mic", "name": "usb", "title": "USB", "channels": 1, "rate": RATE
}  # fmt: skip
DRIFTS = [-200e-6, 0.0, 200e-6]


class Machine:
    """The time, and a device whose clock is fast by ``drift``."""

    def __init__(self, drift: float) -> None:
        self.now = 1000.0
        self.block = round(BLOCK_S * RATE * (1 + drift))

    def monotonic(self) -> float:
        return self.now

    def record(self, level: float) -> bytes:
        self.now += BLOCK_S
        return np.full(self.block, level, np.float32).tobytes()


def recorder_of(machine: Machine, next_message: Callable[[], tuple[MessageType, bytes]]) -> type:
    """A recorder process that takes two seconds to start."""

    class Recorder:
        def __init__(self, _: DeviceSelector) -> None:
            machine.now += 2

        def wait_for_message(self, _: float) -> tuple[MessageType, bytes]:
            return MessageType.OPENED, json.dumps({"device": DEVICE, "rate": RATE, "channels": 1}).encode()

        def receive(self, _: threading.Event, __: float) -> tuple[MessageType, bytes]:
            return next_message()

        def kill(self) -> None: ...

    return Recorder


def test_samples_that_are_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device may deliver them; they are taken out and counted, also over a change of the device."""
    machine = Machine(0.0)
    messages = iter([(MessageType.AUDIO, machine.record(np.nan)), (MessageType.DEVICE_CHANGED, b"")] * 2)
    monkeypatch.setattr(microphone, "RecorderProcess", recorder_of(machine, lambda: next(messages)))
    monkeypatch.setattr(microphone, "time", machine)
    source, stop = Microphone(DeviceSelector("mic")), threading.Event()
    source.open()
    blocks = [source.read(stop) for _ in range(2)]
    assert all(block and np.isfinite(block.samples).all() for block in blocks)
    assert source.bad_samples == 2 * machine.block


@pytest.mark.parametrize("drift", DRIFTS)
def test_another_default_device(monkeypatch: pytest.MonkeyPatch, drift: float) -> None:
    """Where the default microphone changes after ten hours, the gap is as long as the change takes."""
    machine, reads = Machine(drift), iter(range(1, 10_000))

    def next_message() -> tuple[MessageType, bytes]:
        if next(reads) == 3600:
            return MessageType.DEVICE_CHANGED, b""
        return MessageType.AUDIO, machine.record(0.1)

    monkeypatch.setattr(microphone, "RecorderProcess", recorder_of(machine, next_message))
    monkeypatch.setattr(microphone, "time", machine)
    source, stop, end, gaps = Microphone(DeviceSelector("mic")), threading.Event(), 0, []
    source.open()
    for _ in range(3602):
        block = source.read(stop)
        assert block
        if block.start != end:
            gaps.append((block.start - end) / RATE)
        end = block.end
    assert gaps == [pytest.approx(2, abs=0.02)]


@pytest.mark.parametrize("drift", DRIFTS)
def test_ten_hours_of_zeros(monkeypatch: pytest.MonkeyPatch, drift: float) -> None:
    """A muted microphone, which is opened again now and then, delivers as much silence as there was."""
    machine = Machine(drift)
    monkeypatch.setattr(
        microphone, "RecorderProcess", recorder_of(machine, lambda: (MessageType.AUDIO, machine.record(0.0)))
    )
    monkeypatch.setattr(microphone, "time", machine)
    source, stop = Microphone(DeviceSelector("mic")), threading.Event()
    source.open()
    begin, end = machine.now, 0
    for _ in range(3600):
        block = source.read(stop)
        assert block
        assert block.start == end
        end = block.end
    assert end / RATE / (1 + drift) == pytest.approx(machine.now - begin, abs=0.1)


@pytest.mark.parametrize("drift", DRIFTS)
def test_an_overflow(monkeypatch: pytest.MonkeyPatch, drift: float) -> None:
    """PortAudio tells that audio was lost, and the clock how much, also after ten hours."""
    machine, flags = Machine(drift), iter([False] * 3600 + [True] + [False] * 9 + [True])

    class InputStream:
        def start(self) -> None: ...

        def read(self, _: int) -> tuple[bytes, bool]:
            if overflowed := next(flags):
                machine.now += 3
            return machine.record(0.1), overflowed

    sounddevice = SimpleNamespace(
        RawInputStream=lambda **_: InputStream(), check_input_settings=lambda **_: None, PortAudioError=OSError
    )
    monkeypatch.setattr(portaudio, "_import_sounddevice", lambda: sounddevice)
    monkeypatch.setattr(portaudio, "time", machine)
    stream = portaudio.Stream(Device(**{**DEVICE, "system": "portaudio"}), all_channels=False, block_s=BLOCK_S)
    stream._block_frames = machine.block
    lost = [frames / RATE for frames, _ in (stream.read() for _ in range(3611)) if frames is not None]
    assert lost == pytest.approx([3, 3], abs=0.02)
