"""Write-ahead: no viewer gets a final before it is on disk, so that what was read on a screen is never lost.

The event loop must not wait for a disk, which may hang for minutes (a network drive, a dying card): so a final, and
what is published after it, is only held back on the way to the viewers, and for ``HOLD_S`` at most.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from streamstt.events import Final
from streamstt.hub.protocol import Message

HOLD_S = 0.2  # a write takes a millisecond, while the disk flushes some tens; a reader hardly notices that


class WriteAhead:
    """What is on its way to viewers."""

    def __init__(self, store: Callable[[Message], bool], deliver: Callable[[Sequence[Message]], None]) -> None:
        """Holds nothing.

        Args:
            store: Takes a final that is to be written; whether viewers wait for it, until ``release``.
            deliver: Gives messages to the viewers.
        """
        self._store = store
        self._deliver = deliver
        self._pending: deque[Message] = deque()  # as much as is published in HOLD_S; nothing of it is dropped
        self._held: dict[int, asyncio.TimerHandle] = {}  # by seq; each leaves after HOLD_S at the latest
        self._flushed = asyncio.Event()

    def put(self, messages: Sequence[Message]) -> None:
        """Has finals written, and passes on what need not wait for that."""
        for message in messages:
            if isinstance(message.event, Final) and message.event.text and self._store(message):
                loop = asyncio.get_running_loop()
                self._held[message.seq] = loop.call_later(HOLD_S, self.release, message.seq)
        self._pending += messages
        self._deliver_ready()

    def release(self, seq: int) -> None:
        """The final is on disk, or there is no point in waiting for it."""
        timer = self._held.pop(seq, None)
        if timer:
            timer.cancel()
            self._deliver_ready()

    async def wait_flushed(self) -> None:
        """Returns when nothing is held."""
        while self._pending:
            await self._flushed.wait()

    def _deliver_ready(self) -> None:
        free: list[Message] = []
        while self._pending and self._pending[0].seq not in self._held:
            free.append(self._pending.popleft())
        if free:
            self._deliver(free)
        if not self._pending:
            self._flushed.set()
            self._flushed = asyncio.Event()
