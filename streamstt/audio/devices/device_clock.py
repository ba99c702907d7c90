"""How much audio a device should have delivered by now, though its clock is not quite right. Pure.

It imports nothing: the recorder process starts quickly.
"""

MAX_DRIFT = 0.001  # s a second: crystals are within 0.0001, the clocks of virtual devices are worse


class DeviceClock:
    """Compares a device's count of samples with time, and follows the drift of its clock.

    Blocks may come late, but not early: the earliest ones tell the device's time. A clock that is slow is followed by
    at most ``MAX_DRIFT``, so that lost audio is not taken for drift.
    """

    def __init__(self, rate: int) -> None:
        """Starts without audio.

        Args:
            rate: Samples per second.
        """
        self._rate = rate
        self._zero: float | None = None  # s: when the device's count was 0, by its latest speed
        self._updated_at = 0.0

    def update(self, count: int, now: float) -> None:
        """Notes that so many samples, lost ones included, had been recorded at ``now`` (s)."""
        zero = now - count / self._rate
        if self._zero is not None:
            zero = min(zero, self._zero + MAX_DRIFT * max(0.0, now - self._updated_at))
        self._zero, self._updated_at = zero, now

    def missing(self, count: int, now: float) -> int:
        """Returns how many samples more than ``count`` should have been recorded by ``now`` (s); 0 or more."""
        if self._zero is None:
            return 0
        return max(0, round((now - self._zero) * self._rate) - count)
