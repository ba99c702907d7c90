"""A terminal that is written to without ever waiting for it.

Ctrl-S stops a terminal, and so does marking text in some; then whoever writes to it is stopped, too. A daemon whose
event loop draws on a terminal would stop its captions for everybody.
"""

import os
import select
import termios
import time
from contextlib import suppress
from typing import Any

LOCAL_FLAGS = 3  # where local modes stand in what tcgetattr gives


class TerminalModes:
    """Of one terminal."""

    def __init__(self, descriptor: int) -> None:
        """Changes nothing yet.

        Args:
            descriptor: Of the terminal; anything else is left alone.
        """
        self._descriptor = descriptor
        self._saved: list[Any] | None = None

    @property
    def is_foreground(self) -> bool:
        """Whether this process, not another one of the shell's, has the terminal now."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return False  # it is not our session's, or it is gone

    def suppress_echo(self) -> None:
        """Sets them, if the terminal is ours to change."""
        if self._saved or not self.is_foreground:  # else the kernel would stop us
            return
        with suppress(termios.error):
            self._saved = termios.tcgetattr(self._descriptor)
            modes = termios.tcgetattr(self._descriptor)
            modes[LOCAL_FLAGS] = modes[LOCAL_FLAGS] & ~termios.ECHO | termios.NOFLSH
            termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)

    def restore(self) -> None:
        """Sets them as they were before."""
        before, self._saved = self._saved, None
        if before and self.is_foreground:
            with suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, before)


MAX_PENDING = 1 << 18  # characters that may wait for a terminal that is stopped; what is beyond is not written
CLOSE_TIMEOUT_S = 1.0  # how long the end waits for it


class Tty:
    """A file for ``rich`` that writes what the terminal takes, and keeps the rest for later."""

    encoding = "utf-8"

    def __init__(self, descriptor: int) -> None:
        """Opens the terminal once more, for its flags are shared with the shell that started this program.

        Args:
            descriptor: Of this process, and a terminal.

        Raises:
            OSError: It is none, or cannot be opened.
        """
        self._file = os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        self._pending = b""

    @property
    def is_ready(self) -> bool:
        """Whether all that was written is on the terminal."""
        self.flush()
        return not self._pending

    def isatty(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """For its size and modes."""
        return self._file

    def write(self, text: str) -> int:
        """Takes text; never waits."""
        if len(self._pending) < MAX_PENDING:
            self._pending += text.encode(errors="replace")
        return len(text)

    def flush(self) -> None:
        """Writes what the terminal takes now."""
        try:
            while self._pending:
                self._pending = self._pending[os.write(self._file, self._pending) :]
        except BlockingIOError:
            pass  # later
        except OSError:
            self._pending = b""  # it is gone, and nobody sees it any more

    def close(self) -> None:
        """Writes the rest, if the terminal takes it soon."""
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        while not self.is_ready and (left := deadline - time.monotonic()) > 0:
            select.select([], [self._file], [], left)
        os.close(self._file)
