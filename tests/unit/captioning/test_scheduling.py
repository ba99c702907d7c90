"""Which session is decoded next."""

from streamstt.audio.format import FRAME
from streamstt.captioning.scheduling import Scheduler
from streamstt.speech.session import Session
from streamstt.speech.update_policy import DecodeNeed
from tests.support.drawing import cut, draw, frames, make_session
from tests.support.pipelines import TALK


def quiet_session() -> Session:
    session = make_session()
    for block in cut(draw("." * 100), [FRAME]):
        session.push(block)
    assert session.need() is DecodeNeed.NOTHING
    return session


def speaking_session() -> Session:
    session = make_session()
    for block in cut(TALK.audio[: TALK.words[3][2] * FRAME], [FRAME]):
        session.push(block)
    assert session.need() is DecodeNeed.PARTIAL
    return session


def finished_session() -> Session:
    session = make_session()
    for block in frames(TALK):
        session.push(block)
    assert session.need() is DecodeNeed.FINAL
    return session


def make_scheduler(*sessions: Session) -> Scheduler:
    scheduler = Scheduler()
    for session in sessions:
        scheduler.add(session)
    return scheduler


def test_nobody() -> None:
    """Without sources, and if none needs a decode, there is no next session."""
    assert make_scheduler().next() is None
    assert make_scheduler(quiet_session(), quiet_session()).next() is None


def test_finals_first() -> None:
    """A final goes before every partial, whatever the order of the sources."""
    partial, final = speaking_session(), finished_session()
    assert make_scheduler(partial, final).next() is final
    assert make_scheduler(final, partial).next() is final


def test_sources_take_turns() -> None:
    """Of those with the same need, the one that has waited longest is served."""
    a, b, c = speaking_session(), speaking_session(), speaking_session()
    scheduler = make_scheduler(a, b, c)
    assert [scheduler.next() for _ in range(7)] == [a, b, c, a, b, c, a]


def test_the_quiet_do_not_wait_in_line() -> None:
    """A source that needs no decode is skipped."""
    a, silent, b = speaking_session(), quiet_session(), speaking_session()
    scheduler = make_scheduler(a, silent, b)
    assert [scheduler.next() for _ in range(3)] == [a, b, a]


def test_a_busy_source_is_passed_over() -> None:
    """A source whose job is out needs no other until that is done."""
    a, b = finished_session(), speaking_session()
    scheduler = make_scheduler(a, b)
    assert a.next_job()
    assert scheduler.next() is b


def test_removed() -> None:
    """A source that was removed gets no turn."""
    a, b = speaking_session(), speaking_session()
    scheduler = make_scheduler(a, b)
    scheduler.remove(a)
    assert [scheduler.next() for _ in range(2)] == [b, b]
