"""Microphones: listing, choosing, reading. The only place that imports sounddevice."""

import threading
import time
from dataclasses import dataclass
from typing import Any

from streamstt.audio.format import SAMPLE_RATE, Block, Resampler, mix_down
from streamstt.errors import SourceError

READ_S = 0.04  # one block: every one wakes two threads, and listening to a silent room costs little else
LATENCY_S = 0.1  # what PortAudio may hold: a busy machine that comes later loses audio, which is then a gap
OVERFLOW_S = 0.1  # lost audio shorter than this cannot be told from the jitter of the clock


@dataclass(frozen=True, slots=True)
class Device:
    """An input device as PortAudio lists it."""

    index: int
    name: str
    channels: int
    rate: int
    default: bool


def _portaudio() -> Any:
    """sounddevice, which needs the PortAudio library as soon as it is imported."""
    try:
        import sounddevice  # noqa: PLC0415 - it fails where PortAudio is missing, and files do without
    except OSError as error:
        install = "on Debian and Ubuntu: sudo apt-get install libportaudio2"
        raise SourceError(f"microphones need the PortAudio library ({error}); {install}") from error
    return sounddevice


def list_devices() -> list[Device]:
    """The input devices there are.

    Raises:
        SourceError: PortAudio is not installed, or does not answer.
    """
    sd = _portaudio()
    try:
        found = sd.query_devices()
        default = sd.default.device[0]
    except sd.PortAudioError as error:
        raise SourceError(f"the sound system does not answer: {error}") from error
    return [
        Device(d["index"], d["name"], d["max_input_channels"], int(d["default_samplerate"]), d["index"] == default)
        for d in found
        if d["max_input_channels"] > 0
    ]


def choose_device(wanted: str, devices: list[Device]) -> Device:
    """Finds a device by index, by part of its name, or the default one.

    Args:
        wanted: Index, part of the name in any case, or empty.
        devices: What there is.

    Raises:
        SourceError: None matches; the message lists them.
    """
    if not devices:
        raise SourceError(
            "this machine has no microphone that PortAudio can see; connect one, or caption something else: "
            "--source file:PATH, --source stdin, or --source ws for remote clients"
        )
    if not wanted:
        return next((d for d in devices if d.default), devices[0])
    if wanted.isascii() and wanted.isdigit():
        matching = [d for d in devices if d.index == int(wanted)]
    else:
        exact = [d for d in devices if d.name.casefold() == wanted.casefold()]
        matching = exact or [d for d in devices if wanted.casefold() in d.name.casefold()]
    if not matching:
        listing = "".join(f"\n  {d.index}: {d.name}" for d in devices)
        raise SourceError(f"there is no microphone {wanted!r}; the microphones are:{listing}")
    return matching[0]


class Microphone:
    """An input device, read blockingly: a Python callback would need the GIL on the real-time thread."""

    is_live = True

    def __init__(self, wanted: str, *, alone: bool = True) -> None:
        """Names the device; nothing is opened yet.

        Args:
            wanted: As for ``choose_device``.
            alone: No other microphone is open, so that the device list may be read anew.
        """
        self._wanted = wanted
        self._alone = alone
        self._stream: Any = None

    def open(self) -> None:
        """Starts recording at 16 kHz if the device takes it, else at its own rate."""
        sd = _portaudio()
        if self._alone:
            # PortAudio lists devices once, when it starts: only so does it see one that was plugged in since.
            sd._terminate()
            sd._initialize()
        device = choose_device(self._wanted, list_devices())
        rate, channels = SAMPLE_RATE, 1
        try:
            if not _accepts(sd, device, rate, channels):
                rate = device.rate
            if not _accepts(sd, device, rate, channels):
                channels = device.channels
            self._stream = sd.InputStream(
                samplerate=rate,
                blocksize=round(rate * READ_S),
                device=device.index,
                channels=channels,
                dtype="float32",
                latency=LATENCY_S,
            )
            self._stream.start()
        except sd.PortAudioError as error:
            raise SourceError(f"microphone {device.name!r} cannot be opened: {error}") from error
        self._rate = rate
        self._resampler = Resampler(rate)
        self._count = 0
        self._since: float | None = None

    def read(self, stop: threading.Event) -> Block | None:
        """Waits for the next 40 ms."""
        if stop.is_set():
            return None
        sd = _portaudio()
        try:
            data, overflowed = self._stream.read(round(self._rate * READ_S))
        except sd.PortAudioError as error:
            raise SourceError(f"the microphone stopped: {error}") from error
        samples = self._resampler.push(mix_down(data))
        if self._since is None:  # some devices take seconds to begin
            self._since = time.monotonic() - READ_S
        if overflowed:
            missing = round((time.monotonic() - self._since) * SAMPLE_RATE) - self._count - len(samples)
            self._count += missing if missing > OVERFLOW_S * SAMPLE_RATE else 0
        block = Block(self._count, samples)
        self._count = block.end
        return block

    def close(self) -> None:
        """Stops recording."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


def _accepts(sd: Any, device: Device, rate: int, channels: int) -> bool:
    try:
        sd.check_input_settings(device=device.index, channels=channels, dtype="float32", samplerate=rate)
    except (sd.PortAudioError, ValueError):
        return False
    return True
