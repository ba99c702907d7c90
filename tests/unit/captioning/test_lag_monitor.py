"""When the operator gets the notice that captions are late."""

from streamstt.audio.format import samples_from_ms
from streamstt.captioning.scheduling import LAG_TEXT, LagMonitor


def changes(*seconds: float) -> list[bool]:
    """Returns at which updates the state changes, for a source that sends in real time."""
    monitor = LagMonitor()
    return [monitor.update(samples_from_ms(s * 1000), 0) for s in seconds]


def test_it_takes_two_seconds() -> None:
    """Less than two seconds overdue is not late."""
    assert changes(0, 0.5, 1.9) == [False, False, False]
    assert changes(0, 2.1, 3, 5) == [False, True, False, False]


def test_it_does_not_come_and_go() -> None:
    """Once late, it is late until nearly nothing is overdue."""
    assert changes(3, 1.5, 2.5, 1, 0.2, 1) == [True, False, False, False, True, False]


def test_the_notice() -> None:
    """The notice is a sentence, and empty if captions are not late."""
    monitor = LagMonitor()
    assert not monitor.notice
    monitor.update(samples_from_ms(3000), 0)
    assert monitor.notice == LAG_TEXT


def test_audio_that_comes_faster_than_speech() -> None:
    """A file that is sent at once is not late while it is decoded sooner than it would have been spoken."""
    monitor = LagMonitor()
    overdue, position = samples_from_ms(60_000), samples_from_ms(100_000)
    assert not monitor.update(overdue, position, ahead=samples_from_ms(95_000))
    assert monitor.update(overdue, position, ahead=samples_from_ms(41_000))


def test_a_gap_is_not_late() -> None:
    """After a gap, as of a night in which the machine slept, only the audio around it is overdue."""
    night, second = samples_from_ms(8 * 3600_000), samples_from_ms(1000)
    monitor = LagMonitor()
    monitor.note_gap(10 * second, 10 * second + night)
    position = 11 * second + night
    assert not monitor.update(night + second, position)
    assert monitor.update(night + 2 * second, position), "a second before it, and one after it"
    assert not monitor.update(night + 2 * second, position)
    later = position + 60 * second
    assert not monitor.update(5 * second, later), "it is still late"
    assert monitor.update(0, later)


def test_audio_that_a_server_has_kept() -> None:
    """What comes at once is not late before it has been decoded, unless more becomes overdue meanwhile."""
    monitor = LagMonitor()
    monitor.excuse(samples_from_ms(8000))
    overdue_s = (8, 5, 9.5, 0.1, 1.9, 2.1)
    assert [monitor.update(samples_from_ms(s * 1000), 0) for s in overdue_s] == [False] * 5 + [True]
    monitor = LagMonitor()
    monitor.excuse(samples_from_ms(8000))
    assert [monitor.update(samples_from_ms(s * 1000), 0) for s in (8, 10.1)] == [False, True]
