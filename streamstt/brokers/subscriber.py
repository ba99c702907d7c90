"""An edge's connection to its broker: reads captions, reconnects, and reports when none can arrive."""

import asyncio
import logging

from streamstt.brokers.base import BrokerReader
from streamstt.brokers.messages import BrokerError, ReceivedEntry, StreamMissing, parse_entries
from streamstt.brokers.publisher import FIRST_RETRY_S, LAST_RETRY_S
from streamstt.brokers.replica import HubReplica
from streamstt.clock import loop_time
from streamstt.concurrency import Backoff
from streamstt.hub.counters import Counters
from streamstt.hub.hub import Hub

READ_WAIT_S = 2.0
# A daemon without a heartbeat for longer is reported. It sends one every two seconds, or five in earlier versions.
HEARTBEAT_TIMEOUT_S = 7.0
BROKER_LOST = "Captions are interrupted: this server has lost its connection to the broker. It reconnects by itself."
DAEMON_SILENT = "Captions are interrupted: the daemon does not respond. They continue when it is back."
NOT_CONNECTED_YET = "This server is not connected to the broker yet."
NO_DAEMON = "No daemon has sent captions to the broker yet."
DAEMON_STOPPED = "The daemon has stopped; captions continue when it is started again."

log = logging.getLogger(__name__)


class BrokerSubscriber:
    """Feeds an edge's hub from a broker; ``run`` must be running.

    Attributes:
        failures: Number of failed connections and lost ones.
    """

    def __init__(self, reader: BrokerReader, hub: Hub) -> None:
        """Starts disconnected; call ``run``.

        Args:
            reader: The broker to read from.
            hub: The edge's hub, which is filled, and where failures are reported.
        """
        self._reader = reader
        self._hub = hub
        self._replica = HubReplica(hub)
        self._pending: list[ReceivedEntry] = []  # entries read while catching up; at most as many as the broker keeps
        self._gap = False
        self._backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        self._unreachable = False
        self._last_entry_at = 0.0
        self.failures = 0
        self._add_metrics(hub.counters)
        hub.notify("broker", NOT_CONNECTED_YET)

    def stall_reason(self, decode_s: float) -> str:
        """Returns "": nothing can be stuck here that a restart would cure (see ``Watchdog``)."""
        del decode_s
        return ""

    async def run(self) -> None:
        """Reads until it is cancelled."""
        while True:
            try:
                await self._reader.connect()
                self._last_entry_at = loop_time()
                while True:
                    await self._read()
            except BrokerError as error:
                self._on_failure(error)
            finally:
                await self._reader.close()
            await asyncio.sleep(self._backoff.next_delay())

    async def _read(self) -> None:
        batch = await self._reader.read(READ_WAIT_S)
        self._pending += parse_entries(batch.texts)
        self._gap |= batch.gap
        if batch.texts and not batch.is_backlog:
            self._last_entry_at = loop_time()
        if batch.more_waiting:
            return
        items, self._pending = self._pending, []
        gap, self._gap = self._gap, False
        self._replica.apply(items, gap=gap)
        self._on_success()
        self._report_daemon_state()

    def _report_daemon_state(self) -> None:
        silent = loop_time() - self._last_entry_at > HEARTBEAT_TIMEOUT_S
        text = DAEMON_SILENT if silent else ""
        if self._replica.online is not True:
            text = NO_DAEMON if self._replica.online is None else DAEMON_STOPPED
        self._hub.notify("daemon", text)

    def _on_failure(self, error: BrokerError) -> None:
        self.failures += 1
        if not self._unreachable:
            log.warning("no captions can be received from %s: %s; trying again", self._reader.name, error)
        self._unreachable = True
        self._hub.notify("broker", NO_DAEMON if isinstance(error, StreamMissing) else BROKER_LOST)

    def _on_success(self) -> None:
        self._backoff.reset()
        if self._unreachable:
            log.info("captions are received from %s again", self._reader.name)
        self._unreachable = False
        self._hub.notify("broker", "")

    def _add_metrics(self, counters: Counters) -> None:
        counters.add_counter("broker_failures", "Failures to reach the broker.", lambda: self.failures)
        counters.add_gauge("broker_away", "1 while the broker cannot be reached.", lambda: self._unreachable)
        text = "Entries that had been received before."
        counters.add_counter("broker_repeats", text, lambda: self._replica.duplicates)
