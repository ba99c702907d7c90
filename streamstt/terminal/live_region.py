"""The lines at the end of a terminal that are drawn again and again, while what stays scrolls above them.

After each drawing the cursor waits at the first of these lines, so what is erased next time is all that follows the
cursor. Terminals that wrap lines anew when they are resized keep the cursor with its text: nothing is left behind, and
nothing above is erased, which no counting of lines can promise.
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
    """A control sequence as something that rich prints; between others, so that all is written at once."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console, options
        yield Segment(self.text, None, [])


class LiveRegion:
    """Of one terminal, which nobody else writes to while it is open."""

    def __init__(self, console: Console) -> None:
        """Draws nothing yet.

        Args:
            console: A terminal that knows more than lines.
        """
        self._console = console
        self._lines: tuple[Text, ...] | None = ()  # as drawn; None: nobody knows what is there
        self._cursor_hidden = False
        self._released = False
        self._modes = TerminalModes(_terminal_fd(console))

    @property
    def is_foreground(self) -> bool:
        """Whether this process, not another one of the shell's, has the terminal now."""
        return self._modes.is_foreground

    @property
    def width(self) -> int:
        """Columns that a line may have: some terminals wrap when the last one is written."""
        return max(1, self._console.width - 1)

    def draw(self, lines: Iterable[Text], above: Sequence[Text] = ()) -> None:
        """Puts lines into the place of those that were drawn last.

        Args:
            lines: Each no wider than the terminal; beyond its height the first are left out.
            above: What is to stay, above them; may be of any width, and is broken at words.
        """
        height = max(1, self._console.height - 1)
        fresh = tuple(lines)[-height:]
        if not above and fresh == self._lines:
            return
        self._lines = fresh
        with self._console.capture() as picture:
            self._print_control(ERASE_BELOW if self._cursor_hidden or self._released else HIDE_CURSOR + ERASE_BELOW)
            for text in above:
                self._console.print(text, highlight=False)
            for i, text in enumerate(fresh):
                last = i == len(fresh) - 1
                self._console.print(text, end="" if last else "\n", highlight=False, no_wrap=True, overflow="crop")
            self._print_control("\r" + (f"\x1b[{len(fresh) - 1}A" if len(fresh) > 1 else ""))
        if not self._released:
            self._cursor_hidden = True
            self._modes.suppress_echo()
        self._write(picture.get())

    def close(self, keep: Iterable[Text] = ()) -> None:
        """Puts what is to stay into the place of the lines, and gives the terminal back; may be called twice."""
        texts = list(keep)
        self._modes.restore()
        if not (self._lines or self._cursor_hidden or texts):
            return
        with self._console.capture() as picture:
            self._print_control(ERASE_BELOW)
            for text in texts:
                self._console.print(text, highlight=False)
            self._print_control(SHOW_CURSOR)
        self._write(picture.get())
        self._lines, self._cursor_hidden = (), False

    def release_terminal(self) -> None:
        """The terminal is as it was, though lines are still drawn: the program may end without another word."""
        self._released = True
        self._modes.restore()
        if self._cursor_hidden:
            self._cursor_hidden = False
            self._write(SHOW_CURSOR)

    def invalidate(self) -> None:
        """Somebody else wrote, or the size has changed: draws anew next time, whatever it is."""
        self._lines = None

    def _write(self, picture: str) -> None:
        """All at once: half a picture is never seen, nor left behind by Ctrl-C in the middle of one."""
        self._console.file.write(picture)
        self._console.file.flush()

    def _print_control(self, text: str) -> None:
        self._console.print(_ControlSequence(text), end="")


def _terminal_fd(console: Console) -> int:
    """Of its terminal; -1 if it is none of the system's."""
    try:
        return console.file.fileno() if console.is_terminal else -1
    except (OSError, ValueError):
        return -1
