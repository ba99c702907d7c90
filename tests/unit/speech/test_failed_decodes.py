"""What becomes of captions when the engine cannot decode: recognized words stay, the rest is a gap."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from streamstt.engine.scripted import ScriptedEngine
from streamstt.errors import EngineError
from streamstt.events import Event
from streamstt.speech.session import Session
from tests.support.drawing import (
    PROPERTY,
    Talk,
    assert_caption_rules,
    final_words,
    finals,
    frames,
    gaps,
    make_session,
    make_talk,
    talks,
)


def play_failing(session: Session, talk: Talk, engine: ScriptedEngine, failing: Sequence[int]) -> list[Event]:
    """Plays a talk; the jobs with these numbers, and those that the script has fail, are given up."""
    events: list[Event] = []
    count = 0

    def decode() -> None:
        nonlocal count
        while job := session.next_job():
            count += 1
            try:
                if count in failing:
                    raise EngineError("for this test")
                events.extend(session.apply(engine.decode(job)))
            except EngineError:
                events.extend(session.fail_job())

    for block in frames(talk):
        events.extend(session.push(block))
        decode()
    events.extend(session.interrupt())
    decode()
    assert session.settled
    return events


def is_lost(talk: Talk, index: int, events: Sequence[Event]) -> bool:
    """Whether a gap covers some of the word."""
    _, start, end = talk.words[index]
    return any(gap.start < end / 50 and start / 50 < gap.end for gap in gaps(events))


@PROPERTY
@given(talks(), st.sets(st.integers(1, 30)))
def test_every_word_is_captioned_or_reported(talk: Talk, failing: set[int]) -> None:
    """Whatever fails, each word is in a final or in a gap, and captions keep their rules."""
    events = play_failing(make_session(), talk, talk.engine, sorted(failing))
    assert_caption_rules(events)
    recognized = final_words(events)
    for index, word in enumerate(talk.text):
        assert is_lost(talk, index, events) or any(word.startswith(part) for part in recognized), word


def test_an_utterance_that_cannot_be_decoded_costs_only_itself() -> None:
    """The utterances around it are captioned."""
    talk = make_talk("One is fine.", 2.0, "This one is poison.", 2.0, "Three is fine.")
    poison = next(end - 1 for text, _, end in talk.words if text == "poison.") / 50
    script = talk.engine.script.model_copy(update={"poison_s": (poison,)})
    events = play_failing(make_session(), talk, ScriptedEngine(script), ())
    assert_caption_rules(events)
    recognized = final_words(events)
    assert recognized[:3] == ["One", "is", "fine."]
    assert recognized[-3:] == ["Three", "is", "fine."]
    assert "poison." not in recognized
    assert any(gap.start <= poison <= gap.end for gap in gaps(events))


@PROPERTY
@given(talks(), st.floats(0, 1), st.booleans())
def test_without_an_engine_recognized_words_stay(talk: Talk, share: float, job_is_out: bool) -> None:
    """The engine is gone for good, at any moment, waited for or not: what viewers saw becomes final."""
    session = make_session()
    events: list[Event] = []
    blocks = list(frames(talk))
    for block in blocks[: max(1, round(share * len(blocks)))]:
        events.extend(session.push(block))
        if job := session.next_job():
            events.extend(session.apply(talk.engine.decode(job)))
    for block in blocks[max(1, round(share * len(blocks))) :][:40] if job_is_out else []:
        events.extend(session.push(block))
        session.next_job()
    events.extend(session.fail_all())
    assert session.settled
    assert_caption_rules(events)
    assert all(final.text for final in finals(events))
