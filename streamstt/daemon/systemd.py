"""Tells the service manager how things are: the protocol of sd_notify(3), one datagram a message.

Thirty lines of socket in place of a library: nothing else of systemd is needed, and it must not be there to run.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from streamstt.progress import Progress

DOWNLOAD_EXTENSION_S = 120  # so much longer than the unit's own limit a start may take after each sign of progress
REPORT_S = 1.0  # progress is not told more often


class SystemdNotifier:
    """A service manager; without one, what it is told is lost without a trace."""

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        """Sends nothing yet.

        Args:
            address: Of its datagram socket; ``@`` begins an abstract one; empty: there is none.
            watchdog_s: It wants a sign of life so often (s), or ends this process; 0: it does not.
        """
        self.watchdog_s = watchdog_s
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if address else None
        if self._socket:
            self._socket.setblocking(False)  # captions do not wait for a manager that does not read
        self._status = ""
        self._reported_at = 0.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, pid: int = 0) -> "SystemdNotifier":
        """The one that started this process, if one did.

        Args:
            environ: In place of the process's environment.
            pid: In place of the process's number.
        """
        mine = environ.get("WATCHDOG_PID", "") in {"", str(pid or os.getpid())}
        watchdog = environ.get("WATCHDOG_USEC", "")
        wanted = mine and watchdog.isdecimal()
        return cls(environ.get("NOTIFY_SOCKET", ""), int(watchdog) / 1e6 if wanted else 0.0)

    def ready(self) -> None:
        """Captions are served from now on; also after a reload."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The settings are being read again."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The last captions are being finished."""
        self._send("STOPPING=1")

    def ping(self) -> None:
        """A sign of life."""
        if self.watchdog_s:
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """What a person sees in ``systemctl status``; told only when it has changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text.translate({10: ' ', 13: ' '})}")

    def wrap_progress(self, on_progress: Progress | None) -> Progress:
        """Wraps what is told how far a download is: the manager is told as well, and waits longer. Any thread."""

        def report(what: str, done: int, total: int | None) -> None:
            if on_progress:
                on_progress(what, done, total)
            if time.monotonic() - self._reported_at >= REPORT_S:
                self._reported_at = time.monotonic()
                share = f"{done / total:.0%}" if total else f"{done / 1e6:.0f} MB"
                self.status(f"Fetching {what}: {share}")
                self._send(f"EXTEND_TIMEOUT_USEC={DOWNLOAD_EXTENSION_S * 1_000_000}")

        return report

    def _send(self, message: str) -> None:
        if not self._socket:
            return
        with suppress(OSError):  # it is gone, or its queue is full: the next sign of life may reach it
            self._socket.sendto(message.encode(), self._address)
