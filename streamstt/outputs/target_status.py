"""Status of a target: counts, the delay of retries, and reports to operators."""

import logging
from collections.abc import Callable

from streamstt.concurrency import Backoff
from streamstt.hub.counters import Counters
from streamstt.hub.health import OUTPUT_TOPIC
from streamstt.hub.hub import Hub
from streamstt.outputs.base import TargetUnavailable

FIRST_RETRY_S = 0.25
REPORT_AFTER_FAILURES = 2  # in a row: a single failure may be a stale keep-alive connection

log = logging.getLogger(__name__)


class TargetStatus:
    """Counts what became of a target's captions, and reports once when they do not reach it.

    Attributes:
        name: Name of the target, for logs, health and metrics.
        delivered: Number of captions that were delivered.
        dropped: Number of captions that were not: too old, too many, refused, or left when the daemon stopped.
        failures: Number of attempts that failed.
        count_waiting: Returns the number of captions that wait.
    """

    def __init__(self, name: str, hub: Hub, last_retry_s: float, count_waiting: Callable[[], int] = lambda: 0) -> None:
        """Starts without failures.

        Args:
            name: Name of the target, such as ``obs`` or ``zoom``.
            hub: Where reports are published.
            last_retry_s: Longest delay between attempts, in seconds.
            count_waiting: Returns the number of captions that wait, for metrics.
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
        """Records a connection (0 captions) or delivered captions; ends a report."""
        self.delivered += captions
        self._end_failures()
        if self._reported:
            log.info("captions reach %s again", self.name)
            self._report("")

    def record_failure(self, error: TargetUnavailable) -> float:
        """Records a failed attempt, and reports it if it is not the first; returns the delay before the next (s)."""
        self.failures += 1
        self._failures_in_a_row += 1
        log.debug("%s is unavailable: %s", self.name, error)
        if (error.report_now or self._failures_in_a_row >= REPORT_AFTER_FAILURES) and not self._reported:
            log.warning("captions do not reach %s: %s; trying again", self.name, error)
            self._report(f"Captions do not reach it: {error}. Attempts continue.")
        return max(self._backoff.next_delay(), error.retry_after_s)

    def record_rejection(self, reason: str) -> None:
        """Records that the target refused a caption, which is dropped, and reports it."""
        self.dropped += 1
        self._end_failures()
        if not self._reported:
            log.warning("%s refuses captions: %s", self.name, reason)
            self._report(f"It refuses captions: {reason}.")

    def record_end(self, reason: str) -> None:
        """Records that the target takes no more captions, and reports it."""
        log.error("%s takes no more captions until the next start: %s", self.name, reason)
        self._report(f"It takes no more captions until the next start: {reason}.")

    def _end_failures(self) -> None:
        self._failures_in_a_row = 0
        self._backoff.reset()

    def _report(self, text: str) -> None:
        """Reports in health, not to viewers, whose captions are not affected; "" ends the report."""
        self._reported = text
        self._hub.notify(OUTPUT_TOPIC, text, f"to {self.name}")

    def _add_metrics(self, counters: Counters) -> None:
        name = self.name
        counters.add_counter("outlet_delivered", "Captions delivered.", lambda: self.delivered, target=name)
        counters.add_counter("outlet_dropped", "Captions never delivered.", lambda: self.dropped, target=name)
        counters.add_counter("outlet_retries", "Failed attempts.", lambda: self.failures, target=name)
        counters.add_gauge("outlet_waiting", "Captions that wait for a target.", self._count_waiting, target=name)
        text = "1 while a target does not take captions."
        counters.add_gauge("outlet_away", text, lambda: bool(self._reported), target=name)

    def _count_waiting(self) -> int:
        return self.count_waiting()  # which may be set later
