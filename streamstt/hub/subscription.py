"""The queue of one subscriber of the hub; each has its own, so that none delays another."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamstt.events import Revised
from streamstt.hub.protocol import Message


@dataclass(frozen=True, slots=True)
class CloseReason:
    """Why a subscription ends: a WebSocket close code, and a reason."""

    code: int
    reason: str = ""


DONE = CloseReason(1000)
STOPPING = CloseReason(1001, "the daemon stops")
RESTARTED = CloseReason(1012, "the daemon was restarted: resume with since")
TOO_SLOW = CloseReason(1013, "too slow: resume with since")


class Subscription:
    """A bounded queue of messages: every final, status and gap, and only the newest partial of each source.

    Attributes:
        source: Deliver this source only; None: all sources.
        is_viewer: Whether it is a client that subscribes to all sources.
        sees_hidden: Whether it receives the text of hidden captions.
        close_reason: Why it has ended, once it has.
    """

    def __init__(
        self,
        limit: int,
        source: str | None = None,
        *,
        counted: bool = True,
        sees_hidden: bool = False,
        takes_revisions: bool = True,
    ) -> None:
        """Makes an empty queue.

        Args:
            limit: Messages that may wait; with one more, all are dropped and the subscription ends.
            source: Deliver this source only; None: all sources.
            counted: Whether it is a client; parts of the daemon are not counted.
            sees_hidden: Whether it receives the text of hidden captions.
            takes_revisions: Whether it receives revisions of finals.
        """
        self._limit = limit
        self.source = source
        self.is_viewer = counted and source is None
        self.sees_hidden = sees_hidden
        self._takes_revisions = takes_revisions
        # In order. Keys: a partial's source, negative numbers for private items, number, type and source for others.
        self._pending: dict[object, Message | str] = {}
        self._private_count = 0
        self._changed = asyncio.Event()
        self._finished = asyncio.Event()
        self._direct_write: Callable[[bytes], bool] | None = None
        self.close_reason = DONE

    def set_direct_writer(self, write: Callable[[bytes], bool]) -> None:
        """While the queue is empty, writes frames straight to the client instead of queueing them.

        Waking up a task for each message and client takes longer than sending the message: with a thousand clients, the
        last would wait for most of a tenth of a second.

        Args:
            write: Sends whole frames and returns True, or False if the client is behind; must not wait, nor raise.
        """
        self._direct_write = write

    def put_private(self, text: str) -> None:
        """Queues an item for this subscriber only: ``hello``, or what its own tasks pass to each other."""
        if not self._finished.is_set():
            self._private_count += 1
            self._append(-self._private_count, text)

    def put(self, messages: Sequence[Message]) -> None:
        """Queues messages that were published together; never waits."""
        if self._finished.is_set():
            return
        if self.source is not None:
            messages = [m for m in messages if m.event.source == self.source]
        if not self._takes_revisions:
            messages = [m for m in messages if not isinstance(m.event, Revised)]
        if (
            messages
            and self._direct_write
            and not self._pending
            and self._direct_write(b"".join([m.frame for m in messages]))
        ):
            return
        for message in messages:
            self._enqueue(message)

    def send_ephemeral(self, frame: bytes) -> None:
        """Sends a frame at once if nothing waits, or drops it."""
        if self._direct_write and not self._pending and not self._finished.is_set():
            self._direct_write(frame)

    def _enqueue(self, message: Message) -> None:
        if self._finished.is_set():
            return
        source = message.partial_of
        if source or message.is_final:
            self._pending.pop(message.event.source, None)  # its open partial is out of date
        # A status repeated by an edge reuses the previous number, so the number alone is not unique.
        self._append(source or (message.seq, message.event.type, message.event.source), message)

    def _append(self, key: object, item: Message | str) -> None:
        self._pending[key] = item
        if len(self._pending) > self._limit:
            self._pending.clear()
            self.finish(TOO_SLOW)
        self._changed.set()

    def finish(self, reason: CloseReason = DONE) -> None:
        """Ends the subscription: ``get`` returns what waits, then None."""
        if not self._finished.is_set():
            self.close_reason = reason
        self._finished.set()
        self._changed.set()

    async def get(self) -> Message | str | None:
        """Waits for the next item; None after ``finish``."""
        while not self._pending:
            if self._finished.is_set():
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._pending.pop(next(iter(self._pending)))

    def get_all_nowait(self) -> list[Message | str]:
        """Returns all items that wait now."""
        items = list(self._pending.values())
        self._pending.clear()
        return items

    async def wait_finished(self) -> None:
        """Returns when the subscription has ended, for whatever reason."""
        await self._finished.wait()

    async def get_all(self) -> list[Message | str]:
        """Waits for items and returns all that wait; none after ``finish``."""
        first = await self.get()
        return [] if first is None else [first, *self.get_all_nowait()]

    async def wait_too_slow(self) -> None:
        """Returns when messages were dropped because the subscriber does not read them."""
        while self.close_reason is not TOO_SLOW:
            await self._finished.wait()
            if self.close_reason is not TOO_SLOW:
                await asyncio.Future()  # it ended normally: never return
