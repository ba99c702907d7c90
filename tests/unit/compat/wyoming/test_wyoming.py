"""Wyoming's wire format and events, compared with Home Assistant's own package."""

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
from tests.support.drawing import PROPERTY, Talk, frames, make_session, play, talks

DATA = st.dictionaries(st.text(max_size=9), st.none() | st.integers() | st.text(max_size=9), max_size=4)


async def read(data: bytes) -> WyomingEvent | None:
    reader = asyncio.StreamReader(limit=MAX_LINE)
    reader.feed_data(data)
    reader.feed_eof()
    return await read_event(reader)


@PROPERTY
@given(st.text(max_size=20), DATA, st.binary(max_size=300))
def test_their_package_reads_what_we_write(kind: str, data: dict[str, Any], payload: bytes) -> None:
    """Their package reads every event as it was written."""
    theirs = event.read_event(io.BytesIO(encode_event(WyomingEvent(kind, data, payload))))
    assert theirs is not None
    assert (theirs.type, theirs.data, theirs.payload or b"") == (kind, data, payload)


@PROPERTY
@given(st.text(max_size=20), DATA, st.binary(max_size=300))
def test_we_read_what_their_package_writes(kind: str, data: dict[str, Any], payload: bytes) -> None:
    """We read every event as their package wrote it."""
    wire = io.BytesIO()
    event.write_event(event.Event(kind, data, payload), wire)
    assert asyncio.run(read(wire.getvalue())) == WyomingEvent(kind, data, payload)


def test_data_in_the_line() -> None:
    """Data may be in the line, after it, or both; the data after it takes precedence."""
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
    """Data that is not an event, or announces too much, is rejected before anything is stored."""
    with pytest.raises(ClientError) as caught:
        asyncio.run(read(data))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "data", [b"", b'{"type":', b'{"type":"x","data_length":9}\n{', b'{"payload_length":4,"type":"x"}\nab']
)
def test_cut_off(data: bytes) -> None:
    """The end of the connection within an event counts as a disconnect."""
    assert asyncio.run(read(data)) is None


def test_stable_words() -> None:
    """Chunks are stable words; captions are separated by a space."""
    builder = TranscriptBuilder()
    assert builder.update(partial("We beg")) == ""
    assert builder.update(Partial("mic", "1", 2, 0, 1, "We begin now", 3, "en")) == "We "
    assert builder.update(final("We begin now.")) == "begin now."
    assert builder.update(Partial("mic", "2", 1, 0, 1, "And", 3, "en")) == " And"
    assert builder.update(final("And end.")) == " end."
    assert builder.update(final("")) == ""
    assert builder.text == "We begin now. And end."


@PROPERTY
@given(talks(longest=6))
def test_chunks_are_the_transcript(talk: Talk) -> None:
    """For any speech, the chunks together are the transcript, which contains all spoken words."""
    builder = TranscriptBuilder()
    chunks = "".join(builder.update(e) for e in play(make_session(), frames(talk), talk.engine))
    assert chunks == builder.text == " ".join(talk.text)


def test_info() -> None:
    """Home Assistant receives the model, its languages, and that transcripts are streamed."""
    (program,) = info.Info.from_event(theirs(make_info(ABOUT, ["en", "de"]))).asr
    assert (program.name, program.installed, program.version) == ("streamstt", True, "1.0")
    assert program.supports_transcript_streaming
    (model,) = program.models
    assert (model.name, model.languages, model.attribution.name) == ("base", ["en", "de"], "OpenAI")


def test_transcript() -> None:
    """A transcript has the whole text and the requested language."""
    transcript = asr.Transcript.from_event(theirs(make_transcript("We begin.", "en")))
    assert (transcript.text, transcript.language) == ("We begin.", "en")
    assert asr.Transcript.from_event(theirs(make_transcript("", ""))).language is None


def theirs(ours: WyomingEvent) -> event.Event:
    return event.Event(ours.type, dict(ours.data), ours.payload)


def test_options() -> None:
    """Language and audio format are parsed as their package writes them."""
    assert parse_language(asr.Transcribe(language="de-CH").event().data) == "de"
    assert parse_language(asr.Transcribe().event().data) == ""
    assert parse_format(audio.AudioStart(22050, 2, 2).event().data) == (22050, 2)


@pytest.mark.parametrize("language", ["english", 7, ["en"], "e/n"])
def test_bad_language(language: object) -> None:
    """A value that is not a language code is rejected."""
    with pytest.raises(ClientError, match="is not a code"):
        parse_language({"language": language})


@pytest.mark.parametrize(
    "audio_format", [{}, {"rate": 16000, "width": 4, "channels": 1}, {"rate": "16000", "width": 2, "channels": 1},
             {"rate": 7999, "width": 2, "channels": 1}, {"rate": 16000, "width": 2, "channels": 9},
             {"rate": True, "width": 2, "channels": 1}]
)  # fmt: skip
def test_bad_audio(audio_format: dict[str, object]) -> None:
    """Missing or unsupported audio formats are rejected."""
    with pytest.raises(ClientError):
        parse_format(audio_format)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:10300", ("127.0.0.1", 10300)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:1", ("localhost", 1)),
        ("", ("", 0)),
    ],
)
def test_addresses(address: str, expected: tuple[str, int]) -> None:
    """Host and port are parsed, also of IPv6."""
    assert CompatSettings(wyoming=address).wyoming_address == expected


@pytest.mark.parametrize(
    "address", ["10300", ":10300", "127.0.0.1:70000", "::1:10300", "tcp://127.0.0.1:1", "127.0.0.1"]
)
def test_invalid_addresses(address: str) -> None:
    """An invalid address is rejected with an example."""
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:10300"):
        CompatSettings(wyoming=address)


@pytest.mark.parametrize("address", ["0.0.0.0:10300", "[::]:10300", "192.168.1.2:10300", "127.example:1", "example:1"])
def test_an_address_that_others_can_reach(address: str) -> None:
    """An address that others can reach needs another setting, because there are no tokens."""
    with pytest.raises(ValueError, match="wyoming_open"):
        CompatSettings(wyoming=address)
    assert CompatSettings(wyoming=address, wyoming_open=True).wyoming == address
