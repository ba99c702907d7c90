"""How often an utterance is updated follows the time that updates take."""

import pytest

from streamstt.captioning.pace import MAX_UPDATES, RECENT, Pace


def pace(*updates_s: float, source: str = "mic", gap_s: float = 0.6) -> tuple[Pace, float]:
    """A pace after these updates, and the time."""
    made, now = Pace(), 0.0
    for update_s in updates_s:
        now += gap_s
        made.add(now, source, update_s)
    return made, now


@pytest.mark.parametrize(("update_s", "interval_s"), [(0.16, 0.6), (0.45, 0.6), (0.6, 0.6), (0.7, 0.7), (3.0, 3.0)])
def test_the_interval_follows_the_updates(update_s: float, interval_s: float) -> None:
    """As in the settings while updates take less time, else as long as they take."""
    made, now = pace(*[update_s] * 10)
    assert made.interval_s(now, 0.6) == pytest.approx(interval_s)


def test_it_shrinks_back() -> None:
    """A few fast updates, and it is as in the settings again."""
    made, now = pace(*[0.9] * 30, *[0.1] * 4)
    assert made.interval_s(now, 0.6) == 0.6


def test_one_slow_update_changes_nothing() -> None:
    """Nor do the first ones: they compile and allocate."""
    made, now = pace(*[0.1] * 10, 3.0, 3.0)
    assert made.interval_s(now, 0.6) == 0.6
    made, now = pace(*[2.0] * (RECENT - 1))
    assert made.interval_s(now, 0.6) == 0.6


def test_sources_share_the_engine() -> None:
    """Those that were updated within seconds count."""
    made, now = pace(*[0.4] * 10)
    for _ in range(5):
        now += 0.6
        made.add(now, "guest", 0.4)
    assert made.sources(now) == 2
    assert made.interval_s(now, 0.6) == pytest.approx(0.8)
    assert made.sources(now + 10) == 1
    assert Pace().sources(0.0) == 1


def test_the_last_minute_counts() -> None:
    """Older updates are forgotten; so are all when the model changes."""
    made, now = pace(*[9.0] * 10)
    assert (made.median_s(now + 61), made.count(now + 61)) == (None, 0)
    for i in range(2 * MAX_UPDATES):
        made.add(now + 61 + i / 100, "mic", 0.1 * (i % 3))
    now += 61 + 2 * MAX_UPDATES / 100
    assert made.count(now) == MAX_UPDATES
    assert made.median_s(now) == pytest.approx(0.1)
    assert (made.idle_s(now + 7), made.idle_s(now + 1000)) == (pytest.approx(7.01), 60.0)
    made.clear()
    assert (made.count(now), made.idle_s(now)) == (0, 60.0)
