"""A terminal's modes while something is drawn on it.

Typed keys are not shown, for they would move what is drawn. Ctrl-C does not throw away what is still on its way to the
screen, as it usually does: the rest of a picture would be missing, and with it where the cursor is.
"""

import os
import termios
from contextlib import suppress
from typing import Any

ECHO_AND_FLUSH = 3  # where local modes stand in what tcgetattr gives


class Modes:
    """Of one terminal."""

    def __init__(self, descriptor: int) -> None:
        """Changes nothing yet.

        Args:
            descriptor: Of the terminal; anything else is left alone.
        """
        self._descriptor = descriptor
        self._before: list[Any] | None = None

    @property
    def in_front(self) -> bool:
        """Whether this process, not another one of the shell's, has the terminal now."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return False  # it is not our session's, or it is gone

    def calm(self) -> None:
        """Sets them, if the terminal is ours to change."""
        if self._before or not self.in_front:  # else the kernel would stop us
            return
        with suppress(termios.error):
            self._before = termios.tcgetattr(self._descriptor)
            modes = termios.tcgetattr(self._descriptor)
            modes[ECHO_AND_FLUSH] = modes[ECHO_AND_FLUSH] & ~termios.ECHO | termios.NOFLSH
            termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)

    def restore(self) -> None:
        """Sets them as they were before."""
        before, self._before = self._before, None
        if before and self.in_front:
            with suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, before)
