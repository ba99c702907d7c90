"""Protocol v1: what goes over the wire, to the letter."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from streamstt.captioning.remote_source import RemoteSourceRequest
from streamstt.events import Event, Final, Gap, Partial, State, Status, Word
from streamstt.hub.history import Resume
from streamstt.hub.protocol import ClientError, SourceInfo, encode, make_error, make_hello, to_frame
from streamstt.server.requests import parse_resume, parse_source_request, require_end
from tests.support.captions import ABOUT, final, partial
from tests.support.drawing import PROPERTY

WORDS = (Word("Hi", 1.25, 1.5, 0.5), Word("you.", 2.0, 2.5, 1.0))


@pytest.mark.parametrize(
    ("event", "text"),
    [
        pytest.param(
            Partial("mic", "mic-7", 3, 1.25, 2.0, "Grüße an", 5, "de"),
            '{"type":"partial","seq":9,"source":"mic","id":"mic-7","rev":3,"start":1.25,"end":2.0,'
            '"text":"Grüße an","stable":5,"language":"de"}',
            id="partial",
        ),
        pytest.param(
            Final(
                "mic", "mic-7", 4, 1.25, 2.5, "Hi you.", (Word("Hi", 1.25, 1.5, 0.5), Word("you.", 2.0, 2.5, 1.0)), "en"
            ),
            '{"type":"final","seq":9,"source":"mic","id":"mic-7","rev":4,"start":1.25,"end":2.5,"text":"Hi you.",'
            '"words":[{"text":"Hi","start":1.25,"end":1.5,"probability":0.5},'
            '{"text":"you.","start":2.0,"end":2.5,"probability":1.0}],"language":"en"}',
            id="final",
        ),
        pytest.param(
            Status("mic", State.LOST, 'the "USB" one is gone'),
            '{"type":"status","seq":9,"source":"mic","state":"lost","detail":"the \\"USB\\" one is gone"}',
            id="status",
        ),
        pytest.param(Gap("mic", 1.0, 2.5), '{"type":"gap","seq":9,"source":"mic","start":1.0,"end":2.5}', id="gap"),
    ],
)
def test_events(event: Event, text: str) -> None:
    """Each event has exactly these keys in this order; text is readable, not escaped."""
    message = encode(event, 9)
    assert message.text == text
    assert message.seq == 9
    assert message.event is event
    assert json.loads(message.text) == json.loads(json.dumps(message.data))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 2**17])
def test_frames(size: int) -> None:
    """A frame is what websockets itself would send, at every length."""
    text = "ü" * (size // 2) + "x" * (size % 2)
    assert to_frame(text) == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def test_kinds() -> None:
    """Queues know which messages replace each other, and which may never be dropped."""
    assert encode(partial("x", "door"), 1).partial_of == "door"
    assert encode(final("x"), 1).partial_of is None
    assert encode(final("x"), 1).is_final
    assert not encode(partial("x"), 1).is_final


@pytest.mark.parametrize("state", State)
def test_states(state: State) -> None:
    """A state is written as its word."""
    assert encode(Status("mic", state), 1).text.count(f'"state":"{state.name.lower()}"') == 1


def test_hello() -> None:
    """The greeting says all that a client needs to begin, in this order."""
    missed = [encode(final("Hi."), 7)]
    text = make_hello(ABOUT, [SourceInfo("mic", "Stage", "2026-01-02T03:04:05.678+00:00")], 12, missed)
    assert text == (
        '{"type":"hello","protocol":1,"server":"streamstt","version":"1.0","session":"run-1",'
        '"started_at":"2026-01-02T03:04:05.678+00:00",'
        '"sources":[{"name":"mic","label":"Stage","started_at":"2026-01-02T03:04:05.678+00:00"}],'
        '"model":"base","precision":"int8","language":"en","seq":12,'
        f'"history":[{missed[0].text}]}}'
    )


def test_hello_with_a_gap() -> None:
    """``hello`` says if a client has missed more than is kept; otherwise the field is left out."""
    assert json.loads(make_hello(ABOUT, [], 0, [], gap_in_history=True))["gap_in_history"] is True
    assert "gap_in_history" not in make_hello(ABOUT, [], 0, [])


def test_error() -> None:
    """An error has a word for programs and a sentence for people."""
    assert (
        make_error(ClientError("bad_rate", 'no "rate"'))
        == '{"type":"error","code":"bad_rate","message":"no \\"rate\\""}'
    )


@pytest.mark.parametrize(
    ("target", "resume"),
    [
        ("/captions", Resume()),
        ("/captions?", Resume()),
        ("/captions?since=0", Resume(0)),
        ("/captions?since=42&session=abc", Resume(42, "abc")),
        ("/captions?since=1&since=2", Resume(2)),
        ("/captions?session=abc", Resume()),
        ("/captions?other=1", Resume()),
    ],
)
def test_resume(target: str, resume: Resume) -> None:
    """A viewer says what it has seen, or nothing."""
    assert parse_resume(target) == resume


@pytest.mark.parametrize("since", ["", "-1", "x", "1.5", "1e3", "+1", "%20 1", "9" * 16])
def test_bad_since(since: str) -> None:
    """What is no number of a message is refused, and the message says so."""
    with pytest.raises(ClientError, match="since=") as caught:
        parse_resume(f"/captions?since={since}")
    assert caught.value.code == "bad_since"
    assert caught.value.close_code == 1008


@pytest.mark.parametrize(
    ("target", "offer"),
    [
        ("/audio", RemoteSourceRequest("remote", 16000, "")),
        ("/audio?name=desk&rate=48000&language=en", RemoteSourceRequest("desk", 48000, "en")),
        ("/audio?rate=8000&language=auto", RemoteSourceRequest("remote", 8000, "auto")),
        ("/audio?language=yue", RemoteSourceRequest("remote", 16000, "yue")),
        ("/audio?name=my%20desk%2F2", RemoteSourceRequest("my-desk-2", 16000, "")),
        ("/audio?name=%2F%2F", RemoteSourceRequest("remote", 16000, "")),
        ("/audio?name=%3Cscript%3E", RemoteSourceRequest("script", 16000, "")),
        (f"/audio?name={'a' * 99}", RemoteSourceRequest("a" * 64, 16000, "")),
    ],
)
def test_audio(target: str, offer: RemoteSourceRequest) -> None:
    """A speaker may give a name, a rate and a language; a name keeps only what is safe everywhere."""
    assert parse_source_request(target) == offer


def test_label() -> None:
    """What viewers see of a speaker is text on one line, as the speaker writes it, and not long."""
    assert parse_source_request("/audio?name=Anna%27s&label=Anna%27s%20%0A%1Blaptop ").label == "Anna's laptop"
    assert len(parse_source_request(f"/audio?label={'x' * 500}").label) == 64


@pytest.mark.parametrize("rate", ["7999", "48001", "0", "-16000", "", "fast", "16000.0", "1000000", "9" * 5000])
def test_bad_rate(rate: str) -> None:
    """Rates from 8 to 48 kHz are taken; the message names them."""
    with pytest.raises(ClientError, match="8000 to 48000") as caught:
        parse_source_request(f"/audio?rate={rate}")
    assert caught.value.code == "bad_rate"
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("language", ["e", "EN", "english", "en-US", "e%0A", "en%0A"])
def test_bad_language(language: str) -> None:
    """A language is a code of two or three letters."""
    with pytest.raises(ClientError, match="en, or auto") as caught:
        parse_source_request(f"/audio?language={language}")
    assert caught.value.code == "bad_language"


@pytest.mark.parametrize("text", ['{"type":"end"}', ' {"type": "end", "more": [1]} '])
def test_end(text: str) -> None:
    """A client says that no more audio comes; what it says besides does not matter."""
    require_end(text)


@pytest.mark.parametrize(
    "text", ["", "end", '"end"', "{}", "[]", '{"type":"stop"}', '["type"]', "null", "[" * 100_000, "9" * 5000]
)
def test_no_end(text: str) -> None:
    """Any other text is refused as unsupported data, and the message shows what is understood."""
    with pytest.raises(ClientError, match=r'\{"type":"end"\}') as caught:
        require_end(text)
    assert (caught.value.code, caught.value.close_code) == ("bad_message", 1003)


PIECES = st.one_of(
    st.text(max_size=30), st.sampled_from(["since=", "rate=", "name=", "language=", "&", "=", "%", "[", "//", "?", ";"])
)


@PROPERTY
@given(st.lists(PIECES, max_size=12).map("".join))
def test_nonsense(text: str) -> None:
    """Whatever a client sends is understood, or refused with a ClientError."""
    for target in (text, f"/audio?{text}", f"/captions?since={text}", f"/audio?rate={text}", f"/audio?name={text}"):
        with suppress(ClientError):
            assert parse_resume(target).since is None or "since" in target
        with suppress(ClientError):
            assert 8000 <= parse_source_request(target).rate <= 48000
    with suppress(ClientError):
        assert require_end(text) is True


@PROPERTY
@given(st.text(max_size=200))
def test_names_are_safe(text: str) -> None:
    """A name can stand in an id, a file and a page: no spaces, no markup, not empty, not long."""
    try:
        name = parse_source_request(f"/audio?name={text}").name
    except ClientError:
        return
    assert 0 < len(name) <= 64
    assert not set(name) & set(" <>&\"'/\\:\n")
