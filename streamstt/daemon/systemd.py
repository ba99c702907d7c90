"""Reports the state of the process to the service manager: the protocol of sd_notify(3), one datagram per message.

Written by hand in place of a library: nothing else of systemd is needed, and the daemon must run without it.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from streamstt.progress import Progress

DOWNLOAD_EXTENSION_S = 120  # how long a start may still take after each sign of progress, beyond the unit's own limit
REPORT_S = 1.0  # minimum interval between two reports of progress


class SystemdNotifier:
    """Sends messages to the service manager; without one, it does nothing."""

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        """Opens a socket; sends nothing yet.

        Args:
            address: Path of the manager's datagram socket, or ``@NAME`` of an abstract one; empty: there is no manager.
            watchdog_s: Interval in seconds within which it expects a sign of life, or ends this process; 0: it
                expects none.
        """
        self.watchdog_s = watchdog_s
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if address else None
        if self._socket:
            self._socket.setblocking(False)  # a manager that does not read must not hold up captions
        self._status = ""
        self._reported_at = 0.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, pid: int = 0) -> "SystemdNotifier":
        """Makes a notifier for the manager that started this process, if one did.

        Args:
            environ: The environment of the process.
            pid: Replaces the id of the process.
        """
        for_this_process = environ.get("WATCHDOG_PID", "") in {"", str(pid or os.getpid())}
        watchdog_us = environ.get("WATCHDOG_USEC", "")
        has_watchdog = for_this_process and watchdog_us.isdecimal()
        return cls(environ.get("NOTIFY_SOCKET", ""), int(watchdog_us) / 1e6 if has_watchdog else 0.0)

    def ready(self) -> None:
        """Reports that captions are served from now on, also after a reload."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Reports that the settings are being reloaded."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Reports that the last captions are being finished."""
        self._send("STOPPING=1")

    def ping(self) -> None:
        """Sends a sign of life, if the manager expects one."""
        if self.watchdog_s:
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Sets the line that ``systemctl status`` shows; it is sent only if it has changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text.translate({10: ' ', 13: ' '})}")

    def wrap_progress(self, on_progress: Progress | None) -> Progress:
        """Wraps a progress callback so that the manager is informed as well, and waits longer for the start.

        Args:
            on_progress: Called first; None: there is no other callback.

        Returns:
            A callback that may be called in any thread.
        """

        def report(name: str, done: int, total: int | None) -> None:
            if on_progress:
                on_progress(name, done, total)
            if time.monotonic() - self._reported_at >= REPORT_S:
                self._reported_at = time.monotonic()
                progress = f"{done / total:.0%}" if total else f"{done / 1e6:.0f} MB"
                self.status(f"Downloading {name}: {progress}")
                self._send(f"EXTEND_TIMEOUT_USEC={DOWNLOAD_EXTENSION_S * 1_000_000}")

        return report

    def _send(self, message: str) -> None:
        if not self._socket:
            return
        with suppress(OSError):  # the manager is gone, or its queue is full: the next message may reach it
            self._socket.sendto(message.encode(), self._address)
