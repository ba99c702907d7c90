"""What waits for one subscriber of the hub; each has a queue of its own, so that none delays another."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamstt.hub.protocol import Message


@dataclass(frozen=True, slots=True)
class Farewell:
    """Why a subscription ends, as a WebSocket says it."""

    code: int
    reason: str = ""


DONE = Farewell(1000)
STOPPING = Farewell(1001, "the daemon stops")
RESTARTED = Farewell(1012, "the daemon was started again: come back with since")
TOO_SLOW = Farewell(1013, "too slow: resume with since")


class Outbox:
    """What waits for one subscriber: every final, status and gap, and only the newest partial of each source."""

    def __init__(self, limit: int, source: str | None = None, *, viewer: bool = True) -> None:
        """Makes an empty queue.

        Args:
            limit: Messages that may wait; with one more, all are dropped and the subscription is over.
            source: Take this source's messages only.
            viewer: It is somebody who reads along, and is counted.
        """
        self._limit = limit
        self.source = source
        self.viewer = viewer and source is None
        # In order: a partial under its source, slips under negative numbers, others by themselves.
        self._waiting: dict[object, Message | str] = {}
        self._slips = 0
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._direct: Callable[[bytes], bool] | None = None
        self.farewell = DONE

    def pass_on(self, direct: Callable[[bytes], bool]) -> None:
        """Hands messages on without a stop here for as long as nothing waits.

        A task that wakes up for each message and client takes longer than the message itself: with a thousand clients
        the last would wait for most of a tenth of a second.

        Args:
            direct: Takes frames at once and returns True, or cannot, and returns False; never waits, never raises.
        """
        self._direct = direct

    def slip(self, text: str) -> None:
        """Puts something for this subscriber only, behind what waits: ``hello`` first, then what it tells itself."""
        if not self._over.is_set():
            self._slips += 1
            self._add(-self._slips, text)

    def put(self, messages: Sequence[Message]) -> None:
        """Takes what was published together; never waits."""
        if self._over.is_set():
            return
        if self.source is not None:
            messages = [m for m in messages if m.event.source == self.source]
        if messages and self._direct and not self._waiting and self._direct(b"".join([m.frame for m in messages])):
            return
        for message in messages:
            self._queue(message)

    def pass_by(self, frame: bytes) -> None:
        """Sends what is worth nothing later: at once, if nothing waits, or never."""
        if self._direct and not self._waiting and not self._over.is_set():
            self._direct(frame)

    def _queue(self, message: Message) -> None:
        if self._over.is_set():
            return
        source = message.partial_of
        if source or message.is_final:
            self._waiting.pop(message.event.source, None)  # its last partial is out of date
        # A status that an edge says again has the number of what came before it.
        self._add(source or (message.seq, message.event.type, message.event.source), message)

    def _add(self, key: object, item: Message | str) -> None:
        self._waiting[key] = item
        if len(self._waiting) > self._limit:
            self._waiting.clear()
            self.finish(TOO_SLOW)
        self._changed.set()

    def finish(self, farewell: Farewell = DONE) -> None:
        """No more will come: ``get`` gives what waits, then None."""
        if not self._over.is_set():
            self.farewell = farewell
        self._over.set()
        self._changed.set()

    async def get(self) -> Message | str | None:
        """The next message, or None after ``finish``."""
        while not self._waiting:
            if self._over.is_set():
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.pop(next(iter(self._waiting)))

    def take(self) -> list[Message | str]:
        """All that waits now."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        return waiting

    async def over(self) -> None:
        """Returns when no more will come, for whatever reason."""
        await self._over.wait()

    async def take_all(self) -> list[Message | str]:
        """All that waits, at least one message; nothing after ``finish``."""
        first = await self.get()
        return [] if first is None else [first, *self.take()]

    async def too_slow(self) -> None:
        """Returns when messages were dropped because the subscriber does not take them."""
        while self.farewell is not TOO_SLOW:
            await self._over.wait()
            if self.farewell is not TOO_SLOW:
                await asyncio.Future()  # it ends in good order: never
