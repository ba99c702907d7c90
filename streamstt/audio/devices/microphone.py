"""Microphones and monitors as sources: turns the messages of a recorder process into blocks in stream time."""

import json
import logging
import threading
import time
from collections.abc import Mapping
from typing import Literal

import numpy as np

from streamstt.audio.devices.device_clock import DeviceClock
from streamstt.audio.devices.messages import MessageType
from streamstt.audio.devices.recorder_process import OPEN_TIMEOUT_S, RecorderProcess
from streamstt.audio.devices.selection import Device, DeviceSelector, match_device
from streamstt.audio.format import SAMPLE_RATE, Block, Resampler, Samples, samples_from_ms
from streamstt.audio.mixing import ChannelMixer
from streamstt.audio.signal_check import SignalMonitor
from streamstt.errors import SourceError

FIRST_AUDIO_TIMEOUT_S = 5.0  # some devices take seconds from open to the first sample
AUDIO_TIMEOUT_S = 1.5  # a device that delivers no audio for longer is lost
# Samples: a driver that delivers only zeros for so long may be dead; the device is opened again, which may revive it.
MAX_ZEROS = samples_from_ms(10_000)

log = logging.getLogger(__name__)


class Microphone:
    """A microphone, or the monitor of an output, as an ``AudioSource``.

    Attributes:
        overflows: Number of times audio was lost before it could be read.
    """

    is_live = True

    def __init__(self, selector: DeviceSelector) -> None:
        """Starts closed; call ``open``.

        Args:
            selector: Which device to record.
        """
        self._selector = selector
        self._recorder: RecorderProcess | None = None
        self._signal_monitor = SignalMonitor()
        self._fallback_notice = ""
        self._device_name = ""
        self.overflows = 0
        self._mixer, self._bad_samples = ChannelMixer(), 0

    @property
    def notices(self) -> Mapping[str, str]:
        """Present conditions that users should know of: kind to one sentence."""
        notices = {"fallback": self._fallback_notice} if self._fallback_notice else {}
        notices |= self._signal_monitor.notices
        if self._selector.kind == "monitor":  # silent while nothing is played, which is not a fault
            notices.pop("silence", None)
        return notices

    @property
    def bad_samples(self) -> int:
        """Number of samples so far that were no numbers or far too large."""
        return self._bad_samples + self._mixer.bad_samples

    def open(self) -> None:
        """Starts recording, at 16 kHz if the device supports it, else at its own rate.

        Raises:
            SourceError: No device matches, or it cannot be opened.
        """
        self.close()
        self._start_recorder()
        self._count = 0
        self._clock = DeviceClock(SAMPLE_RATE)
        self._reopen_at = MAX_ZEROS
        self._reopened: Literal["", "silent", "changed"] = ""  # why, until the first audio from then

    def _start_recorder(self) -> None:
        self._recorder = RecorderProcess(self._selector)
        try:
            kind, payload = self._recorder.wait_for_message(OPEN_TIMEOUT_S)
            if kind is not MessageType.OPENED:
                raise SourceError(payload.decode())
        except SourceError:
            self.close()
            raise
        opened = json.loads(payload)
        self._rate, self._channels = opened["rate"], opened["channels"]
        self._bad_samples += self._mixer.bad_samples
        self._resampler, self._mixer = Resampler(self._rate), ChannelMixer()
        self._timeout_s = FIRST_AUDIO_TIMEOUT_S
        self._on_opened(Device(**opened["device"]))

    def _on_opened(self, device: Device) -> None:
        if self._selector.name and not match_device(self._selector, [device]):
            self._fallback_notice = f"Listening to {device.title} because {self._selector.name} is not there."
        else:
            self._fallback_notice = ""
            self._selector = self._selector.with_last_device(device)
        if device.name != self._device_name:
            log.info("%s: listening to %s", self._selector.kind, device)
        self._device_name = device.name

    def read(self, stop: threading.Event) -> Block | None:
        """Waits for the next 40 ms; None soon after ``stop`` is set.

        Raises:
            SourceError: The device was lost.
        """
        if self._seems_dead():
            self._reopen("silent")
        while self._recorder and (message := self._recorder.receive(stop, self._timeout_s)):
            kind, payload = message
            match kind:
                case MessageType.AUDIO:
                    return self._make_block(self._to_mono(payload))
                case MessageType.LOST:
                    self.overflows += 1
                    self._signal_monitor.note_loss()
                    self._count += round(json.loads(payload) * SAMPLE_RATE / self._rate)
                case MessageType.DEVICE_CHANGED:
                    self._reopen("changed")
                case _:
                    raise SourceError(payload.decode())
        return None

    def _to_mono(self, payload: bytes) -> Samples:
        data = np.frombuffer(payload, np.float32).reshape(-1, self._channels)  # (n, channels)
        if self._selector.channel:
            data = data[:, min(self._selector.channel, self._channels) - 1]
        return self._resampler.push(np.ascontiguousarray(self._mixer.push(data)))

    def _make_block(self, samples: Samples) -> Block:
        self._timeout_s = AUDIO_TIMEOUT_S
        now = time.monotonic()
        if self._reopened and len(samples):
            samples = self._resume(samples, now)
        self._signal_monitor.push(samples)
        block = Block(self._count, samples)
        self._count = block.end
        self._clock.update(self._count, now)
        return block

    def _resume(self, samples: Samples, now: float) -> Samples:
        """Places the first audio since the device was opened again in the stream; the time this took is a gap.

        Unless it was and is silent: then nothing was lost, and the silence goes on.
        """
        reason, self._reopened = self._reopened, ""
        missing = self._clock.missing(self._count + len(samples), now)
        if reason == "silent" and not samples.any():
            return np.concatenate([np.zeros(missing, np.float32), samples])
        self._count += missing
        return samples

    def _seems_dead(self) -> bool:
        """Returns whether the driver may be dead.

        True is returned less and less often while the zeros last, because the microphone may just be muted all day.
        """
        if self._selector.kind == "monitor" or self._signal_monitor.silent_samples < MAX_ZEROS:
            self._reopen_at = MAX_ZEROS
        elif self._signal_monitor.silent_samples >= self._reopen_at:
            self._reopen_at = 2 * self._signal_monitor.silent_samples
            return True
        return False

    def _reopen(self, reason: Literal["silent", "changed"]) -> None:
        """Opens the device again, in a new process."""
        if self._recorder:
            self._recorder.kill()
        self._start_recorder()
        self._reopened = reason

    def close(self) -> None:
        """Stops recording."""
        recorder, self._recorder = self._recorder, None
        self._signal_monitor, self._fallback_notice = SignalMonitor(), ""
        if recorder:
            recorder.kill()
