"""Messages from a recorder process to the daemon, over its standard output: a header of type and length, a payload.

Standard library only: recorder processes import it.
"""

import os
import signal
import struct
import threading
from enum import IntEnum

HEADER = struct.Struct("<BI")  # type, and length of the payload in bytes


class MessageType(IntEnum):
    """Type of a message, and what its payload is."""

    DEVICES = 0  # JSON: a list of devices
    OPENED = 1  # JSON: device, rate, channels; of a network stream: rate, channels, paced
    AUDIO = 2  # interleaved float32
    LOST = 3  # JSON: number of frames that were lost here
    DEVICE_CHANGED = 4  # empty: the selector now matches another device
    FAILED = 5  # a sentence for users
    ENDED = 6  # empty: a recording has come to its end


def send(kind: MessageType, payload: bytes = b"") -> None:
    """Writes a message; waits while the pipe is full."""
    data = memoryview(HEADER.pack(kind, len(payload)) + payload)
    while data:
        data = data[os.write(1, data) :]


def live_as_long_as_the_daemon() -> None:
    """Makes this process exit when its standard input is closed, which happens however the daemon ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole group; the daemon still reads the last audio
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    os.read(0, 1)
    os._exit(0)  # the main thread may hang
