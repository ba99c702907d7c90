"""Formats captions and labels for a terminal, measured in columns: a Chinese character takes two. Pure.

Captions and names of sources may contain anything, so control characters are replaced before they are printed.
"""

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from streamstt.text.characters import replace_controls

COLORS = ("cyan", "yellow", "green", "magenta", "blue", "red")
TENTATIVE = "dim"
MAX_OPEN_LINES = 3  # lines of a partial caption; of a longer one the beginning is cut off


def format_duration(seconds: float) -> str:
    """Formats a duration for people, from a fraction of a second to days."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def format_partial(text: str, stable: int) -> Text:
    """Formats a partial caption: words that may still change are dim.

    Args:
        text: Text of the caption.
        stable: Number of characters (code points) at its start that will not change.
    """
    return Text(replace_controls(text[:stable])) + Text(replace_controls(text[stable:]), TENTATIVE)


def last_lines(text: Text, width: int, rows: int, console: Console) -> list[Text]:
    """Wraps a text at words and returns its last lines; an ellipsis replaces what is cut off.

    Args:
        text: A prefix and a caption.
        width: Columns per line.
        rows: Maximum number of lines.
        console: Console that wraps the text.
    """
    lines = list(text.wrap(console, max(2, width)))
    for line in lines:
        line.rstrip()
    if len(lines) <= rows:
        return lines
    kept = lines[-rows:]
    kept[0] = _cut_start(kept[0], width)
    return kept


def _cut_start(line: Text, width: int) -> Text:
    """Replaces the start of a line by an ellipsis so that it fits into the width."""
    room = max(0, width - 1)
    dropped = 0
    while dropped < len(line) and cell_len(line.plain[dropped:]) > room:
        dropped += 1
    return Text("…", TENTATIVE) + line[dropped:] if dropped < len(line) else Text("…", TENTATIVE)


def fit(text: str, width: int) -> str:
    """Truncates or pads a text to exactly ``width`` columns; an ellipsis marks a truncated one."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, max(0, width - 1)) + "…" if width else ""


class Palette:
    """Assigns each source a color, which stays the same while the program runs, and knows the sources' labels."""

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}  # by source, in the order in which sources were added

    def add(self, source: str, label: str = "") -> None:
        """Adds a source, or changes its label; an empty label keeps the present one."""
        self._labels[source] = replace_controls(label) or self._labels.get(source) or replace_controls(source)

    def add_new(self, source: str, label: str) -> None:
        """Adds a source that may have left already, unless it is known."""
        if source not in self._labels:
            self.add(source, label)

    def label(self, source: str) -> str:
        """Returns the label that viewers see."""
        return self._labels.get(source) or replace_controls(source)

    def prefix(self, source: str) -> Text:
        """Returns the colored label and a colon if there are several sources, else an empty text."""
        self.add(source)
        if len(self._labels) < 2:
            return Text()
        return Text.assemble((f"{self.label(source)}:", self.color(source)), " ")

    def color(self, source: str) -> str:
        """Returns the name of the source's color."""
        return COLORS[self.index(source) % len(COLORS)]

    def index(self, source: str) -> int:
        """Returns the position of a source in the order in which they were added, from 0."""
        self.add(source)
        return list(self._labels).index(source)
