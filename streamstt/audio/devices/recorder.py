"""The process that records one device, or lists what there is, and writes it to standard output.

A sound library may hang in a call, lose sight of devices that were plugged in since it started, or fall over; all that
a process of its own does not do to the daemon. It is killed when it says nothing, and started anew for every try. It
ends when its standard input is closed, which happens however the daemon ends. Imports nothing heavy: it lives beside
the daemon for months, and has to start in no time.
"""

import json
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from enum import IntEnum
from typing import Any

from streamstt.audio.devices import portaudio, pulse
from streamstt.audio.devices.selection import OTHER_INPUTS, Device, DeviceSelector, choose_device, match_device
from streamstt.errors import SourceError

BLOCK_S = 0.04  # every block wakes two processes, and listening to a silent room costs little else
POLL_S = 2.0  # how often a device that may change is compared with what is wanted
RATE = 16_000  # Hz: a sound server resamples
HEADER = struct.Struct("<BI")  # kind and length of a message


class MessageType(IntEnum):
    """What a message says, and what is in it."""

    DEVICES = 0  # JSON: a list of devices
    OPENED = 1  # JSON: device, rate, channels
    AUDIO = 2  # interleaved float32
    LOST = 3  # JSON: how many frames
    DEVICE_CHANGED = 4  # nothing: another device is meant now
    FAILED = 5  # a sentence for people


def main() -> None:
    """Records what the first argument wants (JSON of ``DeviceSelector``), or lists devices if there is none."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they go to the whole group; the daemon still wants its last words
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    try:
        if len(sys.argv) > 1:
            _record(DeviceSelector(**json.loads(sys.argv[1])))
        else:
            _send(MessageType.DEVICES, json.dumps([asdict(d) for d in _list_devices()]).encode())
    except SourceError as error:
        _send(MessageType.FAILED, str(error).encode())


def _exit_with_parent() -> None:
    os.read(0, 1)
    os._exit(0)  # the main thread may hang


def _send(kind: MessageType, payload: bytes = b"") -> None:
    """Waits while the pipe is full; meanwhile the device's own buffer runs over, and that is reported as lost."""
    data = memoryview(HEADER.pack(kind, len(payload)) + payload)
    while data:
        data = data[os.write(1, data) :]


def _list_devices() -> list[Device]:
    with pulse.connected() as server:
        listed = server.list_devices() if server else []
    try:
        direct = portaudio.list_devices()
    except SourceError:
        if not listed:
            raise
        return listed
    return listed + [replace(d, default=d.default and not listed) for d in direct]


def _record(selector: DeviceSelector) -> None:
    with pulse.connected() as server:
        device = _find_device(selector, server)
        if selector.channel > device.channels:
            raise SourceError(
                f"{device} has {device.channels} channels; channel = {selector.channel} is not one of them"
            )
        if server and device.system == "pulse":
            channels = device.channels if selector.channel else 1
            server.record(device, RATE, channels, BLOCK_S)
            _send_opened(device, RATE, channels)
            _forward(_pulse_messages(server, selector, device))
        else:
            stream = portaudio.Stream(device, all_channels=selector.channel > 0, block_s=BLOCK_S)
            _send_opened(device, stream.rate, stream.channels)
            _forward(_portaudio_messages(stream))


def _find_device(selector: DeviceSelector, server: "pulse.PulseConnection | None") -> Device:
    """The device that is meant; the sound server's come first.

    While a sound server that belongs here is away, its devices are not taken from under it.
    """
    listed = server.list_devices() if server else []
    if own := match_device(selector, listed):
        return own
    if not server and pulse.is_expected() and not selector.is_portaudio:
        raise SourceError(
            "no microphone or output can be heard: the sound server of this session (PulseAudio, or PipeWire with "
            f"pipewire-pulse) does not run; start it, or caption something else: {OTHER_INPUTS}"
        )
    # What PortAudio calls its default device is the sound server's, where there is one.
    direct = selector.kind == "mic" and (selector.name or selector.is_portaudio or not server)
    return choose_device(selector, listed + portaudio.list_devices() if direct else listed)


def _send_opened(device: Device, rate: int, channels: int) -> None:
    about: dict[str, Any] = {"device": asdict(device), "rate": rate, "channels": channels}
    _send(MessageType.OPENED, json.dumps(about).encode())


Messages = Iterator[tuple[MessageType, bytes]]


def _forward(messages: Messages) -> None:
    for kind, payload in messages:
        _send(kind, payload)


def _pulse_messages(server: "pulse.PulseConnection", selector: DeviceSelector, device: Device) -> Messages:
    """In blocks: when others listen, too, audio comes in small pieces, and each would wake the daemon."""
    looked, block = time.monotonic(), b""
    while True:
        piece = server.read()
        lost = isinstance(piece, int)
        block += b"" if isinstance(piece, int) else piece
        if block and (lost or len(block) >= server.block_bytes):
            yield MessageType.AUDIO, block
            block = b""
        if lost:
            yield MessageType.LOST, json.dumps(piece).encode()
        if selector.may_switch and time.monotonic() - looked > POLL_S:
            looked = time.monotonic()
            if choose_device(selector, server.list_devices()).name != device.name:
                yield MessageType.DEVICE_CHANGED, b""
                return


def _portaudio_messages(stream: portaudio.Stream) -> Messages:
    while True:
        lost, data = stream.read()
        if lost is not None:
            yield MessageType.LOST, json.dumps(lost).encode()
        yield MessageType.AUDIO, data


if __name__ == "__main__":
    main()
