"""Writes to a terminal without ever blocking.

Ctrl-S stops a terminal, and so does selecting text in some; then a program that writes to it blocks. A daemon that
draws from its event loop would stop its captions for all viewers.
"""

import os
import select
import termios
import time
from contextlib import suppress
from typing import Any

LOCAL_FLAGS = 3  # index of the local modes in the result of tcgetattr


class TerminalModes:
    """Changes the modes of a terminal, and restores them."""

    def __init__(self, descriptor: int) -> None:
        """Changes nothing until ``suppress_echo`` is called.

        Args:
            descriptor: File descriptor of the terminal; if it is not a terminal, all methods do nothing.
        """
        self._descriptor = descriptor
        self._saved: list[Any] | None = None

    @property
    def is_foreground(self) -> bool:
        """Whether this process is in the foreground of the terminal."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return False  # not a terminal of our session, or closed

    def suppress_echo(self) -> None:
        """Turns off the echo of typed characters, if this process is in the foreground."""
        if self._saved or not self.is_foreground:  # in the background the kernel would stop this process
            return
        with suppress(termios.error):
            self._saved = termios.tcgetattr(self._descriptor)
            modes = termios.tcgetattr(self._descriptor)
            modes[LOCAL_FLAGS] = modes[LOCAL_FLAGS] & ~termios.ECHO | termios.NOFLSH
            termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)

    def restore(self) -> None:
        """Restores the modes."""
        before, self._saved = self._saved, None
        if before and self.is_foreground:
            with suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, before)


MAX_PENDING = 1 << 18  # bytes that may wait for a stopped terminal; text beyond is dropped
CLOSE_TIMEOUT_S = 1.0  # limit for the rest to be written at the end


class Tty:
    """A file for ``rich`` that writes as much as the terminal accepts and keeps the rest for later."""

    encoding = "utf-8"

    def __init__(self, descriptor: int) -> None:
        """Opens the terminal again: the flags of the given descriptor are shared with the shell.

        Args:
            descriptor: File descriptor of a terminal.

        Raises:
            OSError: It is not a terminal, or cannot be opened.
        """
        self._file = os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        self._pending = b""

    @property
    def is_ready(self) -> bool:
        """Whether the terminal has accepted everything that was written."""
        self.flush()
        return not self._pending

    def isatty(self) -> bool:
        """Returns True."""
        return True

    def fileno(self) -> int:
        """Returns the file descriptor, from which rich reads the size."""
        return self._file

    def write(self, text: str) -> int:
        """Queues text; never blocks."""
        if len(self._pending) < MAX_PENDING:
            self._pending += text.encode(errors="replace")
        return len(text)

    def flush(self) -> None:
        """Writes as much as the terminal accepts now."""
        try:
            while self._pending:
                self._pending = self._pending[os.write(self._file, self._pending) :]
        except BlockingIOError:
            pass  # later
        except OSError:
            self._pending = b""  # the terminal is closed

    def close(self) -> None:
        """Writes the rest, if the terminal accepts it soon, and closes the file."""
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        while not self.is_ready and (left := deadline - time.monotonic()) > 0:
            select.select([], [self._file], [], left)
        os.close(self._file)
