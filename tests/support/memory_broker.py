"""A broker for tests of what is before and behind one: it keeps all, and can be away or cut off at any entry."""

import asyncio
from collections.abc import Callable, Sequence

from streamstt.brokers.base import Batch
from streamstt.brokers.messages import BrokerEntry, BrokerError, Position


class Shelf:
    """Implements ``Bus``, and ``Feed`` for one reader."""

    name = "the shelf"
    max_entries = 1000

    def __init__(self) -> None:
        self.entries: list[BrokerEntry] = []
        self.away = False
        self.takes: int | None = None  # so many entries arrive yet; then the connection breaks
        self._read_to = 0

    @property
    def texts(self) -> list[str]:
        return [entry.text for entry in self.entries]

    async def connect(self) -> None:
        self._check()

    async def close(self) -> None:
        pass

    async def last_position(self) -> Position | None:
        self._check()
        kept = [entry for entry in self.entries if entry.is_kept]
        return kept[-1].position if kept else None

    async def send(self, entries: Sequence[BrokerEntry]) -> None:
        self._check()
        for entry in entries:
            if self.takes == 0:
                raise BrokerError("cut off")
            self.takes = None if self.takes is None else self.takes - 1
            self.entries.append(entry)

    async def read(self, wait_s: float) -> Batch:
        """One entry at a time: ``more`` matters."""
        self._check()
        await asyncio.sleep(0)
        new = self.texts[self._read_to : self._read_to + 1]
        self._read_to += len(new)
        return Batch(new, more_waiting=self._read_to < len(self.entries))

    def _check(self) -> None:
        if self.away:
            raise BrokerError("away")


async def turn_until(holds: Callable[[], bool]) -> None:
    """Lets everything that can go on go on; no time passes."""
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come about")
