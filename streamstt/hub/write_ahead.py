"""Write-ahead: finals and revisions are stored before they are delivered, so that what was on a screen is never lost.

The event loop must not wait for a disk, which may hang for minutes (a network drive, a failing card). So a final, and
what is published after it, is only held back from the viewers, and for ``HOLD_S`` at most.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from streamstt.events import Final, Revised
from streamstt.hub.protocol import Message

HOLD_S = 0.2  # a write takes a millisecond, or some tens while the disk flushes; readers hardly notice this much


class WriteAhead:
    """Holds messages back until the finals before them are stored."""

    def __init__(self, store: Callable[[Message], bool], deliver: Callable[[Sequence[Message]], None]) -> None:
        """Starts with nothing held.

        Args:
            store: Begins to store a final; returns whether it is held until ``release``.
            deliver: Delivers messages to the viewers.
        """
        self._store = store
        self._deliver = deliver
        self._pending: deque[Message] = deque()  # what is published within HOLD_S; nothing is dropped
        self._held: dict[int, asyncio.TimerHandle] = {}  # by seq; each is released after HOLD_S at the latest
        self._flushed = asyncio.Event()

    def put(self, messages: Sequence[Message]) -> None:
        """Begins to store finals, and delivers what need not wait for that."""
        for message in messages:
            event = message.event
            to_store = isinstance(event, Revised) or (isinstance(event, Final) and event.text)
            if to_store and self._store(message):
                loop = asyncio.get_running_loop()
                self._held[message.seq] = loop.call_later(HOLD_S, self.release, message.seq)
        self._pending += messages
        self._deliver_ready()

    def release(self, seq: int) -> None:
        """Releases a final that is stored, or cannot be."""
        timer = self._held.pop(seq, None)
        if timer:
            timer.cancel()
            self._deliver_ready()

    async def wait_flushed(self) -> None:
        """Returns when nothing is held."""
        while self._pending:
            await self._flushed.wait()

    def _deliver_ready(self) -> None:
        ready: list[Message] = []
        while self._pending and self._pending[0].seq not in self._held:
            ready.append(self._pending.popleft())
        if ready:
            self._deliver(ready)
        if not self._pending:
            self._flushed.set()
            self._flushed = asyncio.Event()
