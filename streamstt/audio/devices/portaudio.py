"""Devices by PortAudio: ALSA without a sound server, macOS, Windows. The only place that imports sounddevice.

Runs in the recorder's process only: PortAudio lists devices once, when it starts, and a call of it may never return.
"""

import time
from typing import Any

from streamstt.audio.devices.selection import Device
from streamstt.errors import SourceError

LATENCY_S = 0.1  # what PortAudio may hold: a busy machine that comes later loses audio, which is then a gap
MIN_OVERFLOW_S = 0.1  # lost audio shorter than this cannot be told from the jitter of the clock
PREFERRED_RATE = 16_000  # Hz: asked for first


def _import_sounddevice() -> Any:
    """sounddevice, which needs the PortAudio library as soon as it is imported."""
    try:
        import sounddevice  # noqa: PLC0415 - it fails where PortAudio is missing; with a sound server it is not needed
    except OSError as error:
        install = "on Debian and Ubuntu: sudo apt-get install libportaudio2"
        raise SourceError(f"without a sound server, microphones need PortAudio ({error}); {install}") from error
    return sounddevice


def list_devices() -> list[Device]:
    """The input devices there are.

    Raises:
        SourceError: PortAudio is not installed, or does not answer.
    """
    sd = _import_sounddevice()
    try:
        found = sd.query_devices()
        default = sd.default.device[0]
    except sd.PortAudioError as error:
        raise SourceError(f"the sound system does not answer: {error}") from error
    return [
        Device(
            system="portaudio",
            kind="mic",
            name=d["name"],
            title=d["name"],
            channels=d["max_input_channels"],
            rate=int(d["default_samplerate"]),
            default=d["index"] == default,
            index=d["index"],
        )
        for d in found
        if d["max_input_channels"] > 0
    ]


class Stream:
    """Records one device, read blockingly: a callback would need Python on the real-time thread."""

    def __init__(self, device: Device, *, all_channels: bool, block_s: float) -> None:
        """Starts recording at 16 kHz, mono, if the device takes that, else as the device does it.

        Args:
            device: As listed by this process.
            all_channels: Do not ask for mono.
            block_s: Length of what ``read`` returns.

        Raises:
            SourceError: It cannot be opened.
        """
        self._sd = _import_sounddevice()
        self.rate, self.channels = PREFERRED_RATE, device.channels if all_channels else 1
        try:
            if not self._accepts(device):
                self.rate = device.rate
            if not self._accepts(device):
                self.channels = device.channels
            self._block_frames = round(self.rate * block_s)
            self._stream = self._sd.RawInputStream(
                samplerate=self.rate,
                blocksize=self._block_frames,
                device=device.index,
                channels=self.channels,
                dtype="float32",
                latency=LATENCY_S,
            )
            self._stream.start()
        except self._sd.PortAudioError as error:
            raise SourceError(f"microphone {device.name!r} cannot be opened: {error}") from error
        self._frames = 0
        self._started_at: float | None = None

    def read(self) -> tuple[int | None, bytes]:
        """Waits for the next block.

        Returns:
            How many frames were lost before it, as far as that can be told, or None; and interleaved float32.

        Raises:
            SourceError: The device is gone.
        """
        try:
            data, overflowed = self._stream.read(self._block_frames)
        except self._sd.PortAudioError as error:
            raise SourceError(f"the microphone stopped: {error}") from error
        if self._started_at is None:  # some devices take seconds to begin
            self._started_at = time.monotonic() - self._block_frames / self.rate
        self._frames += self._block_frames
        if not overflowed:
            return None, bytes(data)
        missing = round((time.monotonic() - self._started_at) * self.rate) - self._frames
        missing = missing if missing > MIN_OVERFLOW_S * self.rate else 0
        self._frames += missing
        return missing, bytes(data)

    def _accepts(self, device: Device) -> bool:
        sd = self._sd
        try:
            sd.check_input_settings(device=device.index, channels=self.channels, dtype="float32", samplerate=self.rate)
        except (sd.PortAudioError, ValueError):
            return False
        return True
