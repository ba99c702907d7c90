"""Wyoming's wire, and captions in its words; what is read and written is compared with Home Assistant's own package."""

import asyncio
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wyoming import asr, audio, event, info

from streamstt.compat.wyoming.messages import (
    TranscriptBuilder,
    make_info,
    make_transcript,
    parse_format,
    parse_language,
)
from streamstt.compat.wyoming.wire import MAX_DATA, MAX_LINE, MAX_PAYLOAD, WyomingEvent, encode_event, read_event
from streamstt.config.compat import CompatSettings
from streamstt.events import Partial
from streamstt.hub.protocol import ClientError
from tests.support.captions import ABOUT, final, partial
from tests.support.drawing import PROPERTY, Talk, frames, play, session, talks

DATA = st.dictionaries(st.text(max_size=9), st.none() | st.integers() | st.text(max_size=9), max_size=4)


async def read(data: bytes) -> WyomingEvent | None:
    reader = asyncio.StreamReader(limit=MAX_LINE)
    reader.feed_data(data)
    reader.feed_eof()
    return await read_event(reader)


@PROPERTY
@given(st.text(max_size=20), DATA, st.binary(max_size=300))
def test_their_package_reads_what_we_write(kind: str, data: dict[str, Any], payload: bytes) -> None:
    """Every parcel arrives as it was sent."""
    theirs = event.read_event(io.BytesIO(encode_event(WyomingEvent(kind, data, payload))))
    assert theirs is not None
    assert (theirs.type, theirs.data, theirs.payload or b"") == (kind, data, payload)


@PROPERTY
@given(st.text(max_size=20), DATA, st.binary(max_size=300))
def test_we_read_what_their_package_writes(kind: str, data: dict[str, Any], payload: bytes) -> None:
    """The same the other way round."""
    wire = io.BytesIO()
    event.write_event(event.Event(kind, data, payload), wire)
    assert asyncio.run(read(wire.getvalue())) == WyomingEvent(kind, data, payload)


def test_data_in_the_line() -> None:
    """Data may come in the line, beside it, or both; what is beside it counts."""
    line = b'{"type":"transcribe","data":{"language":"de","name":"base"},"data_length":17}\n{"language":"en"}'
    assert asyncio.run(read(line)) == WyomingEvent("transcribe", {"language": "en", "name": "base"})


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "bad_message"),
        (b"\n", "bad_message"),
        (b"[]\n", "bad_message"),
        (b"[" * 5000 + b"\n", "bad_message"),
        (b"\xff\xfe\n", "bad_message"),
        (b'{"type":7}\n', "bad_message"),
        (b'{"type":"x","data":[1]}\n', "bad_message"),
        (b'{"type":"x","data_length":2}\n[]', "bad_message"),
        (b'{"type":"x","data_length":"2"}\n{}', "bad_message"),
        (b'{"type":"x","data_length":true}\n{}', "bad_message"),
        (b'{"type":"x","data_length":-1}\n', "too_long"),
        (b'{"type":"x","data_length":%d}\n' % (MAX_DATA + 1), "too_long"),
        (b'{"type":"x","payload_length":%d}\n' % (MAX_PAYLOAD + 1), "too_long"),
        (b"{" * (MAX_LINE + 2), "too_long"),
    ],
)
def test_garbage(data: bytes, code: str) -> None:
    """What is no event, or announces more than a client may send, is refused before anything is kept."""
    with pytest.raises(ClientError) as caught:
        asyncio.run(read(data))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "data", [b"", b'{"type":', b'{"type":"x","data_length":9}\n{', b'{"payload_length":4,"type":"x"}\nab']
)
def test_cut_off(data: bytes) -> None:
    """A client that goes in the middle of an event has gone."""
    assert asyncio.run(read(data)) is None


