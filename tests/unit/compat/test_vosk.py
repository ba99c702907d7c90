"""Captions as results of Vosk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.compat.vosk import VoskConfig, format_reply, format_result, update_config
from streamstt.events import State, Status
from streamstt.hub.protocol import ClientError
from tests.support.captions import final, partial
from tests.support.drawing import PROPERTY, finals, frames, make_session, make_talk, play, talks
from tests.support.drawing import Talk as Drawn


def test_no_captions() -> None:
    """Without captions the reply is an empty partial, as that of Vosk."""
    assert format_reply([Status("mic", State.SPEECH)], "", VoskConfig()) == ({"partial": ""}, "")


def test_partials() -> None:
    """The newest partial is repeated until it changes or becomes final."""
    assert format_reply([partial("We be"), partial("We begin")], "We", VoskConfig()) == (
        {"partial": "We begin"},
        "We begin",
    )
    assert format_reply([], "We begin", VoskConfig()) == ({"partial": "We begin"}, "We begin")
    assert format_reply([final("")], "We begin", VoskConfig()) == ({"partial": ""}, "")


def test_result() -> None:
    """A final is sent once, with word times; a partial after it is sent with the next reply."""
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
    """Several finals are one result, so that replies do not fall behind."""
    reply, _ = format_reply([final("One.", 0, 1), final("Two.", 1, 2)], "", VoskConfig())
    assert reply["text"] == "One. Two."
    assert [word["word"] for word in reply["result"]] == ["One.", "Two."]


def test_shapes() -> None:
    """Results without words have the text only; with alternatives they are a list of one."""
    captions = [final("We begin.", 1, 2)]
    assert format_result(captions, VoskConfig(words=False)) == {"text": "We begin."}
    assert format_result([], VoskConfig()) == {"text": ""}
    (alternative,) = format_result(captions, VoskConfig(alternatives=3))["alternatives"]
    assert (alternative["text"], alternative["confidence"], alternative["result"][0]) == (
        "We begin.", 0.9, {"end": 1.5, "start": 1, "word": "We"}
    )  # fmt: skip
    assert format_result([], VoskConfig(alternatives=1)) == {
        "alternatives": [{"confidence": 0.0, "result": [], "text": ""}]
    }


@PROPERTY
@given(talks(longest=6), st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_every_word_is_sent_once(talk: Drawn, pace: list[int]) -> None:
    """However events are divided among replies, the results contain each spoken word once, in order."""
    events = play(make_session(), frames(talk), talk.engine)
    sent, partial_text, at, turn = [], "", 0, 0
    while at < len(events):
        reply, partial_text = format_reply(events[at : at + pace[turn % len(pace)]], partial_text, VoskConfig())
        sent += reply.get("text", "").split()
        at, turn = at + pace[turn % len(pace)], turn + 1
    assert sent == talk.text


def test_a_drawn_talk() -> None:
    """Two sentences with a pause are two results, with the times of the drawn speech."""
    talk = make_talk("We begin now.", 1.5, "And end.")
    events = play(make_session(), frames(talk), talk.engine)
    results = [format_result([f], VoskConfig()) for f in finals(events)]
    assert [r["text"] for r in results] == ["We begin now.", "And end."]
    assert results[0]["result"][0]["start"] == pytest.approx(1.0, abs=0.05)


def test_configuration() -> None:
    """Numbers are parsed as vosk-server's clients write them, in several messages; unknown keys are ignored."""
    config = update_config(VoskConfig(), {"sample_rate": 16000.0, "phrase_list": ["one two"], "model": "/etc/passwd"})
    assert config == VoskConfig(rate=16000)
    assert update_config(config, {"words": 0, "max_alternatives": "2"}) == VoskConfig(
        16000, words=False, alternatives=2
    )
    assert VoskConfig().rate == 8000, "vosk-server's own default"


@pytest.mark.parametrize("rate", ["fast", None, [], float("inf"), float("nan")])
def test_bad_configuration(rate: object) -> None:
    """A value that is not a number is rejected with a message that says so."""
    with pytest.raises(ClientError, match="must be numbers"):
        update_config(VoskConfig(), {"sample_rate": rate})
