"""The daemon's end of a recorder process: starts it, reads its messages with time limits, and kills it."""

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

from streamstt.audio.devices.messages import HEADER, MessageType
from streamstt.audio.devices.selection import Device, DeviceSelector
from streamstt.errors import SourceError

IMPORT_ROOT = Path(__file__).parents[3]  # the folder of the package, however this process found it
DEVICE_RECORDER = "streamstt.audio.devices.recorder"
OPEN_TIMEOUT_S = 10.0  # for starting Python and a sound library on a busy machine
STOP_POLL_S = 0.2  # how often a wait checks for a stop
PIPE_BYTES = 1 << 20  # 16 s of audio that wait for a busy daemon; beyond, the device's own buffer fills

log = logging.getLogger(__name__)


def list_devices() -> list[Device]:
    """Lists the microphones and monitors of this machine.

    Raises:
        SourceError: No sound system is installed, or it does not respond.
    """
    with _killed_on_exit(RecorderProcess()) as recorder:
        kind, payload = recorder.wait_for_message(OPEN_TIMEOUT_S)
    if kind is not MessageType.DEVICES:
        raise SourceError(payload.decode())
    return [Device(**fields) for fields in json.loads(payload)]


@contextmanager
def _killed_on_exit(process: "RecorderProcess") -> Iterator["RecorderProcess"]:
    try:
        yield process
    finally:
        process.kill()


class RecorderProcess:
    """One recorder process; used by one thread."""

    def __init__(
        self, selector: DeviceSelector | None = None, *, module: str = DEVICE_RECORDER, request: bytes = b""
    ) -> None:
        """Starts the process.

        Args:
            selector: The device to record; None: list devices instead.
            module: The module that the process runs.
            request: What it reads from its standard input first; unlike an argument, no other user can see it.

        Raises:
            SourceError: The process cannot be started.
        """
        path = os.pathsep.join(p for p in (str(IMPORT_ROOT), os.environ.get("PYTHONPATH", "")) if p)
        command = [sys.executable, "-m", module]
        if selector:
            command.append(json.dumps(asdict(selector)))
        # Sound libraries write to standard error about every card that they do not find.
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
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        with suppress(OSError):  # it has died, which the first read notices
            self._process.stdin.write(request)
            self._process.stdin.flush()
        self._pipe = self._process.stdout.fileno()
        with suppress(OSError, AttributeError):  # Linux only, and within the user's limit
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._buffer = b""

    def wait_for_message(self, timeout_s: float) -> tuple[MessageType, bytes]:
        """Waits for the next message.

        Raises:
            SourceError: None came in time, or the process has ended.
        """
        return self.receive(threading.Event(), timeout_s) or (MessageType.FAILED, b"")

    def receive(self, stop: threading.Event, timeout_s: float) -> tuple[MessageType, bytes] | None:
        """Waits for the next message.

        Args:
            stop: Ends the wait soon after it is set.
            timeout_s: Longest wait, in seconds.

        Returns:
            Type and payload, or None if ``stop`` was set.

        Raises:
            SourceError: None came in time, or the process has ended.
        """
        message = self.poll(stop, timeout_s)
        if message is None and not stop.is_set():
            raise SourceError(f"no response and no audio for {timeout_s:g} s: the device or its driver hangs")
        return message

    def poll(self, stop: threading.Event, timeout_s: float) -> tuple[MessageType, bytes] | None:
        """As ``receive``, but returns None if no message came in time."""
        deadline = time.monotonic() + timeout_s
        while not stop.is_set():
            if message := self._parse_message():
                return message
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                break
            if not select.select([self._pipe], [], [], min(remaining_s, STOP_POLL_S))[0]:
                continue
            data = os.read(self._pipe, PIPE_BYTES)
            if not data:
                code = self._process.wait()
                raise SourceError(f'the recorder process died ({code}); log.level = "debug" shows its messages')
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
        """Kills the process, even if it hangs; may be called twice."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
