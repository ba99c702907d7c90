"""Publishes captions to a broker: a subscriber of the hub that resumes as any viewer does.

Nothing is queued here while the broker is unreachable; the hub's history is the queue. After reconnecting, the
publisher asks the broker for its last entry, and sends those that follow, in order. So an entry that has arrived is not
sent again, even if its confirmation was lost, and no entry is lost while the hub remembers it (``server.history``
finals; with transcripts also across a restart of the daemon).
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from streamstt.brokers.base import BrokerWriter
from streamstt.brokers.messages import BrokerError, Heartbeat, Position, Snapshot, make_entry
from streamstt.clock import loop_time
from streamstt.concurrency import Backoff
from streamstt.hub.counters import Counters
from streamstt.hub.health import OUTPUT_TOPIC
from streamstt.hub.history import Resume
from streamstt.hub.hub import STOPPING, Hub
from streamstt.hub.protocol import Message
from streamstt.hub.revisions import conceal
from streamstt.hub.subscription import Subscription

HEARTBEAT_S = 2.0  # interval of heartbeats while nothing is published
FIRST_RETRY_S, LAST_RETRY_S = 0.25, 2.0  # shorter than a stopping daemon waits for its outputs
SNAPSHOT_INTERVAL_S = 3600.0  # how often the snapshot is written again, as the broker deletes old entries

log = logging.getLogger(__name__)


class BrokerPublisher:
    """A ``CaptionOutput`` that keeps a broker's stream up to date with the hub.

    Attributes:
        delivered: Number of finals that the broker has confirmed.
        failures: Number of failed connections and lost ones.
    """

    def __init__(self, kind: str, writer: BrokerWriter, hub: Hub) -> None:
        """Starts disconnected; call ``run``.

        Args:
            kind: Kind of broker, such as ``redis``, for notices and metrics.
            writer: The broker to write to.
            hub: Where captions are published, and where failures are reported.
        """
        self._kind = kind
        self._writer = writer
        self._hub = hub
        self._sent_position = Position("", 0)
        self._snapshot_state: object = None  # daemon and sources of the last snapshot
        self._since_snapshot = 0  # kept entries since the last snapshot
        self._next_snapshot_at = 0.0
        self._backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        self._unreachable = False
        self.delivered = self.failures = 0
        self._add_metrics(hub.counters)

    async def run(self) -> None:
        """Publishes until the hub has finished and all entries have arrived; never raises."""
        while True:
            try:
                await self._writer.connect()
                if await self._deliver():
                    return
            except BrokerError as error:
                self._on_failure(error)
                await asyncio.sleep(self._backoff.next_delay())
            except Exception as error:  # a bug, here or in the client library: it must not end the captions of viewers
                log.exception("unexpected error while sending captions to %s; trying again", self._writer.name)
                self._on_failure(BrokerError(f"{type(error).__name__}: {error}"))
                await asyncio.sleep(LAST_RETRY_S)
            finally:
                await self._writer.close()

    async def _deliver(self) -> bool:
        """Brings the broker up to date and keeps it so.

        Returns:
            True if the hub has finished and all entries have arrived; False if this subscriber fell behind, and has to
            resume.
        """
        session = self._hub.daemon_info.session
        last = await self._writer.last_position()
        since = last.seq if last and last.session == session else 0
        self._sent_position, self._snapshot_state = Position(session, since), None
        with self._hub.subscribe(Resume(since), counted=False) as subscription:
            missed = self._hub.published_since(since)
            await self._send_missed(await subscription.get_all(), missed)
            self._on_success()
            while (batch := await self._next_batch(subscription)) is not None:
                await self._send_messages([conceal(m).data for m in batch if isinstance(m, Message)])
            if subscription.close_reason is not STOPPING:
                return False
        await self._writer.send([Heartbeat(self._sent_position, online=False).to_entry()])
        return True

    async def _send_missed(self, waiting: Sequence[Message | str], missed: Sequence[Message]) -> None:
        """Sends what was missed: finals, revisions, and the present status of each source.

        Args:
            waiting: What waits in the subscription.
            missed: The finals and revisions.
        """
        hello = json.loads(next(m for m in waiting if isinstance(m, str)))
        present = [m for m in waiting if isinstance(m, Message)]
        if hello.get("gap_in_history"):
            first = missed[0].seq if missed else hello["seq"] + 1
            await self._send_snapshot(forgotten=first - 1)
        ordered = sorted([*missed, *present], key=lambda message: message.seq)
        await self._send_messages([conceal(m).data for m in ordered if m.seq > self._sent_position.seq])

    async def _next_batch(self, subscription: Subscription) -> Sequence[Message | str] | None:
        """Returns the waiting messages: an empty list when a heartbeat is due, None at the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_S):
                return await subscription.get_all() or None
        return []

    async def _send_messages(self, messages: Sequence[Any]) -> None:
        if (
            self._snapshot_state != self._current_state()
            or self._since_snapshot > self._writer.max_entries // 4
            or loop_time() > self._next_snapshot_at
        ):
            await self._send_snapshot()
        entries = [make_entry(data, self._sent_position.session) for data in messages]
        await self._writer.send(entries or [Heartbeat(self._sent_position, online=True).to_entry()])
        self.delivered += sum(entry.kind == "final" for entry in entries)
        self._since_snapshot += sum(entry.is_kept for entry in entries)
        if entries:
            self._sent_position = max((entry.position for entry in entries), key=lambda position: position.seq)

    async def _send_snapshot(self, forgotten: int = 0) -> None:
        hub = self._hub
        snapshot = Snapshot(
            hub.daemon_info, tuple(hub.sources), self._sent_position.seq, tuple(hub.statuses), forgotten
        )
        await self._writer.send([snapshot.to_entry()])
        self._snapshot_state, self._since_snapshot = self._current_state(), 0
        self._next_snapshot_at = loop_time() + SNAPSHOT_INTERVAL_S

    def _current_state(self) -> object:
        return self._hub.daemon_info, self._hub.sources

    def _on_failure(self, error: BrokerError) -> None:
        self.failures += 1
        if not self._unreachable:
            log.warning("captions do not reach %s: %s; trying again", self._writer.name, error)
        self._unreachable = True
        text = f"Captions do not reach {self._writer.name} ({error}); they are sent when it is back."
        self._hub.notify(OUTPUT_TOPIC, text, f"to {self._kind}")  # no source has this name: only health shows it

    def _on_success(self) -> None:
        if self._unreachable:
            log.info("captions reach %s again", self._writer.name)
        else:
            log.info("captions are sent to %s", self._writer.name)
        self._unreachable = False
        self._backoff.reset()
        self._hub.notify(OUTPUT_TOPIC, "", f"to {self._kind}")

    def _add_metrics(self, counters: Counters) -> None:
        kind = self._kind
        counters.add_counter("bus_finals", "Finals that the broker confirmed.", lambda: self.delivered, bus=kind)
        counters.add_counter("bus_failures", "Failures to reach the broker.", lambda: self.failures, bus=kind)
        text = "1 while the broker cannot be reached."
        counters.add_gauge("bus_away", text, lambda: self._unreachable, bus=kind)
