"""The few lines that a text source shows: what was said last, and what is being said. Pure."""

from streamstt.events import Final, Partial
from streamstt.text.line_breaking import lines


class Screen:
    """Rolls up as people speak; a line that is full stays as it is."""

    def __init__(self, line_chars: int, most: int) -> None:
        """Shows nothing.

        Args:
            line_chars: Width of a line.
            most: Lines at once.
        """
        self._line_chars = line_chars
        self._most = most
        self._said = ""  # finals, from the beginning of a line on
        self._open: Partial | None = None  # the newest
        self._language = ""

    def take(self, event: Final | Partial) -> None:
        """Shows what is said; of several who speak at once, what the last of them says, until it is final."""
        self._language = event.language
        if isinstance(event, Partial):
            self._open = event
            return
        if self._open and self._open.source == event.source:
            self._open = None
        self._said = f"{self._said} {event.text}".strip()
        broken = lines(self._said, self._line_chars, self._language)
        self._said = " ".join(broken[-self._most :])

    def clear(self) -> None:
        """Nobody has spoken for a while."""
        self._said, self._open = "", None

    @property
    def text(self) -> str:
        """As it is shown, its lines apart."""
        speech = f"{self._said} {self._open.text if self._open else ''}"
        return "\n".join(lines(speech, self._line_chars, self._language)[-self._most :])
