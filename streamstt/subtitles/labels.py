"""How a cue names its source. Pure."""

from dataclasses import dataclass

from streamstt.text.characters import split_characters, width

MAX_LINE_WIDTH = 42  # narrow characters per line, with two lines per cue: the limit of broadcasters and Netflix
MAX_NAME_WIDTH = 22  # a longer name has a line of its own
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class LabelStyle:
    """Where the name of the source is in each cue.

    Attributes:
        prefix: Name before the text on the first line; may be empty.
        name_line: Name on a line of its own before the text; empty: there is none.
    """

    prefix: str = ""
    name_line: str = ""

    @property
    def text_lines(self) -> int:
        """How many lines of text a cue may have."""
        return 1 if self.name_line else 2

    @property
    def first_width(self) -> int:
        """Width of the text on the first line, in narrow characters."""
        return MAX_LINE_WIDTH - width(self.prefix)


def make_label_style(label: str, widest_part: int = 0) -> LabelStyle:
    """Decides where a name is shown; one that is too long for a line is shortened in its middle.

    Args:
        label: Name of the source; empty: none is shown.
        widest_part: Width of the longest text in the caption that must not be divided, such as a web address.
    """
    name = " ".join(label.split())
    if not name:
        return LabelStyle()
    beside = LabelStyle(prefix=f"{name}: ")
    if width(name) <= MAX_NAME_WIDTH and widest_part <= beside.first_width:
        return beside
    return LabelStyle(name_line=f"{_shorten(name, MAX_LINE_WIDTH - 1)}:")


def _shorten(name: str, limit: int) -> str:
    """Removes characters from the middle of a name: those that tell two names apart are often the last ones."""
    if width(name) <= limit:
        return name
    head = tail = ""
    characters = split_characters(name)
    for first, last in zip(characters, reversed(characters), strict=True):
        if width(head + first + tail) >= limit:
            break
        head += first
        if width(head + last + tail) >= limit:
            break
        tail = last + tail
    return f"{head.rstrip()}{ELLIPSIS}{tail.lstrip()}"
