"""Uploads: forms, options, formats of the response, and the queue of background decodes."""

import asyncio
import io
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import Transcription, TranscriptionVerbose

from streamstt.compat.openai.errors import ApiError
from streamstt.compat.openai.formats import TranscriptionOptions, format_response
from streamstt.compat.openai.transcriptions import parse_options
from streamstt.config.settings import Settings
from streamstt.engine.background import BackgroundDecoder
from streamstt.engine.base import Job
from streamstt.engine.runner import EngineRunner
from streamstt.engine.scripted import Script, ScriptedEngine, ScriptWord
from streamstt.errors import EngineError
from streamstt.events import Final, Word
from streamstt.server.http.multipart import MAX_FIELD_BYTES, MAX_PARTS, FormError, MultipartForm

KIND = 'multipart/form-data; boundary="xx"'
CAPTIONS = [
    Final("u", "u-1", 1, 0.5, 1.5, "Hello <b>.", (Word("Hello", 0.5, 1.0, 0.9), Word("<b>.", 1.0, 1.5, 0.5)), "en"),
    Final("u", "u-2", 1, 61.5, 62.0, "Bye.", (Word("Bye.", 61.5, 62.0, 0.0),), "en"),
]


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--xx\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


def parse(body: bytes, sizes: int = 2**16) -> tuple[MultipartForm, bytes]:
    file = io.BytesIO()
    form = MultipartForm(KIND, file)
    for i in range(0, len(body), sizes):
        form.feed(body[i : i + sizes])
    form.end()
    return form, file.getvalue()


@given(content=st.binary(max_size=200), size=st.integers(1, 50))
def test_a_form_in_any_pieces(content: bytes, size: int) -> None:
    """However the body is divided, file and fields are the same, byte by byte."""
    content = content.replace(b"\r\n--xx", b"")
    file = part("file", content, '; filename="a.flac"\r\nContent-Type: audio/flac')
    form, written = parse(
        part("model", b"base") + file + part("t[]", b"word") + part("t[]", b"segment") + b"--xx--\r\n", size
    )
    assert written == content
    assert (form.fields, form.file_name) == ({"model": ["base"], "t[]": ["word", "segment"]}, "a.flac")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"hello", id="no form"),
        pytest.param(b"", id="nothing"),
        pytest.param(part("file", b"abc"), id="cut off"),
        pytest.param(part("file", b"a") + part("file", b"b") + b"--xx--\r\n", id="two files"),
        pytest.param(b"--xx\r\nContent-Type: a\r\n\r\n1\r\n--xx--\r\n", id="no name"),
        pytest.param(part("x", b"a" * MAX_FIELD_BYTES) + b"--xx--\r\n", id="a large field"),
        pytest.param(part("x", b"") * (MAX_PARTS + 1) + b"--xx--\r\n", id="many parts"),
        pytest.param(b"--xx\r\n" + b"A: b\r\n" * 100, id="many headers"),
        pytest.param(b"--xx\r\nA: " + b"b" * 9000, id="a long header"),
    ],
)
def test_invalid_forms(body: bytes) -> None:
    """A body that is not a valid form, or exceeds a limit, is rejected."""
    with pytest.raises(FormError):
        parse(body)


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data", f"multipart/form-data; boundary={'x' * 300}"]
)
def test_other_content_types(kind: str) -> None:
    """Other content types are rejected before the body arrives."""
    with pytest.raises(FormError):
        MultipartForm(kind, io.BytesIO())


def test_options() -> None:
    """Fields are parsed as the SDK writes them; an invalid one is named."""
    fields = {"language": ["en-US"], "response_format": ["verbose_json"], "timestamp_granularities[]": ["word"]}
    assert parse_options(fields, ("de", "en")) == TranscriptionOptions("en", "verbose_json", segments=False, words=True)
    assert parse_options({"stream": ["true"], "model": ["any"], "temperature": ["0"]}, ("en",)) == TranscriptionOptions(
        stream=True
    )
    wrong = {"language": "xx", "response_format": "diarized_json", "timestamp_granularities": "syllable"}
    for name, value in wrong.items():
        with pytest.raises(ApiError) as caught:
            parse_options({name: [value]}, ("en",))
        assert caught.value.param == name


