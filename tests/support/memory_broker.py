"""A broker in memory that keeps all entries, and can be unreachable, or break the connection at any entry."""

import asyncio
from collections.abc import Callable, Sequence

from streamstt.brokers.base import Batch
from streamstt.brokers.messages import BrokerEntry, BrokerError, Position


class MemoryBroker:
    """A ``BrokerWriter``, and a ``BrokerReader`` for one reader.

    Attributes:
        entries: The entries that arrived.
        unreachable: Whether every call fails.
        remaining: Number of entries that still arrive before the connection breaks; None: no limit.
    """

    name = "the memory broker"
    max_entries = 1000

    def __init__(self) -> None:
        self.entries: list[BrokerEntry] = []
        self.unreachable = False
        self.remaining: int | None = None
        self._read_count = 0

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
            if self.remaining == 0:
                raise BrokerError("cut off")
            self.remaining = None if self.remaining is None else self.remaining - 1
            self.entries.append(entry)

    async def read(self, wait_s: float) -> Batch:
        """Returns one entry at a time, so that ``more_waiting`` matters."""
        self._check()
        await asyncio.sleep(0)
        new = self.texts[self._read_count : self._read_count + 1]
        self._read_count += len(new)
        return Batch(new, more_waiting=self._read_count < len(self.entries))

    def _check(self) -> None:
        if self.unreachable:
            raise BrokerError("unreachable")


async def run_until(holds: Callable[[], bool]) -> None:
    """Runs the tasks that are ready until the condition holds; no time passes."""
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition never holds")
