"""Microphones and monitors as sources: what their recorder's process sends, as blocks on the stream's clock."""

import json
import logging
import threading
import time
from collections.abc import Mapping

import numpy as np

from streamstt.audio.devices.recorder import Kind
from streamstt.audio.devices.recorder_process import OPEN_S, Recording
from streamstt.audio.devices.selection import Device, Wanted, own_device
from streamstt.audio.format import SAMPLE_RATE, Block, Resampler, Samples, mix_down, ms
from streamstt.audio.signal_check import Meter
from streamstt.errors import SourceError

FIRST_S = 5.0  # some devices take seconds from open to the first sample
ALIVE_S = 1.5  # longer without audio, and the device is lost
ZEROS = ms(10_000)  # samples: a driver may be dead that gives only zeros; it is opened anew, for that may wake it

log = logging.getLogger(__name__)


class Microphone:
    """A microphone, or the monitor of an output."""

    is_live = True

    def __init__(self, wanted: Wanted) -> None:
        """Names the device; nothing is opened yet.

        Args:
            wanted: By the settings.
        """
        self._wanted = wanted
        self._recording: Recording | None = None
        self._meter = Meter()
        self._instead = ""
        self._listens_to = ""
        self.overflows = 0

    @property
    def notices(self) -> Mapping[str, str]:
        """What people should know of the device now, by what it is about."""
        instead = {"fallback": self._instead} if self._instead else {}
        # That nobody plays anything is no fault of a monitor.
        told = {k: v for k, v in self._meter.notices.items() if not (k == "silence" and self._wanted.kind == "monitor")}
        return instead | told

    def open(self) -> None:
        """Starts recording at 16 kHz if the device takes it, else at its own rate."""
        self.close()
        self._start()
        self._count = 0
        self._since: float | None = None
        self._renew_at = ZEROS

    def _start(self) -> None:
        self._recording = Recording(self._wanted)
        try:
            kind, payload = self._recording.expect(OPEN_S)
            if kind is not Kind.OPENED:
                raise SourceError(payload.decode())
        except SourceError:
            self.close()
            raise
        about = json.loads(payload)
        self._rate, self._channels = about["rate"], about["channels"]
        self._resampler = Resampler(self._rate)
        self._patience_s = FIRST_S
        self._take_note(Device(**about["device"]))

    def _take_note(self, device: Device) -> None:
        if self._wanted.name and not own_device(self._wanted, [device]):
            self._instead = f"Listening to {device.title}, for {self._wanted.name} is not there."
        else:
            self._instead = ""
            self._wanted = self._wanted.remember(device)
        if device.name != self._listens_to:
            log.info("%s: listening to %s", self._wanted.kind, device)
        self._listens_to = device.name

    def read(self, stop: threading.Event) -> Block | None:
        """Waits for the next 40 ms."""
        if self._is_dead():
            self._renew()
        while self._recording and (message := self._recording.receive(stop, self._patience_s)):
            kind, payload = message
            match kind:
                case Kind.AUDIO:
                    return self._block(self._mono(payload))
                case Kind.LOST:
                    self.overflows += 1
                    self._meter.lost()
                    self._count += round(json.loads(payload) * SAMPLE_RATE / self._rate)
                case Kind.MOVED:
                    self._renew()
                case _:
                    raise SourceError(payload.decode())
        return None

    def _mono(self, payload: bytes) -> Samples:
        data = np.frombuffer(payload, np.float32).reshape(-1, self._channels)  # (n, channels)
        if self._wanted.channel:
            data = data[:, min(self._wanted.channel, self._channels) - 1]
        return self._resampler.push(np.ascontiguousarray(mix_down(data)))

    def _block(self, samples: Samples) -> Block:
        self._patience_s = ALIVE_S
        if self._since is None:
            self._since = time.monotonic() - len(samples) / SAMPLE_RATE
        self._meter.push(samples)
        block = Block(self._count, samples)
        self._count = block.end
        return block

    def _is_dead(self) -> bool:
        """Whether the driver may be; asked ever more rarely, for the microphone may be muted all day."""
        if self._wanted.kind == "monitor" or self._meter.zeros < ZEROS:
            self._renew_at = ZEROS
        elif self._meter.zeros >= self._renew_at:
            self._renew_at = 2 * self._meter.zeros
            return True
        return False

    def _renew(self) -> None:
        """Opens it anew; the time that takes is a hole in the stream."""
        if self._recording:
            self._recording.end()
        self._start()
        if self._since is not None:
            self._count = max(self._count, round((time.monotonic() - self._since) * SAMPLE_RATE))

    def close(self) -> None:
        """Stops recording."""
        recording, self._recording = self._recording, None
        self._meter, self._instead = Meter(), ""
        if recording:
            recording.end()
