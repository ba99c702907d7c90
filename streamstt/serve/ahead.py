"""Write-ahead: no viewer gets a final before it is on disk, so that what was read on a screen is never lost.

The event loop must not wait for a disk, which may hang for minutes (a network drive, a dying card): so a final is only
held back in the viewers' own queues, and for ``HOLD_S`` at most.
"""

import asyncio
from collections.abc import Callable

from streamstt.serve.protocol import Message

HOLD_S = 0.2  # a write takes less than a millisecond; a reader does not notice so short a wait


class WriteAhead:
    """Which finals are on their way to disk."""

    def __init__(self, keep: Callable[[Message], bool]) -> None:
        """Holds nothing.

        Args:
            keep: Takes a final that is to be written; whether viewers wait for it, until ``release``.
        """
        self._keep = keep
        self._held: dict[int, asyncio.TimerHandle] = {}  # by seq, rising; each leaves after HOLD_S at the latest
        self._released = asyncio.Event()

    def put(self, message: Message) -> None:
        """Hands a final on to be written; ``passed`` waits for it from now on."""
        if self._keep(message):
            loop = asyncio.get_running_loop()
            self._held[message.seq] = loop.call_later(HOLD_S, self.release, message.seq)

    def release(self, seq: int) -> None:
        """The final is on disk, or there is no point in waiting for it."""
        timer = self._held.pop(seq, None)
        if timer:
            timer.cancel()
            self._released.set()
            self._released = asyncio.Event()

    def holds(self, seq: int) -> bool:
        """Whether viewers must not see this final yet."""
        return seq in self._held

    async def passed(self, seq: int) -> None:
        """Returns when no final up to ``seq`` is held."""
        while self._held and next(iter(self._held)) <= seq:
            await self._released.wait()
