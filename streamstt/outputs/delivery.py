"""The way of final captions to a target that takes one after the other: in order, tried again, bounded."""

import asyncio
import logging
import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from streamstt.events import Final
from streamstt.hub.hub import Hub
from streamstt.outputs.base import Away, Over, Parcel, Refused, Target, published
from streamstt.outputs.target_status import Standing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What is due to a target.

    Attributes:
        name: For logs, health and metrics.
        sources: Whose captions go there; empty: everybody's.
        keep: Captions that wait while it is away: beyond, the oldest is dropped, and counted.
        max_age_s: An older caption is worth nothing there: it is dropped, and counted.
        last_retry_s: It is tried again at least so often.
        eager: It is connected to at once, not with the first caption.
    """

    name: str
    sources: tuple[str, ...]
    keep: int
    max_age_s: float = math.inf
    last_retry_s: float = 5.0
    eager: bool = False


class Delivery:
    """An ``Outlet``: two tasks, one that never waits for the target, and one that does nothing else."""

    def __init__(self, target: Target, terms: Terms, hub: Hub) -> None:
        """Sends nothing yet.

        Args:
            target: Where captions go.
            terms: What is due to it.
            hub: Where they come from.
        """
        self._target = target
        self._terms = terms
        self._hub = hub
        self._parcels: deque[Parcel] = deque()
        self._sent: Parcel | None = None  # on its way now, and no longer among those
        self._over = False
        self._work = asyncio.Event()
        self._closing = asyncio.Event()
        self.standing = Standing(terms.name, hub, terms.last_retry_s, lambda: self._waiting)

    @property
    def _waiting(self) -> int:
        return len(self._parcels) + (self._sent is not None)

    async def run(self) -> None:
        """Delivers until the hub has finished and all is delivered, or cannot be now; never raises."""
        log.info("captions go to %s", self._terms.name)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._deliver())
                await self._take()
        except Exception:  # a mistake of ours: captions are worth more than their copies
            log.exception("captions do not go to %s any more", self._terms.name)
            self.standing.end("a mistake in the program")
        finally:
            if self._waiting:
                log.warning("%d captions did not reach %s", self._waiting, self._terms.name)
                self.standing.dropped += self._waiting
            await self._target.close()

    async def _take(self) -> None:
        async for message in published(self._hub, self._terms.sources):
            if isinstance(message.event, Final) and message.event.text:
                labels = {source.name: source.label for source in self._hub.sources}
                label = labels.get(message.event.source, message.event.source)
                self._parcels.append(Parcel(message, label, len(labels) > 1, _now()))
                self._trim()
                self._work.set()
        self._closing.set()
        self._work.set()

    def _trim(self) -> None:
        """Drops what is too much, then what is too old."""
        oldest = _now() - self._terms.max_age_s
        most = 0 if self._over else self._terms.keep
        while len(self._parcels) > most or (self._parcels and self._parcels[0].taken_at < oldest):
            self._parcels.popleft()
            self.standing.dropped += 1

    async def _deliver(self) -> None:
        while self._parcels or not self._closing.is_set():
            try:
                await self._advance()
            except Away as problem:
                await self._target.close()
                pause_s = self.standing.fail(problem)
                if self._closing.is_set():
                    return  # that was the last attempt
                await self._pause(pause_s)
            except Over as end:
                self._over = True
                self._trim()
                self.standing.end(str(end))
                return

    async def _advance(self) -> None:
        """One step: a connection, a caption, or a rest."""
        if not self._target.is_open and (self._parcels or self._terms.eager):
            await self._target.open()
            if self._terms.eager:
                self.standing.succeed()
        self._trim()
        if self._parcels:
            await self._send()
        elif not self._closing.is_set():
            await self._rest()

    async def _send(self) -> None:
        self._sent = parcel = self._parcels.popleft()
        try:
            wanted = await self._target.send(parcel)
        except Away:
            self._parcels.appendleft(parcel)
            self._sent = None
            raise
        except Refused as problem:
            self.standing.refuse(str(problem))
        except Over:
            self.standing.dropped += 1
            self._sent = None
            raise
        else:
            self.standing.succeed(int(wanted))
            self.standing.dropped += not wanted
        self._sent = None

    async def _rest(self) -> None:
        """Until there is work, or the target is lost."""
        self._work.clear()
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self._work.wait())]
        if self._target.is_open:
            waits.append(asyncio.ensure_future(self._target.lost()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _pause(self, pause_s: float) -> None:
        """So long, or until it is time to close."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._closing.wait()


def _now() -> float:
    return asyncio.get_running_loop().time()
