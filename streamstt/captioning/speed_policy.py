"""What to do about updates that are slower than promised. Pure: it is told figures, and answers with an action.

Number formats are measured again once the machine is idle. A model that was chosen by itself steps down if it stays
too slow for minutes, and returns later, but not again and again.
"""

from dataclasses import dataclass
from enum import Enum

from streamstt.whisper.model_choice import HEADROOM_SHARE, MAX_STRETCH

SLOW, NORMAL = 2.0, 1.4  # times the promised update: from the first on updates are slow, below the second no longer
MIN_UPDATES = 20  # in the last minute, from which its median counts; fewer if they took long
MIN_UPDATE_TIME_S = 20.0  # that a few updates took together, from which their median counts as well
MIN_SLOW_UPDATES = 4
IDLE_S = 10.0  # without updates, after which the machine may be measured
MEASURE_EVERY_S = 3600.0  # a machine that stays slow is not measured all the time
STEP_AFTER_S = 120.0  # of speech during which a model was too slow, or the larger one would have been fast enough
RETURN_AFTER_S = 600.0  # after a step down, until the larger model is tried again; doubled each time
MAX_RETURN_AFTER_S = 6 * 3600.0


class Action(Enum):
    """What the caller must do."""

    NOTHING = "nothing"
    MEASURE = "measure"  # number formats and speed, in the background
    STEP_DOWN = "step down"  # to the next smaller model
    STEP_UP = "step up"  # to the next larger model


@dataclass(frozen=True, slots=True)
class Observation:
    """The figures of a moment.

    Attributes:
        now: The time (s).
        updates: Number of updates in the last minute.
        update_s: Their median time (s); None: there were none.
        idle_s: Time since the last update (s).
        sources: Number of sources that are being updated.
        interval_s: Interval of updates in the settings (s).
        promised_s: Time of an update with this model when nothing else runs (s); None: not measured.
        smaller: Whether there is a smaller model to step down to.
        larger_s: As ``promised_s``, of the larger model to return to; None: there is none.
    """

    now: float
    updates: int
    update_s: float | None
    idle_s: float
    sources: int
    interval_s: float
    promised_s: float | None
    smaller: bool = False
    larger_s: float | None = None


class SpeedPolicy:
    """Decides by observations that come every few seconds.

    Attributes:
        is_slow: Whether updates are slower than promised.
    """

    def __init__(self) -> None:
        """Starts with updates as they were promised."""
        self.is_slow = False
        self._measured_at = -MEASURE_EVERY_S
        self._wants_measuring = False
        self._last_at: float | None = None  # of the last observation
        self._too_slow_s = 0.0  # of speech, without a moment in which the model was fast enough
        self._fast_enough_s = 0.0  # of speech in which the larger model would have been
        self._return_at = 0.0
        self._return_after_s = RETURN_AFTER_S

    def observe(self, seen: Observation) -> Action:
        """Takes the figures of a moment, and returns what to do.

        The caller reports with ``measured`` and ``model_changed`` that it has been done, or has failed.
        """
        elapsed_s = seen.now - self._last_at if self._last_at is not None else 0.0
        self._last_at = seen.now
        if seen.promised_s is None:
            return Action.MEASURE if seen.idle_s >= IDLE_S and self._may_measure(seen.now) else Action.NOTHING
        if seen.idle_s < IDLE_S and seen.update_s is not None and _is_telling(seen.updates, seen.update_s):
            self._compare(seen, seen.update_s / seen.promised_s, elapsed_s)
            if seen.smaller and self._too_slow_s >= STEP_AFTER_S:
                return Action.STEP_DOWN
            if seen.larger_s and self._fast_enough_s >= STEP_AFTER_S and seen.now >= self._return_at:
                return Action.STEP_UP
        if self._wants_measuring and seen.idle_s >= IDLE_S and self._may_measure(seen.now):
            return Action.MEASURE
        return Action.NOTHING

    def _compare(self, seen: Observation, slowdown: float, elapsed_s: float) -> None:
        assert seen.promised_s, "checked by the caller"
        was_slow = self.is_slow
        self.is_slow = slowdown >= (NORMAL if self.is_slow else SLOW)
        self._wants_measuring = self.is_slow and (self._wants_measuring or not was_slow)
        busy = seen.sources / (HEADROOM_SHARE * seen.interval_s)  # share of the time for updates, per second of update
        if slowdown * seen.promised_s * busy > MAX_STRETCH:
            self._too_slow_s += elapsed_s
        else:
            self._too_slow_s = 0.0
        if seen.larger_s and slowdown * seen.larger_s * busy <= 1:
            self._fast_enough_s += elapsed_s
        else:
            self._fast_enough_s = 0.0

    def _may_measure(self, now: float) -> bool:
        return now - self._measured_at >= MEASURE_EVERY_S

    def measured(self, now: float) -> None:
        """Is told that the machine was measured, or that this failed."""
        self._measured_at = now
        self._wants_measuring = False

    def model_changed(self, now: float, *, is_smaller: bool) -> None:
        """Is told that the model was changed, or that this failed; after each step down it waits longer to return."""
        self._too_slow_s = self._fast_enough_s = 0.0
        self.is_slow = self._wants_measuring = False
        if is_smaller:
            self._return_at = now + self._return_after_s
            self._return_after_s = min(2 * self._return_after_s, MAX_RETURN_AFTER_S)


def _is_telling(updates: int, update_s: float) -> bool:
    """Returns whether a median is worth to be acted upon: of many updates, or of some that took long."""
    return updates >= MIN_UPDATES or (updates >= MIN_SLOW_UPDATES and updates * update_s >= MIN_UPDATE_TIME_S)
