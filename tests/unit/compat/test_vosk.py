"""Captions in Vosk's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.compat.vosk import VoskConfig, format_reply, format_result, update_config
from streamstt.events import State, Status
from streamstt.hub.protocol import ClientError
from tests.support.captions import final, partial
from tests.support.drawing import PROPERTY, finals, frames, make_session, make_talk, play, talks
from tests.support.drawing import Talk as Drawn


def test_nothing_said() -> None:
    """A piece of audio without news is answered with an empty partial, as Vosk does."""
    assert format_reply([Status("mic", State.SPEECH)], "", VoskConfig()) == ({"partial": ""}, "")


def test_words_so_far() -> None:
    """The newest words so far are told again until they change, or are final."""
    assert format_reply([partial("We be"), partial("We begin")], "We", VoskConfig()) == (
        {"partial": "We begin"},
        "We begin",
    )
    assert format_reply([], "We begin", VoskConfig()) == ({"partial": "We begin"}, "We begin")
    assert format_reply([final("")], "We begin", VoskConfig()) == ({"partial": ""}, "")


def test_result() -> None:
    """A final comes once, with each word's time; what is said after it comes with the next answer."""
    reply, rest = format_reply([final("We begin.", 1, 2), partial("Then")], "We", VoskConfig())
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
    reply, _ = format_reply([final("One.", 0, 1), final("Two.", 1, 2)], "", VoskConfig())
    assert reply["text"] == "One. Two."
    assert [word["word"] for word in reply["result"]] == ["One.", "Two."]


def test_shapes() -> None:
    """Without words there is the text; with alternatives there is a list of one, as Vosk writes it."""
    said = [final("We begin.", 1, 2)]
    assert format_result(said, VoskConfig(words=False)) == {"text": "We begin."}
    assert format_result([], VoskConfig()) == {"text": ""}
    (only,) = format_result(said, VoskConfig(alternatives=3))["alternatives"]
    assert (only["text"], only["confidence"], only["result"][0]) == (
        "We begin.", 0.9, {"end": 1.5, "start": 1, "word": "We"}
    )  # fmt: skip
    assert format_result([], VoskConfig(alternatives=1)) == {
        "alternatives": [{"confidence": 0.0, "result": [], "text": ""}]
    }


@PROPERTY
@given(talks(longest=6), st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_every_word_is_told_once(talk: Drawn, pace: list[int]) -> None:
    """However audio and answers fall together, the results are exactly what was said, in order."""
    events = play(make_session(), frames(talk), talk.engine)
    told, partial_text, at, turn = [], "", 0, 0
    while at < len(events):
        reply, partial_text = format_reply(events[at : at + pace[turn % len(pace)]], partial_text, VoskConfig())
        told += reply.get("text", "").split()
        at, turn = at + pace[turn % len(pace)], turn + 1
    assert told == talk.text


def test_a_drawn_talk() -> None:
    """Two sentences with a pause are two results, with the times at which they were drawn."""
    talk = make_talk("We begin now.", 1.5, "And end.")
    events = play(make_session(), frames(talk), talk.engine)
    results = [format_result([f], VoskConfig()) for f in finals(events)]
    assert [r["text"] for r in results] == ["We begin now.", "And end."]
    assert results[0]["result"][0]["start"] == pytest.approx(1.0, abs=0.05)


def test_configuration() -> None:
    """Numbers come as vosk-server's clients write them, over several messages; what is not known is passed over."""
    wishes = update_config(VoskConfig(), {"sample_rate": 16000.0, "phrase_list": ["one two"], "model": "/etc/passwd"})
    assert wishes == VoskConfig(rate=16000)
    assert update_config(wishes, {"words": 0, "max_alternatives": "2"}) == VoskConfig(
        16000, words=False, alternatives=2
    )
    assert VoskConfig().rate == 8000, "vosk-server's own default"


@pytest.mark.parametrize("rate", ["fast", None, [], float("inf"), float("nan")])
def test_bad_configuration(rate: object) -> None:
    """What is no number is refused with a word that says so."""
    with pytest.raises(ClientError, match="must be numbers"):
        update_config(VoskConfig(), {"sample_rate": rate})
