"""The daemon's end of a recorder's process: starts it, reads its messages with patience, and kills it."""

import fcntl
import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from streamstt.audio.devices.recorder import HEADER, MessageType
from streamstt.audio.devices.selection import Device, DeviceSelector
from streamstt.errors import SourceError

IMPORT_ROOT = Path(__file__).parents[3]  # where the package is found, however this process found it
OPEN_TIMEOUT_S = 10.0  # starting Python and a sound library on a busy machine
STOP_POLL_S = 0.2  # how often a wait looks whether to stop
PIPE_BYTES = (
    1 << 20
)  # bytes that may wait for a daemon that is busy, 16 s of audio; beyond, the device's own buffer fills

log = logging.getLogger(__name__)


def list_devices() -> list[Device]:
    """The microphones and monitors there are.

    Raises:
        SourceError: No sound system is installed, or it does not answer.
    """
    with _killed_on_exit(RecorderProcess()) as recording:
        kind, payload = recording.wait_for_message(OPEN_TIMEOUT_S)
    if kind is not MessageType.DEVICES:
        raise SourceError(payload.decode())
    return [Device(**found) for found in json.loads(payload)]


@contextmanager
def _killed_on_exit(process: "RecorderProcess") -> Iterator["RecorderProcess"]:
    try:
        yield process
    finally:
        process.kill()


class RecorderProcess:
    """One process, used by one thread."""

    def __init__(self, selector: DeviceSelector | None = None) -> None:
        """Starts it; it lists what there is when nothing is wanted.

        Raises:
            SourceError: The machine does not start another process.
        """
        path = os.pathsep.join(p for p in (str(IMPORT_ROOT), os.environ.get("PYTHONPATH", "")) if p)
        command = [sys.executable, "-m", "streamstt.audio.devices.recorder"]
        if selector:
            command.append(json.dumps(asdict(selector)))
        # Sound libraries complain on standard error of every card that they do not find.
        errors = None if log.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                env=os.environ | {"PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        except OSError as error:
            raise SourceError(f"the recorder cannot be started: {error}") from error
        assert self._process.stdout is not None  # it was asked for
        self._pipe = self._process.stdout.fileno()
        with suppress(OSError, AttributeError):  # Linux only, and up to the user's limit
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._buffer = b""

    def wait_for_message(self, timeout_s: float) -> tuple[MessageType, bytes]:
        """The next message.

        Raises:
            SourceError: It does not come.
        """
        return self.receive(threading.Event(), timeout_s) or (MessageType.FAILED, b"")

    def receive(self, stop: threading.Event, timeout_s: float) -> tuple[MessageType, bytes] | None:
        """Waits for the next message; None soon after ``stop`` is set.

        Raises:
            SourceError: None came in time, or the process has ended.
        """
        deadline = time.monotonic() + timeout_s
        while not stop.is_set():
            if message := self._parse_message():
                return message
            left = deadline - time.monotonic()
            if left <= 0:
                raise SourceError(f"no answer and no audio for {timeout_s:g} s: the device or its driver hangs")
            if not select.select([self._pipe], [], [], min(left, STOP_POLL_S))[0]:
                continue
            data = os.read(self._pipe, PIPE_BYTES)
            if not data:
                code = self._process.wait()
                raise SourceError(f'the recorder has died ({code}); log.level = "debug" shows what it said')
            self._buffer += data
        return None

    def _parse_message(self) -> tuple[MessageType, bytes] | None:
        if len(self._buffer) < HEADER.size:
            return None
        kind, length = HEADER.unpack_from(self._buffer)
        end = HEADER.size + length
        if len(self._buffer) < end:
            return None
        payload, self._buffer = self._buffer[HEADER.size : end], self._buffer[end:]
        return MessageType(kind), payload

    def kill(self) -> None:
        """Ends the process, whatever it does; may be called twice."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
