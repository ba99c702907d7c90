"""The finals that are kept for clients that come late or back. Pure."""

from collections import deque
from collections.abc import Sequence

from streamstt.serve.protocol import Message


class History:
    """Finals in their order; the oldest are forgotten, and it is known up to which.

    Attributes:
        forgotten: ``seq`` of the newest final that is gone; 0: none is.
    """

    def __init__(self, most: int) -> None:
        """Is empty.

        Args:
            most: Finals that are kept.
        """
        self._finals: deque[Message] = deque(maxlen=most)
        self.forgotten = 0

    def add(self, final: Message) -> None:
        """One more."""
        if len(self._finals) == self._finals.maxlen:
            self.forgotten = self._finals[0].seq
        self._finals.append(final)

    def limit(self, most: int) -> None:
        """Keeps so many from now on."""
        while len(self._finals) > most:
            self.forgotten = self._finals.popleft().seq
        self._finals = deque(self._finals, maxlen=most)

    def restore(self, finals: Sequence[Message], forgotten: int) -> None:
        """Has what is kept of an earlier run, oldest first, and what was forgotten before that."""
        self._finals.extend(finals)
        left_out = finals[: -len(self._finals)] if self._finals else []
        self.forgotten = left_out[-1].seq if left_out else forgotten

    def clear(self, forgotten: int = 0) -> None:
        """Has nothing that is kept; what was forgotten ends with this number."""
        self._finals.clear()
        self.forgotten = forgotten

    def until(self, seq: int) -> list[Message]:
        """Those up to a number: what comes after is still held back."""
        return [m for m in self._finals if m.seq <= seq]
