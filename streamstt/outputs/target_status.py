"""How a target stands: counts, when it is tried again, and what people are told of it, once."""

import logging
import random
from collections.abc import Callable, Iterator

from streamstt.hub.counters import MetricSample
from streamstt.hub.health import OUTPUT_TOPIC
from streamstt.hub.hub import Hub
from streamstt.outputs.base import Away

FIRST_RETRY_S = 0.25
TELL_AFTER = 2  # failures in a row: one alone may be a connection that idled too long

log = logging.getLogger(__name__)


class Standing:
    """Of one target.

    Attributes:
        delivered: Captions that it took.
        dropped: Captions that it never got: too old, too many, refused, or the daemon's end.
        failures: Attempts that failed.
        waiting: Asked how many captions wait, whenever somebody wants to know.
    """

    def __init__(self, name: str, hub: Hub, last_retry_s: float, waiting: Callable[[], int] = lambda: 0) -> None:
        """Nothing has happened yet.

        Args:
            name: ``obs``, ``zoom`` and so on: for logs, health and metrics.
            hub: Told when the target is away.
            last_retry_s: It is tried again at least so often.
            waiting: As above.
        """
        self.name = name
        self._hub = hub
        self._last_retry_s = last_retry_s
        self.waiting = waiting
        self._in_a_row = 0
        self._told = ""
        self.delivered = self.dropped = self.failures = 0
        hub.counters.add_collector(self.readings)

    def succeed(self, captions: int = 0) -> None:
        """It took so many captions, or a connection."""
        self.delivered += captions
        self._in_a_row = 0
        if self._told:
            log.info("captions reach %s again", self.name)
            self._tell("")

    def fail(self, problem: Away) -> float:
        """It is away; returns after how many seconds to try again."""
        self.failures += 1
        self._in_a_row += 1
        log.debug("%s is away: %s", self.name, problem)
        if (problem.sure or self._in_a_row >= TELL_AFTER) and not self._told:
            log.warning("captions do not reach %s: %s; trying again", self.name, problem)
            self._tell(f"Captions do not reach it: {problem}. It is tried again.")
        pause_s = min(FIRST_RETRY_S * 2.0 ** min(self._in_a_row - 1, 16), self._last_retry_s)
        # So that many daemons do not come back at the same moment; nothing is to be kept secret here.
        return max(pause_s * random.uniform(0.75, 1.0), problem.after_s)  # noqa: S311

    def refuse(self, why: str) -> None:
        """It did not want a caption, which is lost."""
        self.dropped += 1
        self._in_a_row = 0
        if not self._told:
            log.warning("%s refuses captions: %s", self.name, why)
            self._tell(f"It refuses captions: {why}.")

    def end(self, why: str) -> None:
        """It wants nothing any more."""
        log.error("%s takes no more captions until the next start: %s", self.name, why)
        self._tell(f"It takes no more captions until the next start: {why}.")

    def _tell(self, text: str) -> None:
        """Tells monitors, not viewers: they have their captions."""
        self._told = text
        self._hub.notify(OUTPUT_TOPIC, text, f"to {self.name}")

    def readings(self) -> Iterator[MetricSample]:
        """For monitors."""
        of = (("target", self.name),)
        yield MetricSample("outlet_delivered", "Captions that a target took.", self.delivered, of, is_counter=True)
        yield MetricSample("outlet_dropped", "Captions that a target never got.", self.dropped, of, is_counter=True)
        yield MetricSample(
            "outlet_retries", "Attempts that failed and were to be repeated.", self.failures, of, is_counter=True
        )
        yield MetricSample("outlet_waiting", "Captions that wait for a target.", self.waiting(), of)
        yield MetricSample("outlet_away", "1 while a target does not take captions.", bool(self._told), of)
