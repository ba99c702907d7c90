"""The way of captions to a broker: a subscriber of the hub that resumes as any viewer does.

Nothing waits here while the broker is away: the hub's own history is what is kept, and on the way back the broker is
asked for the last that it has. What follows that is sent, in order. So nothing is sent twice that has arrived, even
if the answer to it was lost, and nothing is lost that the hub remembers (``server.history`` finals; with transcripts,
also across a restart of the daemon).
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from streamstt.brokers.base import BrokerWriter
from streamstt.brokers.messages import BrokerError, Heartbeat, Position, Snapshot, make_entry
from streamstt.hub.counters import Counters
from streamstt.hub.health import OUTPUT_TOPIC
from streamstt.hub.history import Resume
from streamstt.hub.hub import STOPPING, Hub
from streamstt.hub.protocol import Message
from streamstt.hub.subscription import Subscription

HEARTBEAT_S = 5.0  # silence is broken by a sign of life so often; an edge misses three before it says so
FIRST_RETRY_S, LAST_RETRY_S = 0.25, 2.0  # shorter than a stopping daemon waits for its outlets
SNAPSHOT_INTERVAL_S = 3600.0  # the snapshot is written again so often, for the broker forgets what is old

log = logging.getLogger(__name__)


class BrokerPublisher:
    """An outlet: keeps a bus as far as the hub is."""

    def __init__(self, kind: str, writer: BrokerWriter, hub: Hub) -> None:
        """Connects nothing yet.

        Args:
            kind: ``redis``, for logs and metrics.
            writer: Where captions go.
            hub: Where they come from, and where health is told that they do not arrive.
        """
        self._kind = kind
        self._writer = writer
        self._hub = hub
        self._sent_position = Position("", 0)
        self._snapshot_state: object = None  # those of the last snapshot
        self._since_snapshot = 0
        self._next_snapshot_at = 0.0
        self._retry_delay_s = FIRST_RETRY_S
        self._unreachable = False
        self.delivered = self.failures = 0
        self._add_metrics(hub.counters)

    async def run(self) -> None:
        """Delivers until the hub has finished and all has arrived; never raises."""
        while True:
            try:
                await self._writer.connect()
                if await self._deliver():
                    return
            except BrokerError as problem:
                self._on_failure(problem)
                await asyncio.sleep(self._retry_delay_s)
                self._retry_delay_s = min(2 * self._retry_delay_s, LAST_RETRY_S)
            except Exception as mistake:  # of ours, or of the client library: captions are worth more than their copies
                log.exception("captions to %s end for now", self._writer.name)
                self._on_failure(BrokerError(f"{type(mistake).__name__}: {mistake}"))
                await asyncio.sleep(LAST_RETRY_S)
            finally:
                await self._writer.close()

    async def _deliver(self) -> bool:
        """Brings the bus up to date and keeps it so; True: the hub has finished, and all has arrived."""
        session = self._hub.daemon_info.session
        last = await self._writer.last_position()
        since = last.seq if last and last.session == session else 0
        self._sent_position, self._snapshot_state = Position(session, since), None
        with self._hub.subscribe(Resume(since), counted=False) as outbox:
            await self._send_missed(await outbox.get_all())
            self._on_success()
            while (batch := await self._next_batch(outbox)) is not None:
                await self._send_messages([m.data for m in batch if isinstance(m, Message)])
            if outbox.close_reason is not STOPPING:
                return False  # it fell behind, and resumes
        await self._writer.send([Heartbeat(self._sent_position, online=False).to_entry()])
        return True

    async def _send_missed(self, waiting: Sequence[Message | str]) -> None:
        """Sends what was missed: finals from the greeting, and how each source is now."""
        hello = json.loads(next(m for m in waiting if isinstance(m, str)))
        present = [m.data for m in waiting if isinstance(m, Message)]
        missed = sorted([*hello["history"], *present], key=lambda data: int(data["seq"]))
        if hello.get("gap_in_history"):
            first = hello["history"][0]["seq"] if hello["history"] else hello["seq"] + 1
            await self._send_snapshot(forgotten=first - 1)
        await self._send_messages([data for data in missed if data["seq"] > self._sent_position.seq])

    async def _next_batch(self, subscription: Subscription) -> Sequence[Message | str] | None:
        """What waits, or nothing for a pulse; None at the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_S):
                return await subscription.get_all() or None
        return []

    async def _send_messages(self, messages: Sequence[Any]) -> None:
        if (
            self._snapshot_state != self._current_state()
            or self._since_snapshot > self._writer.max_entries // 4
            or _now() > self._next_snapshot_at
        ):
            await self._send_snapshot()
        entries = [make_entry(data, self._sent_position.session) for data in messages]
        await self._writer.send(entries or [Heartbeat(self._sent_position, online=True).to_entry()])
        self.delivered += sum(entry.kind == "final" for entry in entries)
        self._since_snapshot += sum(entry.is_kept for entry in entries)
        if entries:
            self._sent_position = max((entry.position for entry in entries), key=lambda place: place.seq)

    async def _send_snapshot(self, forgotten: int = 0) -> None:
        """Sends a snapshot."""
        hub = self._hub
        snapshot = Snapshot(
            hub.daemon_info, tuple(hub.sources), self._sent_position.seq, tuple(hub.statuses), forgotten
        )
        await self._writer.send([snapshot.to_entry()])
        self._snapshot_state, self._since_snapshot, self._next_snapshot_at = (
            self._current_state(),
            0,
            _now() + SNAPSHOT_INTERVAL_S,
        )

    def _current_state(self) -> object:
        return self._hub.daemon_info, self._hub.sources

    def _on_failure(self, error: BrokerError) -> None:
        self.failures += 1
        if not self._unreachable:
            log.warning("captions do not reach %s: %s; trying again", self._writer.name, error)
        self._unreachable = True
        text = f"Captions do not reach {self._writer.name} ({error}); they are sent when it is back."
        self._hub.notify(OUTPUT_TOPIC, text, f"to {self._kind}")  # of no source: viewers have their captions

    def _on_success(self) -> None:
        if self._unreachable:
            log.info("captions reach %s again", self._writer.name)
        else:
            log.info("captions go to %s", self._writer.name)
        self._unreachable, self._retry_delay_s = False, FIRST_RETRY_S
        self._hub.notify(OUTPUT_TOPIC, "", f"to {self._kind}")

    def _add_metrics(self, counters: Counters) -> None:
        kind = self._kind
        counters.add_counter("bus_finals", "Finals that have reached the broker.", lambda: self.delivered, bus=kind)
        counters.add_counter("bus_failures", "Failures to reach the broker.", lambda: self.failures, bus=kind)
        text = "1 while the broker cannot be reached."
        counters.add_gauge("bus_away", text, lambda: self._unreachable, bus=kind)


def _now() -> float:
    return asyncio.get_running_loop().time()
