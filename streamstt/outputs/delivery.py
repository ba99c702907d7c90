"""The way of final captions to a target that takes one after the other: in order, tried again, bounded."""

import asyncio
import logging
import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from streamstt.clock import loop_time
from streamstt.concurrency import first_completed
from streamstt.events import Final
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
    """What is due to a target.

    Attributes:
        name: For logs, health and metrics.
        sources: Whose captions go there; empty: everybody's.
        max_waiting: Captions that wait while it is away: beyond, the oldest is dropped, and counted.
        max_age_s: An older caption is worth nothing there: it is dropped, and counted.
        last_retry_s: It is tried again at least so often.
        connect_at_start: It is connected to at once, not with the first caption.
    """

    name: str
    sources: tuple[str, ...]
    max_waiting: int
    max_age_s: float = math.inf
    last_retry_s: float = 5.0
    connect_at_start: bool = False


class Delivery:
    """An ``Outlet``: two tasks, one that never waits for the target, and one that does nothing else."""

    def __init__(self, target: Target, policy: DeliveryPolicy, hub: Hub) -> None:
        """Sends nothing yet.

        Args:
            target: Where captions go.
            policy: What is due to it.
            hub: Where they come from.
        """
        self._target = target
        self._policy = policy
        self._hub = hub
        self._queue: deque[CaptionItem] = deque()
        self._in_flight: CaptionItem | None = None  # on its way now, and no longer among those
        self._target_gone = False
        self._work_available = asyncio.Event()
        self._closing = asyncio.Event()
        self.status = TargetStatus(policy.name, hub, policy.last_retry_s, lambda: self._waiting)

    @property
    def _waiting(self) -> int:
        return len(self._queue) + (self._in_flight is not None)

    async def run(self) -> None:
        """Delivers until the hub has finished and all is delivered, or cannot be now; never raises."""
        log.info("captions go to %s", self._policy.name)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._deliver())
                await self._receive()
        except Exception:  # a mistake of ours: captions are worth more than their copies
            log.exception("captions do not go to %s any more", self._policy.name)
            self.status.record_end("a mistake in the program")
        finally:
            if self._waiting:
                log.warning("%d captions did not reach %s", self._waiting, self._policy.name)
                self.status.dropped += self._waiting
            await self._target.close()

    async def _receive(self) -> None:
        async for message in subscribe_captions(self._hub, self._policy.sources):
            if isinstance(message.event, Final) and message.event.text:
                labels = {source.name: source.label for source in self._hub.sources}
                label = labels.get(message.event.source, message.event.source)
                self._queue.append(CaptionItem(message, label, len(labels) > 1, loop_time()))
                self._drop_excess()
                self._work_available.set()
        self._closing.set()
        self._work_available.set()

    def _drop_excess(self) -> None:
        """Drops what is too much, then what is too old."""
        oldest = loop_time() - self._policy.max_age_s
        most = 0 if self._target_gone else self._policy.max_waiting
        while len(self._queue) > most or (self._queue and self._queue[0].published_at < oldest):
            self._queue.popleft()
            self.status.dropped += 1

    async def _deliver(self) -> None:
        while self._queue or not self._closing.is_set():
            try:
                await self._step()
            except TargetUnavailable as problem:
                await self._target.close()
                pause_s = self.status.record_failure(problem)
                if self._closing.is_set():
                    return  # that was the last attempt
                await self._wait_before_retry(pause_s)
            except TargetGone as end:
                self._target_gone = True
                self._drop_excess()
                self.status.record_end(str(end))
                return

    async def _step(self) -> None:
        """One step: a connection, a caption, or a rest."""
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
        self._in_flight = parcel = self._queue.popleft()
        try:
            wanted = await self._target.send(parcel)
        except TargetUnavailable:
            self._queue.appendleft(parcel)
            self._in_flight = None
            raise
        except CaptionRejected as problem:
            self.status.record_rejection(str(problem))
        except TargetGone:
            self.status.dropped += 1
            self._in_flight = None
            raise
        else:
            self.status.record_success(int(wanted))
            self.status.dropped += not wanted
        self._in_flight = None

    async def _wait_for_work(self) -> None:
        """Until there is work, or the target is lost."""
        self._work_available.clear()
        lost = [self._target.wait_closed()] if self._target.is_open else []
        await first_completed(self._work_available.wait(), *lost)

    async def _wait_before_retry(self, pause_s: float) -> None:
        """So long, or until it is time to close."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._closing.wait()
