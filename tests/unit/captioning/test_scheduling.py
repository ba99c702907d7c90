"""Whose turn it is."""

from streamstt.audio.format import FRAME
from streamstt.captioning.scheduling import Scheduler
from streamstt.speech.session import Session
from streamstt.speech.update_policy import DecodeNeed
from tests.support.drawing import cut, draw, frames, session, tell

TALK = tell("Hello everybody in the room.")


def quiet() -> Session:
    stage = session()
    for block in cut(draw("." * 100), [FRAME]):
        stage.push(block)
    assert stage.need() is DecodeNeed.NOTHING
    return stage


def speaking() -> Session:
    stage = session()
    for block in cut(TALK.audio[: TALK.words[3][2] * FRAME], [FRAME]):
        stage.push(block)
    assert stage.need() is DecodeNeed.PARTIAL
    return stage


def finished() -> Session:
    stage = session()
    for block in frames(TALK):
        stage.push(block)
    assert stage.need() is DecodeNeed.FINAL
    return stage


def line(*sessions: Session) -> Scheduler:
    scheduler = Scheduler()
    for stage in sessions:
        scheduler.add(stage)
    return scheduler


def test_nobody() -> None:
    """Without sources, and when none needs anything, there is nothing to do."""
    assert line().next() is None
    assert line(quiet(), quiet()).next() is None


def test_finals_first() -> None:
    """A final goes before every partial, whatever the order of the sources."""
    partial, final = speaking(), finished()
    assert line(partial, final).next() is final
    assert line(final, partial).next() is final


def test_sources_take_turns() -> None:
    """Of those with the same need, the one that has waited longest is served."""
    a, b, c = speaking(), speaking(), speaking()
    scheduler = line(a, b, c)
    assert [scheduler.next() for _ in range(7)] == [a, b, c, a, b, c, a]


def test_the_quiet_do_not_wait_in_line() -> None:
    """A source that needs nothing is passed over."""
    a, silent, b = speaking(), quiet(), speaking()
    scheduler = line(a, silent, b)
    assert [scheduler.next() for _ in range(3)] == [a, b, a]


def test_a_busy_source_is_passed_over() -> None:
    """A source whose job is out needs nothing until it is answered."""
    a, b = finished(), speaking()
    scheduler = line(a, b)
    assert a.next_job()
    assert scheduler.next() is b


def test_removed() -> None:
    """A source that has left gets no turn."""
    a, b = speaking(), speaking()
    scheduler = line(a, b)
    scheduler.remove(a)
    assert [scheduler.next() for _ in range(2)] == [b, b]
