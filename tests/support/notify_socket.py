"""Takes the place of systemd: the datagram socket to which a service reports its state."""

import socket
import time
from contextlib import suppress
from pathlib import Path

WITHIN_S = 90


class NotifySocket:
    """Receives the notifications of a daemon; a context manager."""

    def __init__(self, address: str) -> None:
        """Binds the socket.

        Args:
            address: A path, or ``@NAME`` for an abstract socket.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._address = address
        self.messages: list[str] = []

    def env(self, watchdog_s: float = 0) -> dict[str, str]:
        """Returns the variables that systemd sets for a service."""
        watchdog = {"WATCHDOG_USEC": str(round(watchdog_s * 1e6))} if watchdog_s else {}
        return {"NOTIFY_SOCKET": self._address, **watchdog}

    def receive(self, within_s: float = WITHIN_S) -> str:
        """Returns the next message."""
        self._socket.settimeout(within_s)
        self.messages.append(self._socket.recv(65536).decode())
        return self.messages[-1]

    def receive_until(self, part: str, within_s: float = WITHIN_S) -> str:
        """Returns the next message that contains a text."""
        deadline = time.monotonic() + within_s
        while part not in (message := self.receive(max(0.01, deadline - time.monotonic()))):
            pass
        return message

    def waiting(self) -> list[str]:
        """Returns all messages that have been sent but not received."""
        messages = []
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                messages.append(self._socket.recv(65536).decode())
        self.messages += messages
        return messages

    def drain(self, for_s: float) -> list[str]:
        """Returns all messages that arrive within a time."""
        deadline, messages = time.monotonic() + for_s, []
        while (left := deadline - time.monotonic()) > 0:
            try:
                messages.append(self.receive(left))
            except TimeoutError:
                break
        return messages

    def __enter__(self) -> "NotifySocket":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        if not self._address.startswith("@"):
            Path(self._address).unlink()
