"""Captions in Vosk's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.compat.vosk import Wishes, answer, configure, result
from streamstt.events import State, Status
from streamstt.hub.protocol import ClientError
from tests.support.captions import final, partial
from tests.support.drawing import PROPERTY, finals, frames, play, session, talks, tell
from tests.support.drawing import Talk as Drawn


def test_nothing_said() -> None:
    """A piece of audio without news is answered with an empty partial, as Vosk does."""
    assert answer([Status("mic", State.SPEECH)], "", Wishes()) == ({"partial": ""}, "")


def test_words_so_far() -> None:
    """The newest words so far are told again until they change, or are final."""
    assert answer([partial("We be"), partial("We begin")], "We", Wishes()) == ({"partial": "We begin"}, "We begin")
    assert answer([], "We begin", Wishes()) == ({"partial": "We begin"}, "We begin")
    assert answer([final("")], "We begin", Wishes()) == ({"partial": ""}, "")


def test_result() -> None:
    """A final comes once, with each word's time; what is said after it comes with the next answer."""
    reply, rest = answer([final("We begin.", 1, 2), partial("Then")], "We", Wishes())
    assert reply == {
        "result": [
            {"conf": 0.9, "end": 1.5, "start": 1, "word": "We"},
            {"conf": 0.9, "end": 2.0, "start": 1.5, "word": "begin."},
        ],
        "text": "We begin.",
    }
    assert rest == "Then"


def test_finals_together() -> None:
    """Several finals for one answer are one result: answers never lag behind what is said."""
    reply, _ = answer([final("One.", 0, 1), final("Two.", 1, 2)], "", Wishes())
    assert reply["text"] == "One. Two."
    assert [word["word"] for word in reply["result"]] == ["One.", "Two."]


def test_shapes() -> None:
    """Without words there is the text; with alternatives there is a list of one, as Vosk writes it."""
    said = [final("We begin.", 1, 2)]
    assert result(said, Wishes(words=False)) == {"text": "We begin."}
    assert result([], Wishes()) == {"text": ""}
    (only,) = result(said, Wishes(alternatives=3))["alternatives"]
    assert (only["text"], only["confidence"], only["result"][0]) == (
        "We begin.", 0.9, {"end": 1.5, "start": 1, "word": "We"}
    )  # fmt: skip
    assert result([], Wishes(alternatives=1)) == {"alternatives": [{"confidence": 0.0, "result": [], "text": ""}]}


@PROPERTY
@given(talks(longest=6), st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_every_word_is_told_once(talk: Drawn, pace: list[int]) -> None:
    """However audio and answers fall together, the results are exactly what was said, in order."""
    events = play(session(), frames(talk), talk.engine)
    told, partial_text, at, turn = [], "", 0, 0
    while at < len(events):
        reply, partial_text = answer(events[at : at + pace[turn % len(pace)]], partial_text, Wishes())
        told += reply.get("text", "").split()
        at, turn = at + pace[turn % len(pace)], turn + 1
    assert told == talk.text


def test_a_drawn_talk() -> None:
    """Two sentences with a pause are two results, with the times at which they were drawn."""
    talk = tell("We begin now.", 1.5, "And end.")
    events = play(session(), frames(talk), talk.engine)
    results = [result([f], Wishes()) for f in finals(events)]
    assert [r["text"] for r in results] == ["We begin now.", "And end."]
    assert results[0]["result"][0]["start"] == pytest.approx(1.0, abs=0.05)


def test_configuration() -> None:
    """Numbers come as vosk-server's clients write them, over several messages; what is not known is passed over."""
    wishes = configure(Wishes(), {"sample_rate": 16000.0, "phrase_list": ["one two"], "model": "/etc/passwd"})
    assert wishes == Wishes(rate=16000)
    assert configure(wishes, {"words": 0, "max_alternatives": "2"}) == Wishes(16000, words=False, alternatives=2)
    assert Wishes().rate == 8000, "vosk-server's own default"


@pytest.mark.parametrize("rate", ["fast", None, [], float("inf"), float("nan")])
def test_bad_configuration(rate: object) -> None:
    """What is no number is refused with a word that says so."""
    with pytest.raises(ClientError, match="must be numbers"):
        configure(Wishes(), {"sample_rate": rate})
