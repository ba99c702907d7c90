"""When viewers are told that captions are late."""

from streamstt.audio.format import samples_from_ms
from streamstt.captioning.scheduling import LAG_TEXT, LagMonitor


def told(*seconds: float) -> list[bool]:
    """What changes as so much is overdue, for a source that sends as it is spoken."""
    lateness = LagMonitor(0)
    return [lateness.update(samples_from_ms(s * 1000), 0, 0) for s in seconds]


def test_it_takes_two_seconds() -> None:
    """Less than two seconds overdue is nothing to tell."""
    assert told(0, 0.5, 1.9) == [False, False, False]
    assert told(0, 2.1, 3, 5) == [False, True, False, False]


def test_it_is_not_told_in_turns() -> None:
    """Once late, it is late until nearly nothing is overdue."""
    assert told(3, 1.5, 2.5, 1, 0.2, 1) == [True, False, False, False, True, False]


def test_the_words() -> None:
    """The detail says it, and is empty when all is well."""
    lateness = LagMonitor(0)
    assert not lateness.notice
    lateness.update(samples_from_ms(3000), 0, 0)
    assert lateness.notice == LAG_TEXT


def test_audio_that_comes_faster_than_speech() -> None:
    """A file that is sent at once is not late while it is heard sooner than it would have been spoken."""
    lateness = LagMonitor(samples_from_ms(5000))
    assert not lateness.update(
        samples_from_ms(60_000), position=samples_from_ms(100_000), clock=samples_from_ms(10_000)
    )
    assert lateness.update(samples_from_ms(60_000), position=samples_from_ms(100_000), clock=samples_from_ms(64_000))
