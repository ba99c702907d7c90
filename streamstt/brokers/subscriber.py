"""An edge's connection to its broker: it comes back by itself, and people are told when captions cannot come."""

import asyncio
import logging

from streamstt.brokers.base import BrokerReader
from streamstt.brokers.messages import BrokerError, ReceivedEntry, StreamMissing, parse_entries
from streamstt.brokers.publisher import FIRST_RETRY_S, HEARTBEAT_S, LAST_RETRY_S
from streamstt.brokers.replica import HubReplica
from streamstt.hub.counters import Counters
from streamstt.hub.hub import Hub

READ_WAIT_S = 2.0
HEARTBEAT_TIMEOUT_S = 3 * HEARTBEAT_S  # a daemon that gives no sign of life for so long is away
BROKER_LOST = "Captions are interrupted: this server has lost its connection to the broker. They go on by themselves."
DAEMON_SILENT = "Captions are interrupted: the daemon gives no sign of life. They go on by themselves."
NOT_CONNECTED_YET = "This server has not heard of the broker yet."
NO_DAEMON = "No daemon has sent captions to the broker yet."
DAEMON_STOPPED = "The daemon has stopped; captions go on when it is started again."

log = logging.getLogger(__name__)


class BrokerSubscriber:
    """Of one edge; ``run`` must be running.

    Attributes:
        failures: How often the broker could not be reached, or was lost.
    """

    def __init__(self, reader: BrokerReader, hub: Hub) -> None:
        """Connects nothing yet.

        Args:
            reader: Where captions come from.
            hub: Where they go, and where people are told that they do not come.
        """
        self._reader = reader
        self._hub = hub
        self._replica = HubReplica(hub)
        self._pending: list[ReceivedEntry] = []  # while it catches up: at most what the broker keeps
        self._gap = False
        self._retry_delay_s = FIRST_RETRY_S
        self._unreachable = False
        self._last_entry_at = 0.0
        self.failures = 0
        self._add_metrics(hub.counters)
        hub.notify("broker", NOT_CONNECTED_YET)

    def stall_reason(self, decode_s: float) -> str:
        """Nothing can be stuck here that a restart would mend."""
        del decode_s
        return ""

    async def run(self) -> None:
        """Reads until it is cancelled."""
        while True:
            try:
                await self._reader.connect()
                self._last_entry_at = _now()
                while True:
                    await self._read()
            except BrokerError as problem:
                self._on_failure(problem)
            finally:
                await self._reader.close()
            await asyncio.sleep(self._retry_delay_s)
            self._retry_delay_s = min(2 * self._retry_delay_s, LAST_RETRY_S)

    async def _read(self) -> None:
        batch = await self._reader.read(READ_WAIT_S)
        self._pending += parse_entries(batch.texts)
        self._gap |= batch.gap
        if batch.texts and not batch.is_backlog:
            self._last_entry_at = _now()
        if batch.more_waiting:
            return
        items, self._pending = self._pending, []
        gap, self._gap = self._gap, False
        self._replica.apply(items, gap=gap)
        self._on_success()
        self._report_daemon_state()

    def _report_daemon_state(self) -> None:
        silent = _now() - self._last_entry_at > HEARTBEAT_TIMEOUT_S
        text = DAEMON_SILENT if silent else ""
        if self._replica.online is not True:
            text = NO_DAEMON if self._replica.online is None else DAEMON_STOPPED
        self._hub.notify("daemon", text)

    def _on_failure(self, error: BrokerError) -> None:
        self.failures += 1
        if not self._unreachable:
            log.warning("no captions come from %s: %s; trying again", self._reader.name, error)
        self._unreachable = True
        self._hub.notify("broker", NO_DAEMON if isinstance(error, StreamMissing) else BROKER_LOST)

    def _on_success(self) -> None:
        self._retry_delay_s = FIRST_RETRY_S
        if self._unreachable:
            log.info("captions come from %s again", self._reader.name)
        self._unreachable = False
        self._hub.notify("broker", "")

    def _add_metrics(self, counters: Counters) -> None:
        counters.add_counter("broker_failures", "Failures to reach the broker.", lambda: self.failures)
        counters.add_gauge("broker_away", "1 while the broker cannot be reached.", lambda: self._unreachable)
        text = "Entries that had come already."
        counters.add_counter("broker_repeats", text, lambda: self._replica.duplicates)


def _now() -> float:
    return asyncio.get_running_loop().time()
