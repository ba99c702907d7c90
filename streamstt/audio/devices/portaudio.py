"""The PortAudio backend: ALSA without a sound server, macOS, Windows. The only module that imports sounddevice.

Runs in the recorder process only: PortAudio lists devices once, when it starts, and a call may never return.
"""

import time
from typing import Any

from streamstt.audio.devices.device_clock import DeviceClock
from streamstt.audio.devices.selection import Device
from streamstt.errors import SourceError

LATENCY_S = 0.1  # audio that PortAudio buffers; if it is read later, audio is lost, which becomes a gap
MIN_OVERFLOW_S = 0.1  # a shorter loss cannot be distinguished from jitter of the clock
PREFERRED_RATE = 16_000  # Hz: tried first


def _import_sounddevice() -> Any:
    """Imports sounddevice, which loads the PortAudio library.

    Raises:
        SourceError: PortAudio or sounddevice is not installed.
    """
    try:
        import sounddevice  # noqa: PLC0415 - it fails where PortAudio is missing; with a sound server it is not needed
    except ModuleNotFoundError as error:
        raise SourceError("without a sound server, microphones need the package sounddevice") from error
    except OSError as error:
        install = "on Debian and Ubuntu: sudo apt-get install libportaudio2"
        raise SourceError(f"without a sound server, microphones need PortAudio ({error}); {install}") from error
    return sounddevice


def list_devices() -> list[Device]:
    """Lists the input devices.

    Raises:
        SourceError: PortAudio is not installed, or fails.
    """
    sd = _import_sounddevice()
    try:
        devices = sd.query_devices()
        default = sd.default.device[0]
    except sd.PortAudioError as error:
        raise SourceError(f"the sound system does not respond: {error}") from error
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
        for d in devices
        if d["max_input_channels"] > 0
    ]


class Stream:
    """Records one device with blocking reads: a callback would run Python on the real-time thread.

    Attributes:
        rate: Sample rate, Hz.
        channels: Number of interleaved channels.
    """

    def __init__(self, device: Device, *, all_channels: bool, block_s: float) -> None:
        """Starts recording at 16 kHz and in mono where the device supports it, else at its own rate and channels.

        Args:
            device: A device that this process has listed.
            all_channels: Whether to record all channels instead of mono.
            block_s: Length of the blocks that ``read`` returns, in seconds.

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
        self._clock = DeviceClock(self.rate)

    def read(self) -> tuple[int | None, bytes]:
        """Waits for the next block.

        Returns:
            The number of frames lost before it, as far as the clock shows (0: unknown), or None if none was lost; and
            the block as interleaved float32.

        Raises:
            SourceError: The device was lost.
        """
        try:
            data, overflowed = self._stream.read(self._block_frames)
        except self._sd.PortAudioError as error:
            raise SourceError(f"the microphone stopped: {error}") from error
        now = time.monotonic()
        self._frames += self._block_frames
        if not overflowed:
            self._clock.update(self._frames, now)
            return None, bytes(data)
        missing = self._clock.missing(self._frames, now)
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
