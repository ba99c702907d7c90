"""What becomes of captions when the engine cannot decode: what was heard stays, the rest is a gap."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from streamstt.engine.scripted import ScriptedEngine
from streamstt.errors import EngineError
from streamstt.events import Event
from streamstt.speech.session import Session
from tests.support.drawing import PROPERTY, Talk, assert_promises_kept, finals, frames, gaps, said, session, talks, tell


def play_failing(stage: Session, talk: Talk, engine: ScriptedEngine, fails: Sequence[int]) -> list[Event]:
    """Plays a talk; the jobs with these numbers, and those that the script lets fail, are given up."""
    events: list[Event] = []
    count = 0

    def work() -> None:
        nonlocal count
        while job := stage.next_job():
            count += 1
            try:
                if count in fails:
                    raise EngineError("for this test")
                events.extend(stage.apply(engine.decode(job)))
            except EngineError:
                events.extend(stage.fail_job())

    for block in frames(talk):
        events.extend(stage.push(block))
        work()
    events.extend(stage.interrupt())
    work()
    assert stage.settled
    return events


def is_lost(talk: Talk, index: int, events: Sequence[Event]) -> bool:
    """Whether a gap covers some of the word."""
    _, start, end = talk.words[index]
    return any(gap.start < end / 50 and start / 50 < gap.end for gap in gaps(events))


@PROPERTY
@given(talks(), st.sets(st.integers(1, 30)))
def test_every_word_is_said_or_reported(talk: Talk, fails: set[int]) -> None:
    """Whatever fails, each word is in a final or in a gap, and clients get what they were promised."""
    events = play_failing(session(), talk, talk.engine, sorted(fails))
    assert_promises_kept(events)
    heard = said(events)
    for index, word in enumerate(talk.text):
        assert is_lost(talk, index, events) or any(word.startswith(part) for part in heard), word


def test_an_utterance_that_cannot_be_decoded_costs_only_itself() -> None:
    """The utterances around it are captioned."""
    talk = tell("One is fine.", 2.0, "This one is poison.", 2.0, "Three is fine.")
    poison = next(end - 1 for text, _, end in talk.words if text == "poison.") / 50
    script = talk.engine.script.model_copy(update={"poison_s": (poison,)})
    events = play_failing(session(), talk, ScriptedEngine(script), ())
    assert_promises_kept(events)
    heard = said(events)
    assert heard[:3] == ["One", "is", "fine."]
    assert heard[-3:] == ["Three", "is", "fine."]
    assert "poison." not in heard
    assert any(gap.start <= poison <= gap.end for gap in gaps(events))


@PROPERTY
@given(talks(), st.floats(0, 1), st.booleans())
def test_without_an_engine_what_was_heard_stays(talk: Talk, share: float, waits: bool) -> None:
    """The engine is gone for good, at any moment, waited for or not: what viewers saw becomes final."""
    stage = session()
    events: list[Event] = []
    blocks = list(frames(talk))
    for block in blocks[: max(1, round(share * len(blocks)))]:
        events.extend(stage.push(block))
        if job := stage.next_job():
            events.extend(stage.apply(talk.engine.decode(job)))
    for block in blocks[max(1, round(share * len(blocks))) :][:40] if waits else []:
        events.extend(stage.push(block))
        stage.next_job()
    events.extend(stage.fail_all())
    assert stage.settled
    assert_promises_kept(events)
    assert all(final.text for final in finals(events))
