"""Delivers final captions to a target that takes one after the other: in order, with retries, from a bounded queue."""

import asyncio
import logging
import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from streamstt.clock import loop_time
from streamstt.concurrency import first_completed
from streamstt.events import Final, Revised
from streamstt.hub.hub import Hub
from streamstt.outputs.base import (
    CaptionItem,
    CaptionRejected,
    Target,
    TargetGone,
    TargetUnavailable,
    subscribe_captions,
)
from streamstt.outputs.target_status import TargetStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How captions are delivered to a target.

    Attributes:
        name: Name of the target, for logs, health and metrics.
        sources: Names of the sources whose captions are sent; empty: all.
        max_waiting: Number of captions that wait while it is unavailable; beyond, the oldest are dropped and counted.
        max_age_s: Captions older than this are dropped and counted (s).
        last_retry_s: Longest delay between attempts (s).
        connect_at_start: Whether to connect at once instead of with the first caption.
        takes_revisions: Whether the target also receives revisions; others cannot change a caption that they have.
    """

    name: str
    sources: tuple[str, ...]
    max_waiting: int
    max_age_s: float = math.inf
    last_retry_s: float = 5.0
    connect_at_start: bool = False
    takes_revisions: bool = False


class Delivery:
    """A ``CaptionOutput`` of two tasks: one queues captions and never waits for the target, the other sends them.

    Attributes:
        status: Counts and reports of the target.
    """

    def __init__(self, target: Target, policy: DeliveryPolicy, hub: Hub) -> None:
        """Starts idle; call ``run``.

        Args:
            target: Where captions are sent.
            policy: How they are delivered.
            hub: Where they are published.
        """
        self._target = target
        self._policy = policy
        self._hub = hub
        self._queue: deque[CaptionItem] = deque()
        self._in_flight: CaptionItem | None = None  # being sent, and no longer in the queue
        self._target_gone = False
        self._work_available = asyncio.Event()
        self._closing = asyncio.Event()
        self.status = TargetStatus(policy.name, hub, policy.last_retry_s, lambda: self._waiting)

    @property
    def _waiting(self) -> int:
        return len(self._queue) + (self._in_flight is not None)

    async def run(self) -> None:
        """Delivers until the hub has finished and the queue is empty, or a last attempt failed; never raises."""
        log.info("captions are sent to %s", self._policy.name)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._deliver())
                await self._receive()
        except Exception:  # a bug: drop this output, keep captioning
            log.exception("no more captions are sent to %s", self._policy.name)
            self.status.record_end("an error in the program")
        finally:
            if self._waiting:
                log.warning("%d captions did not reach %s", self._waiting, self._policy.name)
                self.status.dropped += self._waiting
            await self._target.close()

    async def _receive(self) -> None:
        async for message in subscribe_captions(self._hub, self._policy.sources):
            event = message.event
            if (isinstance(event, Final) and event.text) or (
                isinstance(event, Revised) and self._policy.takes_revisions
            ):
                sources = {source.name for source in self._hub.sources} | {message.event.source}  # which may have left
                self._queue.append(CaptionItem(message, message.label, len(sources) > 1, loop_time()))
                self._drop_excess()
                self._work_available.set()
        self._closing.set()
        self._work_available.set()

    def _drop_excess(self) -> None:
        """Drops the oldest captions that exceed the queue's bound, and those that are too old."""
        oldest = loop_time() - self._policy.max_age_s
        limit = 0 if self._target_gone else self._policy.max_waiting
        while len(self._queue) > limit or (self._queue and self._queue[0].published_at < oldest):
            self._queue.popleft()
            self.status.dropped += 1

    async def _deliver(self) -> None:
        while self._queue or not self._closing.is_set():
            try:
                await self._step()
            except TargetUnavailable as error:
                await self._target.close()
                delay_s = self.status.record_failure(error)
                if self._closing.is_set():
                    return  # that was the last attempt
                await self._wait_before_retry(delay_s)
            except TargetGone as error:
                self._target_gone = True
                self._drop_excess()
                self.status.record_end(str(error))
                return

    async def _step(self) -> None:
        """Connects if necessary, then sends one caption, or waits for work."""
        if not self._target.is_open and (self._queue or self._policy.connect_at_start):
            await self._target.open()
            if self._policy.connect_at_start:
                self.status.record_success()
        self._drop_excess()
        if self._queue:
            await self._send()
        elif not self._closing.is_set():
            await self._wait_for_work()

    async def _send(self) -> None:
        self._in_flight = item = self._queue.popleft()
        try:
            delivered = await self._target.send(item)
        except TargetUnavailable:
            self._queue.appendleft(item)
            self._in_flight = None
            raise
        except CaptionRejected as error:
            self.status.record_rejection(str(error))
        except TargetGone:
            self.status.dropped += 1
            self._in_flight = None
            raise
        else:
            self.status.record_success(int(delivered))
            self.status.dropped += not delivered
        self._in_flight = None

    async def _wait_for_work(self) -> None:
        """Waits until there is work, or the target closes the connection."""
        self._work_available.clear()
        closed = [self._target.wait_closed()] if self._target.is_open else []
        await first_completed(self._work_available.wait(), *closed)

    async def _wait_before_retry(self, delay_s: float) -> None:
        """Waits for the delay, or until the hub has finished."""
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._closing.wait()
