"""The clocks in use: wall time, which may be set at any moment, and clocks that only ever go forward."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

# Linux: CLOCK_MONOTONIC stands still while the machine sleeps. Elsewhere it does not, or there is no other.
ELAPSED_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def utc_timestamp() -> str:
    """Returns the wall time in UTC, ISO 8601, to the millisecond."""
    return format_utc(time.time())


def format_utc(wall: float) -> str:
    """Formats wall time (s since 1970) in UTC, ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")


def loop_time() -> float:
    """Returns the running event loop's monotonic time, in seconds."""
    return asyncio.get_running_loop().time()


def elapsed_time() -> float:
    """Returns a time that is never set, in seconds; it goes on while the machine sleeps."""
    return time.clock_gettime(ELAPSED_CLOCK)


def slept_time() -> float:
    """Returns for how long the machine has slept, in seconds, from some moment on; only differences have a meaning."""
    return elapsed_time() - time.monotonic()


@dataclass(frozen=True, slots=True)
class Timestamp:
    """When something happened.

    Attributes:
        wall: Wall time, in seconds since 1970, by the clock as it is set now.
        steady: The same by a clock that is not set while the daemon runs: for order, and for differences.
    """

    wall: float
    steady: float

    @property
    def at(self) -> str:
        """The wall time in UTC, ISO 8601, to the millisecond."""
        return format_utc(self.wall)


class Clock:
    """Tells when something happened, by two clocks: by the wall clock, and by one that is never set.

    Attributes:
        elapsed_time: Returns the elapsed time, in seconds.
    """

    def __init__(
        self,
        steady_start: float | None = None,
        wall: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = elapsed_time,
    ) -> None:
        """Starts the steady clock.

        Args:
            steady_start: What it shows now (s): where an earlier run ended; None: the wall time.
            wall: Returns the wall time, in seconds since 1970.
            elapsed: Returns the elapsed time, in seconds.
        """
        self._wall = wall
        self.elapsed_time = elapsed
        self._steady_zero = (wall() if steady_start is None else steady_start) - elapsed()

    def now(self) -> Timestamp:
        """Returns the present time."""
        return self.timestamp(self.elapsed_time())

    def timestamp(self, elapsed: float) -> Timestamp:
        """Returns the timestamp of an elapsed time (s); its wall time is by the clock as it is set now."""
        return Timestamp(self._wall() - self.elapsed_time() + elapsed, self._steady_zero + elapsed)