def test_formats() -> None:
    """Every format of the API is valid for the SDK's types."""
    bodies = {
        form: format_response(CAPTIONS, 62.4, TranscriptionOptions(response_format=form, words=True)).body.decode()
        for form in ("json", "text", "srt", "vtt", "verbose_json")
    }
    assert Transcription.model_validate_json(bodies["json"], strict=True).text == "Hello <b>. Bye."
    assert bodies["text"] == "Hello <b>. Bye.\n"
    assert bodies["srt"].startswith("1\n00:00:00,500 --> 00:00:01,500\nHello <b>.\n\n2\n00:01:01,500 --> ")
    assert bodies["vtt"].startswith("WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nHello &lt;b&gt;.\n")
    verbose = TranscriptionVerbose.model_validate_json(bodies["verbose_json"], strict=True)
    assert verbose.segments is not None
    assert verbose.words is not None
    assert [s.text for s in verbose.segments] == ["Hello <b>.", "Bye."]
    assert [w.word for w in verbose.words] == ["Hello", "<b>.", "Bye."]
    assert (verbose.language, verbose.duration) == ("en", 62.4)
    assert "segments" not in json.loads(
        format_response(CAPTIONS, 62.4, TranscriptionOptions(response_format="verbose_json", segments=False)).body
    )


def test_segments_do_not_overlap() -> None:
    """Captions whose times overlap by rounding, or have no length, become segments that follow each other."""
    words = [("One.", 1.0, 2.2), ("Two.", 2.0, 2.0), ("Three.", 2.0, 3.0)]
    captions = [Final("u", f"u-{n}", 1, a, b, t, (Word(t, a, b, 0.9),), "en") for n, (t, a, b) in enumerate(words)]
    options = TranscriptionOptions(response_format="verbose_json")
    segments = json.loads(format_response(captions, 4.0, options).body)["segments"]
    assert all(segment["start"] < segment["end"] for segment in segments)
    assert all(before["end"] <= after["start"] for before, after in pairwise(segments))
    assert [segment["id"] for segment in segments] == [0, 1, 2]


def test_no_speech() -> None:
    """A recording without speech has an empty text in every format."""
    assert [
        format_response([], 1.0, TranscriptionOptions(response_format=form)).body for form in ("text", "srt", "vtt")
    ] == [b"\n", b"", b"WEBVTT\n\n"]
    assert json.loads(format_response([], 1.0, TranscriptionOptions(response_format="verbose_json")).body)["text"] == ""


def test_what_could_not_be_read() -> None:
    """JSON says it in ``warnings``, which are not there otherwise; other formats have no place for it."""
    problems = ["talk.mp3 is damaged from 1.0 s to 2.0 s; the rest was read"]
    for form in ("json", "verbose_json", "text", "srt", "vtt"):
        options = TranscriptionOptions(response_format=form)
        body = format_response(CAPTIONS, 62.4, options, problems).body
        whole = format_response(CAPTIONS, 62.4, options).body
        if form.endswith("json"):
            assert json.loads(body) == json.loads(whole) | {"warnings": problems}
            assert "warnings" not in json.loads(whole)
        else:
            assert body == whole


def job(at_s: int) -> Job:
    return Job("upload", at_s * 16_000, np.zeros(16_000, dtype=np.float32), final=True)


async def test_background_jobs_in_order() -> None:
    """Jobs run in order; a cancelled one is skipped; one that always fails affects only its own upload."""
    script = Script(words=(ScriptWord(text=" Hello", start=0.1, end=0.5),), poison_s=(5.5,))
    wake_ups: list[int] = []
    background = BackgroundDecoder(Settings(), lambda: wake_ups.append(1))
    with ThreadPoolExecutor(1) as thread:
        engine = EngineRunner(lambda: ScriptedEngine(script), thread)
        await engine.start()
        waiting = [asyncio.ensure_future(background.decode(job(at))) for at in (5, 0, 5, 5)]
        await asyncio.sleep(0)
        waiting[2].cancel()
        await asyncio.sleep(0)
        while await background.run_one(engine, lambda _: None):
            pass
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert len(wake_ups) == 4
    assert [type(a) for a in results] == [EngineError, type(results[1]), asyncio.CancelledError, EngineError]
    assert not isinstance(results[1], BaseException)
    assert [w.text for w in results[1].words] == [" Hello"]
    assert engine.failures == 4, "two uploads, two attempts each; the engine is not considered broken"


async def test_a_failed_engine() -> None:
    """After ``fail_all``, waiting and later jobs fail."""
    background = BackgroundDecoder(Settings(), lambda: None)
    waiting = asyncio.ensure_future(background.decode(job(0)))
    await asyncio.sleep(0)
    background.fail_all(EngineError("broken"))
    with pytest.raises(EngineError, match="broken"):
        await waiting
    with pytest.raises(EngineError, match="broken"):
        await background.decode(job(0))
