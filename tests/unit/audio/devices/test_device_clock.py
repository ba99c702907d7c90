"""How much audio is missing, by the clock of a device that is not quite right, over hours."""

from random import Random

import pytest

from streamstt.audio.devices.device_clock import DeviceClock

RATE = 16_000
BLOCK_S = 0.04
HOURS = [0.01, 1, 10]


def record(clock: DeviceClock, hours: float, drift: float, step_s: float = 1.0) -> tuple[int, float]:
    """Records with jitter; returns the device's count of samples, and the time."""
    jitter, now, count = Random(1), 0.0, 0
    for n in range(1, round(hours * 3600 / step_s)):
        now = n * step_s
        count = round(now * RATE * (1 + drift))
        clock.update(count, now + jitter.expovariate(1 / 0.01))
    return count, now


@pytest.mark.parametrize("drift", [-200e-6, 0.0, 200e-6])
@pytest.mark.parametrize("hours", HOURS)
def test_drift_is_no_loss(hours: float, drift: float) -> None:
    """After hours in which a clock was fast or slow, nothing is missing at the next block that comes in time."""
    clock = DeviceClock(RATE)
    count, now = record(clock, hours, drift)
    assert clock.missing(count + round(BLOCK_S * RATE), now + BLOCK_S) < 0.01 * RATE


@pytest.mark.parametrize("drift", [-200e-6, 0.0, 200e-6])
@pytest.mark.parametrize("hours", HOURS)
@pytest.mark.parametrize("lost_s", [0.3, 2.0, 60.0])
def test_a_loss_is_measured(hours: float, drift: float, lost_s: float) -> None:
    """What is missing after that is as long as the outage, whether the clock was fast or slow before."""
    clock = DeviceClock(RATE)
    count, now = record(clock, hours, drift)
    missing = clock.missing(count + round(BLOCK_S * RATE), now + lost_s + BLOCK_S)
    assert missing / RATE == pytest.approx(lost_s, abs=0.05)
    clock.update(count + round(BLOCK_S * RATE) + missing, now + lost_s + BLOCK_S)
    assert clock.missing(count + 2 * round(BLOCK_S * RATE) + missing, now + lost_s + 2 * BLOCK_S) < 0.01 * RATE


def test_late_blocks_before_a_loss() -> None:
    """A process that was held up reads late, and what its buffer could not keep is missing: all of that is counted."""
    clock = DeviceClock(RATE)
    count, now = record(clock, 1, 0.0)
    clock.update(count + 640, now + 3.04)  # held up for 3 s, after which a block is read that was buffered,
    assert clock.missing(count + 1280, now + 3.08) / RATE == pytest.approx(3.0, abs=0.05)  # and the next one is new


def test_before_the_first_audio() -> None:
    """Without audio nothing can be missing."""
    assert DeviceClock(RATE).missing(0, 1000.0) == 0
