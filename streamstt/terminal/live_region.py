"""Lines at the end of a terminal that are redrawn in place, while permanent text scrolls above them.

After each drawing the cursor waits at the first of these lines, so the next drawing erases everything after the
cursor. A terminal that is resized wraps its lines again but keeps the cursor with its text, so nothing is left behind
and nothing above is erased; counting lines could not guarantee that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from streamstt.terminal.tty import TerminalModes

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
ERASE_BELOW = "\r\x1b[J"  # from the cursor's line to the end of the screen


@dataclass(frozen=True, slots=True)
class _ControlSequence:
    """A control sequence that rich can print, so that it is written together with the text."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console, options
        yield Segment(self.text, None, [])


class LiveRegion:
    """The redrawn lines of one terminal; nothing else may write to the terminal while it is open."""

    def __init__(self, console: Console) -> None:
        """Starts without lines.

        Args:
            console: Console of a terminal that can move its cursor.
        """
        self._console = console
        self._lines: tuple[Text, ...] | None = ()  # as drawn; None: unknown
        self._cursor_hidden = False
        self._released = False
        self._modes = TerminalModes(_terminal_fd(console))

    @property
    def is_foreground(self) -> bool:
        """Whether this process is in the foreground of the terminal."""
        return self._modes.is_foreground

    @property
    def width(self) -> int:
        """Columns of a line: one less than the terminal has, as some wrap when the last one is written."""
        return max(1, self._console.width - 1)

    def draw(self, lines: Iterable[Text], above: Sequence[Text] = ()) -> None:
        """Replaces the lines that were drawn last.

        Args:
            lines: New lines, none wider than the terminal; if they exceed its height, the first are left out.
            above: Permanent text to print above them, of any width; it is wrapped at words.
        """
        height = max(1, self._console.height - 1)
        new_lines = tuple(lines)[-height:]
        if not above and new_lines == self._lines:
            return
        self._lines = new_lines
        with self._console.capture() as output:
            self._print_control(ERASE_BELOW if self._cursor_hidden or self._released else HIDE_CURSOR + ERASE_BELOW)
            for text in above:
                self._console.print(text, highlight=False)
            for i, text in enumerate(new_lines):
                last = i == len(new_lines) - 1
                self._console.print(text, end="" if last else "\n", highlight=False, no_wrap=True, overflow="crop")
            self._print_control("\r" + (f"\x1b[{len(new_lines) - 1}A" if len(new_lines) > 1 else ""))
        if not self._released:
            self._cursor_hidden = True
            self._modes.suppress_echo()
        self._write(output.get())

    def close(self, keep: Iterable[Text] = ()) -> None:
        """Replaces the lines by permanent text and restores the terminal; may be called twice."""
        texts = list(keep)
        self._modes.restore()
        if not (self._lines or self._cursor_hidden or texts):
            return
        with self._console.capture() as output:
            self._print_control(ERASE_BELOW)
            for text in texts:
                self._console.print(text, highlight=False)
            self._print_control(SHOW_CURSOR)
        self._write(output.get())
        self._lines, self._cursor_hidden = (), False

    def release_terminal(self) -> None:
        """Restores the terminal's modes and cursor while lines are still drawn: the program may end at any moment."""
        self._released = True
        self._modes.restore()
        if self._cursor_hidden:
            self._cursor_hidden = False
            self._write(SHOW_CURSOR)

    def invalidate(self) -> None:
        """Forces the next drawing, after other output or a change of size."""
        self._lines = None

    def _write(self, output: str) -> None:
        """Writes everything at once, so that no partial drawing is seen, or left behind by Ctrl-C."""
        self._console.file.write(output)
        self._console.file.flush()

    def _print_control(self, text: str) -> None:
        self._console.print(_ControlSequence(text), end="")


def _terminal_fd(console: Console) -> int:
    """Returns the file descriptor of a console's terminal; -1 if it has none."""
    try:
        return console.file.fileno() if console.is_terminal else -1
    except (OSError, ValueError):
        return -1
