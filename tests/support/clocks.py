"""Clocks that a test moves."""

from streamstt.clock import Clock

NOON = 1_795_608_000.0  # 2026-11-25T12:00:00Z


class Clocks:
    """The clocks of a machine: wall time, which can be set, and elapsed time, which only goes on."""

    def __init__(self, wall: float = NOON) -> None:
        self.wall = wall
        self.elapsed = 5000.0
        self.session_clock = self.restart()

    def restart(self, steady_start: float | None = None) -> Clock:
        """Returns the clock of a new run of the daemon."""
        return Clock(steady_start, lambda: self.wall, lambda: self.elapsed)

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.wall += seconds
        self.elapsed += seconds

    def set(self, seconds: float) -> None:
        """Somebody sets the wall clock, by so much."""
        self.wall += seconds
