"""Captions as results of Deepgram."""

from collections.abc import Sequence
from typing import Any

import pytest
from deepgram.listen.v1.types.listen_v1metadata import ListenV1Metadata
from deepgram.listen.v1.types.listen_v1results import ListenV1Results
from deepgram.listen.v1.types.listen_v1speech_started import ListenV1SpeechStarted
from deepgram.listen.v1.types.listen_v1utterance_end import ListenV1UtteranceEnd
from hypothesis import given

from streamstt.compat.deepgram.options import ListenOptions, parse_listen
from streamstt.compat.deepgram.results import ResultTranslator, StreamPosition
from streamstt.events import Event, State, Status
from streamstt.hub.protocol import ClientError
from tests.support.captions import ABOUT, final, partial
from tests.support.drawing import PROPERTY, Talk, frames, make_session, make_talk, play, talks

ALL = ListenOptions(interim=True, vad_events=True, utterance_end_ms=1000)
SPEAKS, PAUSES = Status("mic", State.SPEECH), Status("mic", State.LISTENING)
TYPES = {
    "Results": ListenV1Results,
    "Metadata": ListenV1Metadata,
    "SpeechStarted": ListenV1SpeechStarted,
    "UtteranceEnd": ListenV1UtteranceEnd,
}


def results(options: ListenOptions = ALL) -> ResultTranslator:
    return ResultTranslator(options, ABOUT, "request-1")


def take(translator: ResultTranslator, at: float, *events: Event, settled: bool = False) -> list[dict[str, Any]]:
    sent = translator.translate(events, StreamPosition(at, settled))
    for data in sent:
        TYPES[data["type"]].model_validate(data)
    return sent


def brief(sent: Sequence[dict[str, Any]]) -> list[Any]:
    """Type of each message, or text of a result with its kind: ``~`` interim, ``.`` final, ``!`` final with a pause."""
    return [
        data["channel"]["alternatives"][0]["transcript"]
        + ("!" if data["speech_final"] else "." if data["is_final"] else "~")
        if data["type"] == "Results"
        else data["type"]
        for data in sent
    ]


