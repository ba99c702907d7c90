"""How long updates take now, and how often they can therefore be made. Pure: the caller passes the time.

Jobs are pulled when the engine is free, so updates become rarer by themselves when they take longer than the interval
of the settings. Making them rarer still, to leave the engine free for the ends of sentences, makes captions later: a
sentence of which less is known takes longer to be final.
"""

import statistics
from collections import deque

WINDOW_S = 60.0  # over which the usual time of an update is told
RECENT = 7  # updates whose median tells the interval: one slow update changes nothing
ACTIVE_S = 5.0  # a source whose last update is longer ago is silent
MAX_UPDATES = 1000  # kept at most; a minute has fewer, unless a recording is read faster than it was spoken


class Pace:
    """Keeps the times of the last minute's updates. Finals are not counted: their length varies more."""

    def __init__(self) -> None:
        """Starts without updates."""
        self._updates: deque[tuple[float, str, float]] = deque(maxlen=MAX_UPDATES)

    def add(self, now: float, source: str, update_s: float) -> None:
        """Adds an update.

        Args:
            now: When it was done (s).
            source: Name of its source.
            update_s: How long the engine took (s).
        """
        self._updates.append((now, source, update_s))
        while now - self._updates[0][0] > WINDOW_S:
            self._updates.popleft()

    def clear(self) -> None:
        """Forgets all updates: another model is in force."""
        self._updates.clear()

    def count(self, now: float) -> int:
        """Returns the number of updates in the last minute."""
        return sum(now - at <= WINDOW_S for at, _, _ in self._updates)

    def median_s(self, now: float) -> float | None:
        """Returns the median time of an update in the last minute (s); None: there was none."""
        times = [update_s for at, _, update_s in self._updates if now - at <= WINDOW_S]
        return statistics.median(times) if times else None

    def sources(self, now: float) -> int:
        """Returns the number of sources that are being updated; at least 1."""
        return max(1, len({source for at, source, _ in self._updates if now - at <= ACTIVE_S}))

    def idle_s(self, now: float) -> float:
        """Returns how long ago the last update was (s), up to the minute that is kept."""
        return min(WINDOW_S, now - self._updates[-1][0]) if self._updates else WINDOW_S

    def interval_s(self, now: float, wanted_s: float) -> float:
        """Returns the interval at which a source is updated now (s).

        Args:
            now: The time (s).
            wanted_s: Interval in the settings (s); it is longer if the updates of all sources take longer.
        """
        recent = [update_s for at, _, update_s in self._updates if now - at <= WINDOW_S][-RECENT:]
        if len(recent) < RECENT:
            return wanted_s
        return max(wanted_s, statistics.median(recent) * self.sources(now))
