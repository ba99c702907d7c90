"""A terminal emulator: runs a command, types keys and reads the screen."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence

import pyte

from tests.support.daemon import environment


def _take_terminal() -> None:
    """Makes standard input the terminal of this process's session, so that Ctrl-C reaches it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A pseudo-terminal whose screen pyte emulates; a context manager that leaves no process behind."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=2000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self.bytes = b""
        self._ours, theirs = os.openpty()
        self._size(columns, rows)
        extra = {"TERM": "xterm-256color"} | dict(env or {})
        clean = {k: v for k, v in environment(extra).items() if k not in {"NO_COLOR", "COLUMNS", "LINES"} or k in extra}
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=clean, cwd=cwd, start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - a single system call, which is safe beside threads
        )  # fmt: skip
        self.slave = theirs  # kept open, so that its modes can be read after the command has exited

    def _size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Changes the size of the window; as in xterm, lines are cut, not wrapped again."""
        while self.read():
            pass  # output for the old size
        self._size(columns, rows)
        self._screen.resize(rows, columns)

    def type(self, text: str) -> None:
        """Presses keys; "\\x03" is Ctrl-C."""
        os.write(self._ours, text.encode())

    @property
    def lines(self) -> list[str]:
        """The lines on the screen, without empty ones at the end."""
        shown = [line.rstrip() for line in self._screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def text(self) -> str:
        """The lines on the screen as one text."""
        return "\n".join(self.lines)

    @property
    def scrolled(self) -> list[str]:
        """The lines that have scrolled off the top."""
        past = [[line[x].data for x in range(self._screen.columns)] for line in self._screen.history.top]
        return ["".join(cells).rstrip() for cells in past]

    @property
    def colors(self) -> set[str]:
        """The foreground colors on the screen."""
        return {cell.fg for row in self._screen.buffer.values() for cell in row.values()}

    @property
    def cursor_is_hidden(self) -> bool:
        return bool(self._screen.cursor.hidden)

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows typed keys."""
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def read(self, for_s: float = 0.0) -> bool:
        """Reads the command's output; returns whether there was any within the time."""
        if not select.select([self._ours], [], [], for_s)[0]:
            return False
        data = os.read(self._ours, 65536)
        self.bytes += data
        self._stream.feed(data)
        return True

    def wait_for(self, shown: str | Callable[[str], object], within_s: float = 90) -> str:
        """Waits for a text on the screen, or until a function of the screen's text returns true; returns that text."""
        matches = (lambda text: shown in text) if isinstance(shown, str) else shown
        deadline = time.monotonic() + within_s
        while not matches(self.text):
            left = deadline - time.monotonic()
            assert left > 0, f"{shown!r} does not appear; on the screen:\n{self.text}"
            self.read(min(left, 0.2))
        return self.text

    def wait(self, within_s: float = 90) -> int:
        """Waits until the command has exited; returns its exit code."""
        deadline = time.monotonic() + within_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not exit; on the screen:\n{self.text}"
            self.read(0.05)
        while self.read():
            pass
        return self.process.returncode

    def interrupt(self, within_s: float = 90) -> int:
        """Presses Ctrl-C and waits for the exit; returns the exit code."""
        self.type("\x03")
        return self.wait(within_s)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._ours)
        os.close(self.slave)
