"""The recorder process: records one device, or lists devices, and writes messages to standard output.

A sound library may hang in a call, miss devices that were plugged in after it started, or crash. In a process of its
own it cannot harm the daemon, which kills it when it is silent, and starts a new one for every attempt. The process
ends when its standard input is closed, which happens however the daemon ends. It imports nothing heavy: it must start
quickly, and runs beside the daemon for months.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from streamstt.audio.devices import portaudio, pulse
from streamstt.audio.devices.messages import MessageType, live_as_long_as_the_daemon, send
from streamstt.audio.devices.selection import OTHER_INPUTS, Device, DeviceSelector, choose_device, match_device
from streamstt.errors import SourceError

BLOCK_S = 0.04  # each block wakes two processes, which is most of what recording a silent room costs
POLL_S = 2.0  # how often to check whether the selector now matches another device
RATE = 16_000  # Hz: requested from a sound server, which resamples


def main() -> None:
    """Records the device that the first argument selects (JSON of a ``DeviceSelector``); without it, lists devices."""
    live_as_long_as_the_daemon()
    try:
        if len(sys.argv) > 1:
            _record(DeviceSelector(**json.loads(sys.argv[1])))
        else:
            send(MessageType.DEVICES, json.dumps([asdict(d) for d in _list_devices()]).encode())
    except SourceError as error:
        send(MessageType.FAILED, str(error).encode())


def _list_devices() -> list[Device]:
    with pulse.connected() as server:
        of_server = server.list_devices() if server else []
    try:
        of_portaudio = portaudio.list_devices()
    except SourceError:
        if not of_server:
            raise
        return of_server
    return of_server + [replace(d, default=d.default and not of_server) for d in of_portaudio]


def _record(selector: DeviceSelector) -> None:
    with pulse.connected() as server:
        device = _find_device(selector, server)
        if selector.channel > device.channels:
            raise SourceError(f"channel = {selector.channel}, but {device} has only {device.channels} channels")
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
    """Returns the device to record; those of the sound server come first.

    While the session's sound server is not running, PortAudio is not used in its place: it would occupy devices that
    the server needs when it starts.

    Raises:
        SourceError: No device matches.
    """
    of_server = server.list_devices() if server else []
    if match := match_device(selector, of_server):
        return match
    if not server and pulse.is_expected() and not selector.is_portaudio:
        raise SourceError(
            "no microphone or output is available: the sound server of this session (PulseAudio, or PipeWire with "
            f"pipewire-pulse) is not running; start it, or caption something else: {OTHER_INPUTS}"
        )
    # Where there is a sound server, PortAudio's default device is the server's.
    use_portaudio = selector.kind == "mic" and (selector.name or selector.is_portaudio or not server)
    return choose_device(selector, of_server + portaudio.list_devices() if use_portaudio else of_server)


def _send_opened(device: Device, rate: int, channels: int) -> None:
    opened: dict[str, Any] = {"device": asdict(device), "rate": rate, "channels": channels}
    send(MessageType.OPENED, json.dumps(opened).encode())


Messages = Iterator[tuple[MessageType, bytes]]


def _forward(messages: Messages) -> None:
    for kind, payload in messages:
        send(kind, payload)


def _pulse_messages(server: "pulse.PulseConnection", selector: DeviceSelector, device: Device) -> Messages:
    """Yields whole blocks: while other programs record, audio comes in small pieces, and each would wake the daemon."""
    checked_at, block = time.monotonic(), b""
    while True:
        piece = server.read()
        lost = isinstance(piece, int)
        block += b"" if isinstance(piece, int) else piece
        if block and (lost or len(block) >= server.block_bytes):
            yield MessageType.AUDIO, block
            block = b""
        if lost:
            yield MessageType.LOST, json.dumps(piece).encode()
        if selector.may_switch and time.monotonic() - checked_at > POLL_S:
            checked_at = time.monotonic()
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
