"""Stands in for systemd: the datagram socket that a service tells its state to."""

import socket
import time
from contextlib import suppress
from pathlib import Path

WITHIN_S = 90


class NotifySocket:
    """Receives what a daemon says; a context manager."""

    def __init__(self, address: str) -> None:
        """Binds it: a path, or ``@NAME`` for an abstract one."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._address = address
        self.messages: list[str] = []

    def env(self, watchdog_s: float = 0) -> dict[str, str]:
        """What systemd puts into a service's environment."""
        watchdog = {"WATCHDOG_USEC": str(round(watchdog_s * 1e6))} if watchdog_s else {}
        return {"NOTIFY_SOCKET": self._address, **watchdog}

    def receive(self, within_s: float = WITHIN_S) -> str:
        """The next message."""
        self._socket.settimeout(within_s)
        self.messages.append(self._socket.recv(65536).decode())
        return self.messages[-1]

    def receive_until(self, part: str, within_s: float = WITHIN_S) -> str:
        """The next message that holds ``part``."""
        deadline = time.monotonic() + within_s
        while part not in (message := self.receive(max(0.01, deadline - time.monotonic()))):
            pass
        return message

    def waiting(self) -> list[str]:
        """All messages that have been sent and not been received."""
        got = []
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                got.append(self._socket.recv(65536).decode())
        self.messages += got
        return got

    def drain(self, for_s: float) -> list[str]:
        """All messages that come in so long."""
        deadline, got = time.monotonic() + for_s, []
        while (left := deadline - time.monotonic()) > 0:
            try:
                got.append(self.receive(left))
            except TimeoutError:
                break
        return got

    def __enter__(self) -> "NotifySocket":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        if not self._address.startswith("@"):
            Path(self._address).unlink()