def test_an_utterance() -> None:
    """Speech starts, partials become final, the speaker pauses, and UtteranceEnd follows after the requested time."""
    translator = results()
    assert take(translator, 0.7, SPEAKS) == [{"type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.7}]
    assert brief(take(translator, 1.2, partial("We"))) == ["We~"]
    assert brief(take(translator, 2.0, partial("We begin"))) == ["We begin~"]
    assert brief(take(translator, 2.6, PAUSES)) == []
    assert brief(take(translator, 2.7, final("We begin", 0.6, 2.0), settled=True)) == ["We begin!"]
    assert not translator.has_output(StreamPosition(2.9, settled=True))
    assert translator.has_output(StreamPosition(3.0, settled=True))
    assert take(translator, 3.0) == [{"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 2.0}]
    assert take(translator, 9.0) == [], "once"


def test_fields_of_a_result() -> None:
    """A result has span, confidence, words with and without punctuation, and the model."""
    (data,) = take(results(), 2.5, final("Hello, WORLD!", 1.0, 2.0))
    assert (data["start"], data["duration"], data["channel_index"]) == (1.0, 1.0, [0, 1])
    alternative = data["channel"]["alternatives"][0]
    assert (alternative["transcript"], alternative["confidence"]) == ("Hello, WORLD!", 0.9)
    assert alternative["words"] == [
        {"word": "hello", "start": 1.0, "end": 1.5, "confidence": 0.9, "punctuated_word": "Hello,"},
        {"word": "world", "start": 1.5, "end": 2.0, "confidence": 0.9, "punctuated_word": "WORLD!"},
    ]
    assert data["metadata"]["request_id"] == "request-1"
    assert data["metadata"]["model_info"] == {"name": "base", "version": "1.0", "arch": "whisper"}


def test_times_do_not_overlap() -> None:
    """If words of two finals overlap, the time belongs to the first."""
    first, second = take(results(), 2.9, final("One.", 1, 2), final("Two.", 1.8, 2.5))
    assert (first["start"], first["duration"]) == (1, 1)
    assert (second["start"], second["duration"]) == (2, 0.5)


def test_only_what_was_asked_for() -> None:
    """Interim results, SpeechStarted and UtteranceEnd are sent only if requested."""
    translator = results(ListenOptions(endpointing=False))
    sent = take(translator, 1, SPEAKS, partial("We"), PAUSES, final("We begin", 0, 1), settled=True)
    assert brief([*sent, *take(translator, 9)]) == ["We begin."]


def test_the_last_final_of_an_utterance_pauses() -> None:
    """Of finals that arrive together, the last one of the utterance reports the pause, not that of the next one."""
    translator = results()
    sent = take(translator, 3.5, SPEAKS, PAUSES, final("One.", 1, 2), final("Two.", 2, 3), SPEAKS)
    assert brief(sent)[1:] == ["One..", "Two.!", "SpeechStarted"]
    translator = results()
    take(translator, 3, PAUSES)
    take(translator, 4, SPEAKS)
    assert brief(take(translator, 5, final("One.", 1, 2), final("Two.", 3.2, 4))) == ["One.!", "Two.."]


def test_a_pause_after_the_last_final() -> None:
    """If all words were final before the pause, an empty result reports it when no more words can follow."""
    translator = results(ListenOptions())
    assert brief(take(translator, 2.0, SPEAKS, final("We begin.", 0.5, 1.5))) == ["We begin.."]
    assert take(translator, 2.4, PAUSES) == [], "the engine may still recognize more words"
    (data,) = take(translator, 2.5, settled=True)
    assert brief([data]) == ["!"]
    assert (data["start"], data["duration"]) == (1.5, 0.9)
    assert take(translator, 2.6, settled=True) == []


def test_a_withdrawn_caption() -> None:
    """A partial that was not speech is replaced by an empty final."""
    translator = results()
    take(translator, 1, SPEAKS, partial("Hm"))
    assert brief(take(translator, 2, PAUSES, final("", 1, 1), settled=True)) == ["!"]
    assert not translator.has_output(StreamPosition(9, settled=True)), "without a word there is no last word"


def test_speech_without_words() -> None:
    """UtteranceEnd is sent if no word follows, even in noise; while someone is speaking, words may still be delayed."""
    translator = results()
    take(translator, 2.0, SPEAKS, final("We begin.", 0.5, 1.5))
    assert not translator.has_output(StreamPosition(3.4, settled=False))
    assert translator.has_output(StreamPosition(3.5, settled=False))
    take(translator, 3.45, partial("And"))
    assert not translator.has_output(StreamPosition(9.0, settled=False)), "a word has come"


def test_finalize() -> None:
    """The last result of the speech so far is marked ``from_finalize``; without one, an empty result is."""
    translator = results(ListenOptions())
    translator.request_finalize()
    (data,) = take(translator, 2, SPEAKS, PAUSES, final("We", 0, 1), settled=True)
    assert data["from_finalize"]
    assert translator.finalize_reply() == []
    translator.request_finalize()
    (data,) = translator.finalize_reply()
    assert (brief([data]), data["from_finalize"]) == (["."], True)
    assert translator.finalize_reply() == []
    translator.request_finalize()
    sent = take(translator, 4, SPEAKS, final("More.", 2, 3), final("Words.", 3, 4), settled=True)
    assert [data.get("from_finalize") for data in sent if data["type"] == "Results"] == [False, True]


def test_metadata() -> None:
    """The last message is a summary."""
    data = results().metadata("2026-01-02T03:04:05.678+00:00", "00ff", 12.5)
    ListenV1Metadata.model_validate(data)
    assert (data["sha256"], data["duration"], data["channels"]) == ("00ff", 12.5, 1)


@PROPERTY
@given(talks(longest=6))
def test_finals_are_disjoint_and_whole(talk: Talk) -> None:
    """For any speech, final results never overlap and contain each word once."""
    translator = results()
    sent = [data for event in play(make_session(), frames(talk), talk.engine) for data in take(translator, 1e6, event)]
    ended = [data for data in sent if data["type"] == "Results" and data["is_final"]]
    reached = 0.0
    for data in ended:
        assert data["start"] >= reached
        assert data["duration"] >= 0
        reached = round(data["start"] + data["duration"], 3)
    assert " ".join(data["channel"]["alternatives"][0]["transcript"] for data in ended).split() == talk.text


def test_a_drawn_talk() -> None:
    """Each utterance ends with one pause."""
    talk = make_talk("We begin now.", 1.5, "And end.")
    translator = results(ListenOptions())
    position, sent = 0.0, []
    for event in play(make_session(), frames(talk), talk.engine):
        position = max(position, getattr(event, "end", 0.0))
        sent += take(translator, position + (0.6 if event == Status("room", State.LISTENING) else 0), event)
    assert brief(sent) == ["We begin now.!", "And end.!"]


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("encoding=linear16&sample_rate=8000", ListenOptions(rate=8000)),
        ("sample_rate=48000&channels=2&model=nova-3&keyterm=a&keyterm=b", ListenOptions(rate=48000, channels=2)),
        ("sample_rate=16000&language=en-US&interim_results=true", ListenOptions(language="en", interim=True)),
        ("sample_rate=16000&language=multi&endpointing=false", ListenOptions(language="auto", endpointing=False)),
        ("sample_rate=16000&detect_language=true&endpointing=450", ListenOptions(language="auto", pause_ms=450)),
        ("sample_rate=16000&endpointing=10", ListenOptions(pause_ms=300)),
        ("sample_rate=16000&endpointing=999999", ListenOptions(pause_ms=5000)),
        ("sample_rate=16000&endpointing=0", ListenOptions(endpointing=False)),
        ("sample_rate=16000&endpointing=true", ListenOptions()),
        ("sample_rate=16000&vad_events=true", ListenOptions(vad_events=True)),
        ("sample_rate=16000&utterance_end_ms=1500", ListenOptions(utterance_end_ms=1500)),
        ("sample_rate=16000&name=desk 1", ListenOptions(name="desk-1")),
        ("sample_rate=16000&interim_results=True&multichannel=true", ListenOptions(interim=True)),
    ],
)  # fmt: skip
def test_options(query: str, options: ListenOptions) -> None:
    """Options are parsed as the SDKs write them."""
    assert parse_listen(f"/v1/listen?{query}") == options


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("", "linear16"),
        ("encoding=opus&sample_rate=16000", "'opus'"),
        ("encoding=linear16", "sample_rate"),
        ("sample_rate=fast", "'fast'"),
        ("sample_rate=7999", "8000 to 48000"),
        ("sample_rate=16000&channels=0", "channels"),
        ("sample_rate=16000&channels=2&multichannel=true", "one connection per channel"),
        ("sample_rate=16000&language=english", "'english'"),
        ("sample_rate=16000&utterance_end_ms=soon", "'soon'"),
        ("a=b&" * 300, "invalid address"),
    ],
)
def test_bad_options(query: str, word: str) -> None:
    """An invalid option is rejected, and named."""
    with pytest.raises(ClientError, match=word):
        parse_listen(f"/v1/listen?{query}")
