"""An edge's connection to its broker: it comes back by itself, and people are told when captions cannot come."""

import asyncio
import logging
from collections.abc import Iterator

from streamstt.brokers.base import Feed
from streamstt.brokers.messages import BusError, Item, NothingYet, read_all
from streamstt.brokers.publisher import FIRST_RETRY_S, LAST_RETRY_S, PULSE_S
from streamstt.brokers.replica import Relay
from streamstt.hub.counters import MetricSample
from streamstt.hub.hub import Hub

WAIT_S = 2.0
SILENT_S = 3 * PULSE_S  # a daemon that gives no sign of life for so long is away
AWAY = "Captions are interrupted: this server has lost its connection to the broker. They go on by themselves."
SILENT = "Captions are interrupted: the daemon gives no sign of life. They go on by themselves."
NOT_YET = "This server has not heard of the broker yet."
NOBODY = "No daemon has sent captions to the broker yet."
STOPPED = "The daemon has stopped; captions go on when it is started again."

log = logging.getLogger(__name__)


class Receiver:
    """Of one edge; ``run`` must be running.

    Attributes:
        failures: How often the broker could not be reached, or was lost.
    """

    def __init__(self, feed: Feed, hub: Hub) -> None:
        """Connects nothing yet.

        Args:
            feed: Where captions come from.
            hub: Where they go, and where people are told that they do not come.
        """
        self._feed = feed
        self._hub = hub
        self._relay = Relay(hub)
        self._waiting: list[Item] = []  # while it catches up: at most what the broker keeps
        self._gap = False
        self._pause_s = FIRST_RETRY_S
        self._away = False
        self._heard_at = 0.0
        self.failures = 0
        hub.counters.add_collector(self._readings)
        hub.notify("broker", NOT_YET)

    def stall_reason(self, decode_s: float) -> str:
        """Nothing can be stuck here that a restart would mend."""
        del decode_s
        return ""

    async def run(self) -> None:
        """Reads until it is cancelled."""
        while True:
            try:
                await self._feed.connect()
                self._heard_at = _now()
                while True:
                    await self._read()
            except BusError as problem:
                self._fail(problem)
            finally:
                await self._feed.close()
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LAST_RETRY_S)

    async def _read(self) -> None:
        batch = await self._feed.read(WAIT_S)
        self._waiting += read_all(batch.texts)
        self._gap |= batch.gap
        if batch.texts and not batch.old:
            self._heard_at = _now()
        if batch.more:
            return
        items, self._waiting = self._waiting, []
        gap, self._gap = self._gap, False
        self._relay.take(items, gap=gap)
        self._succeed()
        self._tell_of_daemon()

    def _tell_of_daemon(self) -> None:
        silent = _now() - self._heard_at > SILENT_S
        text = SILENT if silent else ""
        if self._relay.online is not True:
            text = NOBODY if self._relay.online is None else STOPPED
        self._hub.notify("daemon", text)

    def _fail(self, problem: BusError) -> None:
        self.failures += 1
        if not self._away:
            log.warning("no captions come from %s: %s; trying again", self._feed.name, problem)
        self._away = True
        self._hub.notify("broker", NOBODY if isinstance(problem, NothingYet) else AWAY)

    def _succeed(self) -> None:
        self._pause_s = FIRST_RETRY_S
        if self._away:
            log.info("captions come from %s again", self._feed.name)
        self._away = False
        self._hub.notify("broker", "")

    def _readings(self) -> Iterator[MetricSample]:
        yield MetricSample("broker_failures", "Failures to reach the broker.", self.failures, is_counter=True)
        yield MetricSample("broker_away", "1 while the broker cannot be reached.", self._away)
        yield MetricSample("broker_repeats", "Entries that had come already.", self._relay.repeated, is_counter=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
