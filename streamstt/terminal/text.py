"""Lines of captions as a terminal shows them: in columns, for a Chinese character takes two. Pure.

What is spoken and what a stranger calls a source may hold anything: what could move the cursor is shown as a mark.
"""

import unicodedata

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

COLORS = ("cyan", "yellow", "green", "magenta", "blue", "red")
TENTATIVE = "dim"
MAX_OPEN_LINES = 3  # lines of one open caption; its beginning is cut off


def replace_controls(text: str) -> str:
    """The text without characters that steer a terminal, or turn the direction of what follows."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind == "Cc" or (kind == "Cf" and character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def format_partial(text: str, stable: int) -> Text:
    """An open caption: what will not change, and dim what may.

    Args:
        text: Of the caption.
        stable: So many characters (code points) of it will not change.
    """
    return Text(replace_controls(text[:stable])) + Text(replace_controls(text[stable:]), TENTATIVE)


def last_lines(text: Text, width: int, rows: int, console: Console) -> list[Text]:
    """The last lines of a text that is broken at words; an ellipsis in place of what is cut off.

    Args:
        text: A prefix and a caption.
        width: Columns of a line.
        rows: Lines at most.
        console: Knows how to break lines.
    """
    lines = list(text.wrap(console, max(2, width)))
    for line in lines:
        line.rstrip()
    if len(lines) <= rows:
        return lines
    shown = lines[-rows:]
    shown[0] = _cut_start(shown[0], width)
    return shown


def _cut_start(line: Text, width: int) -> Text:
    """The line with an ellipsis before it, and at its start so much less that it fits."""
    room = max(0, width - 1)
    dropped = 0
    while dropped < len(line) and cell_len(line.plain[dropped:]) > room:
        dropped += 1
    return Text("…", TENTATIVE) + line[dropped:] if dropped < len(line) else Text("…", TENTATIVE)


def fit(text: str, width: int) -> str:
    """Cut or filled up to exactly so many columns; an ellipsis says that it was cut."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, max(0, width - 1)) + "…" if width else ""


class Palette:
    """A colour for each source, which stays the same for as long as the program runs."""

    def __init__(self) -> None:
        """Knows no source."""
        self._labels: dict[str, str] = {}  # of each source, in the order in which they were seen: of one terminal

    def add(self, source: str, label: str = "") -> None:
        """There is such a source; a label, if one is given, is what people see."""
        self._labels[source] = replace_controls(label) or self._labels.get(source) or replace_controls(source)

    def label(self, source: str) -> str:
        """What people see."""
        return self._labels.get(source) or replace_controls(source)

    def prefix(self, source: str) -> Text:
        """The label in its colour and a colon, when there is more than one source."""
        self.add(source)
        if len(self._labels) < 2:
            return Text()
        return Text.assemble((f"{self.label(source)}:", self.color(source)), " ")

    def color(self, source: str) -> str:
        """A colour's name."""
        return COLORS[self.index(source) % len(COLORS)]

    def index(self, source: str) -> int:
        """Which it is, in the order in which they were seen, from 0."""
        self.add(source)
        return list(self._labels).index(source)