def test_words_as_they_are_sure() -> None:
    """Chunks are words that cannot change any more; one caption follows the other after a space."""
    heard = TranscriptBuilder()
    assert heard.update(partial("We beg")) == ""
    assert heard.update(Partial("mic", "1", 2, 0, 1, "We begin now", 3, "en")) == "We "
    assert heard.update(final("We begin now.")) == "begin now."
    assert heard.update(Partial("mic", "2", 1, 0, 1, "And", 3, "en")) == " And"
    assert heard.update(final("And end.")) == " end."
    assert heard.update(final("")) == ""
    assert heard.text == "We begin now. And end."


@PROPERTY
@given(talks(longest=6))
def test_chunks_are_the_transcript(talk: Talk) -> None:
    """Whatever is said, the chunks put together are the whole text, and that is what was said."""
    heard = TranscriptBuilder()
    chunks = "".join(heard.update(e) for e in play(session(), frames(talk), talk.engine))
    assert chunks == heard.text == " ".join(talk.text)


def test_info() -> None:
    """Home Assistant learns which model there is, which languages it knows, and that words are told as they come."""
    (program,) = info.Info.from_event(theirs(make_info(ABOUT, ["en", "de"]))).asr
    assert (program.name, program.installed, program.version) == ("streamstt", True, "1.0")
    assert program.supports_transcript_streaming
    (model,) = program.models
    assert (model.name, model.languages, model.attribution.name) == ("base", ["en", "de"], "OpenAI")


def test_transcript() -> None:
    """The whole text, with the language that was asked for."""
    said = asr.Transcript.from_event(theirs(make_transcript("We begin.", "en")))
    assert (said.text, said.language) == ("We begin.", "en")
    assert asr.Transcript.from_event(theirs(make_transcript("", ""))).language is None


def theirs(parcel: WyomingEvent) -> event.Event:
    return event.Event(parcel.type, dict(parcel.data), parcel.payload)


def test_what_a_client_asks_for() -> None:
    """Language and form of the audio, as their package writes them."""
    assert parse_language(asr.Transcribe(language="de-CH").event().data) == "de"
    assert parse_language(asr.Transcribe().event().data) == ""
    assert parse_format(audio.AudioStart(22050, 2, 2).event().data) == (22050, 2)


@pytest.mark.parametrize("language", ["english", 7, ["en"], "e/n"])
def test_bad_language(language: object) -> None:
    """What is no code is refused."""
    with pytest.raises(ClientError, match="is not a code"):
        parse_language({"language": language})


@pytest.mark.parametrize(
    "form", [{}, {"rate": 16000, "width": 4, "channels": 1}, {"rate": "16000", "width": 2, "channels": 1},
             {"rate": 7999, "width": 2, "channels": 1}, {"rate": 16000, "width": 2, "channels": 9},
             {"rate": True, "width": 2, "channels": 1}]
)  # fmt: skip
def test_bad_audio(form: dict[str, object]) -> None:
    """What cannot be heard is refused."""
    with pytest.raises(ClientError):
        parse_format(form)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("127.0.0.1:10300", ("127.0.0.1", 10300)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:1", ("localhost", 1)),
        ("", ("", 0)),
    ],
)
def test_addresses(address: str, found: tuple[str, int]) -> None:
    """Host and port, of either kind."""
    assert CompatSettings(wyoming=address).wyoming_address == found


@pytest.mark.parametrize(
    "address", ["10300", ":10300", "127.0.0.1:70000", "::1:10300", "tcp://127.0.0.1:1", "127.0.0.1"]
)
def test_no_address(address: str) -> None:
    """What is none is refused, with an example."""
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:10300"):
        CompatSettings(wyoming=address)


@pytest.mark.parametrize("address", ["0.0.0.0:10300", "[::]:10300", "192.168.1.2:10300", "127.example:1", "example:1"])
def test_an_address_that_others_can_reach(address: str) -> None:
    """It has no tokens: that takes a setting of its own."""
    with pytest.raises(ValueError, match="wyoming_open"):
        CompatSettings(wyoming=address)
    assert CompatSettings(wyoming=address, wyoming_open=True).wyoming == address
