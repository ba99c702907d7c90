"""How a target stands: counts, when it is tried again, and what people are told of it, once."""

import logging
from collections.abc import Callable

from streamstt.concurrency import Backoff
from streamstt.hub.counters import Counters
from streamstt.hub.health import OUTPUT_TOPIC
from streamstt.hub.hub import Hub
from streamstt.outputs.base import TargetUnavailable

FIRST_RETRY_S = 0.25
REPORT_AFTER_FAILURES = 2  # failures in a row: one alone may be a connection that idled too long

log = logging.getLogger(__name__)


class TargetStatus:
    """Of one target.

    Attributes:
        delivered: Captions that it took.
        dropped: Captions that it never got: too old, too many, refused, or the daemon's end.
        failures: Attempts that failed.
        count_waiting: Asked how many captions wait, whenever somebody wants to know.
    """

    def __init__(self, name: str, hub: Hub, last_retry_s: float, count_waiting: Callable[[], int] = lambda: 0) -> None:
        """Nothing has happened yet.

        Args:
            name: ``obs``, ``zoom`` and so on: for logs, health and metrics.
            hub: Told when the target is away.
            last_retry_s: It is tried again at least so often.
            count_waiting: As above.
        """
        self.name = name
        self._hub = hub
        self._backoff = Backoff(FIRST_RETRY_S, last_retry_s)
        self.count_waiting = count_waiting
        self._failures_in_a_row = 0
        self._reported = ""
        self.delivered = self.dropped = self.failures = 0
        self._add_metrics(hub.counters)

    def record_success(self, captions: int = 0) -> None:
        """It took so many captions, or a connection."""
        self.delivered += captions
        self._end_failures()
        if self._reported:
            log.info("captions reach %s again", self.name)
            self._report("")

    def record_failure(self, error: TargetUnavailable) -> float:
        """It is away; returns after how many seconds to try again."""
        self.failures += 1
        self._failures_in_a_row += 1
        log.debug("%s is away: %s", self.name, error)
        if (error.report_now or self._failures_in_a_row >= REPORT_AFTER_FAILURES) and not self._reported:
            log.warning("captions do not reach %s: %s; trying again", self.name, error)
            self._report(f"Captions do not reach it: {error}. It is tried again.")
        return max(self._backoff.next_delay(), error.retry_after_s)

    def record_rejection(self, reason: str) -> None:
        """It did not want a caption, which is lost."""
        self.dropped += 1
        self._end_failures()
        if not self._reported:
            log.warning("%s refuses captions: %s", self.name, reason)
            self._report(f"It refuses captions: {reason}.")

    def record_end(self, reason: str) -> None:
        """It wants nothing any more."""
        log.error("%s takes no more captions until the next start: %s", self.name, reason)
        self._report(f"It takes no more captions until the next start: {reason}.")

    def _end_failures(self) -> None:
        self._failures_in_a_row = 0
        self._backoff.reset()

    def _report(self, text: str) -> None:
        """Tells monitors, not viewers: they have their captions."""
        self._reported = text
        self._hub.notify(OUTPUT_TOPIC, text, f"to {self.name}")

    def _add_metrics(self, counters: Counters) -> None:
        name = self.name
        counters.add_counter("outlet_delivered", "Captions that a target took.", lambda: self.delivered, target=name)
        counters.add_counter("outlet_dropped", "Captions that a target never got.", lambda: self.dropped, target=name)
        text = "Attempts that failed and were to be repeated."
        counters.add_counter("outlet_retries", text, lambda: self.failures, target=name)
        counters.add_gauge("outlet_waiting", "Captions that wait for a target.", self._count_waiting, target=name)
        text = "1 while a target does not take captions."
        counters.add_gauge("outlet_away", text, lambda: bool(self._reported), target=name)

    def _count_waiting(self) -> int:
        return self.count_waiting()  # which may be set later
