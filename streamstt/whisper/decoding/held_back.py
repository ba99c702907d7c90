"""Tokens that an update has not written, because audio is still to come: the next update probably begins with them."""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_SOURCES = 64  # a few numbers each
CONTEXT = 6  # tokens before a token that was held back which must be the same for it to be expected again


@dataclass(frozen=True, slots=True)
class _HeldBack:
    """A token that was held back, and the last tokens before it."""

    before: tuple[int, ...]
    token: int


class HeldBackTokens:
    """Remembers the token that was held back at the end of the last text of each source."""

    def __init__(self) -> None:
        """Starts with none."""
        self._by_source: dict[str, _HeldBack] = {}  # the least recently used first

    def after(self, source: str, text: Sequence[int]) -> list[int]:
        """Returns the tokens that probably follow a text of a source: the one that was held back after it, or none."""
        held_back = self._by_source.get(source)
        return [held_back.token] if held_back and held_back.before == tuple(text[-CONTEXT:]) else []

    def keep(self, source: str, text: Sequence[int], token: int | None) -> None:
        """Remembers the token that was held back after a text of a source; None: none was."""
        self._by_source.pop(source, None)
        if token is None:
            return
        self._by_source[source] = _HeldBack(tuple(text[-CONTEXT:]), token)
        if len(self._by_source) > MAX_SOURCES:
            del self._by_source[next(iter(self._by_source))]
