"""OpenAI's own SDK, from the package index, and curl, connected to the daemon."""

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_args

import numpy as np
import openai
import pytest
import soundfile
from openai import AsyncOpenAI, OpenAI
from openai.types.beta.realtime import RealtimeServerEvent as FormerEvent
from openai.types.beta.realtime.transcription_session import TranscriptionSession
from openai.types.realtime import RealtimeServerEvent as PresentEvent
from pydantic import BaseModel

from tests.support.daemon import (
    DATA,
    SCRIPT,
    SENTENCES,
    WITHIN_S,
    VisibleWords,
    captions,
    get,
    pcm_of,
    receive,
    refusal_status,
    resampled,
    wait_until_idle,
    write_script,
)
from tests.support.forked import Daemon
from tests.support.media import RATE, Track, write_media

SPEECH = resampled("long_sentence", 24_000)[: 2 * 24_000 * 7]
SILENCE = bytes(2 * 24_000 * 2)
PIECE = 2 * 2400  # bytes: 0.1 s
LONG = DATA / "long_sentence.flac"
VAD = {"type": "server_vad"}
INTENT = {"intent": "transcription"}
DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"


SETTINGS = ["--source", "ws", "--set", "compat.openai=true"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(*write_script(tmp_path_factory.mktemp("script")), *SETTINGS) as started:
        yield started
        assert "Traceback" not in started.log


@pytest.fixture
async def daemon(running: Daemon) -> Daemon:
    """One daemon for all tests; the clients of the previous test have left."""
    await wait_until_idle(running)
    return running


opened: list[AsyncOpenAI] = []  # by the test that runs


@pytest.fixture(autouse=True)
async def close_clients() -> AsyncIterator[None]:
    """Closes the test's clients: one that is forgotten reports an error in whichever test runs when it is collected."""
    yield
    for client in opened:
        await client.close()
    opened.clear()


def client_of(daemon: Daemon) -> AsyncOpenAI:
    sockets = daemon.url.replace("http", "ws", 1)
    url, sockets = f"{daemon.url}/v1", f"{sockets}/v1"
    opened.append(AsyncOpenAI(api_key="any", base_url=url, websocket_base_url=sockets, max_retries=0))
    return opened[-1]


def models_of(union: Any) -> dict[str, type[BaseModel]]:
    """Returns the SDK's model of each event, by type."""
    return {get_args(m.model_fields["type"].annotation)[0]: m for m in get_args(get_args(union)[0])}


PRESENT, FORMER = models_of(PresentEvent), models_of(FormerEvent)


async def receive_events(connection: Any, until: str, models: dict[str, type[BaseModel]]) -> list[dict[str, Any]]:
    """Returns all events up to one of a type; each must be valid for the SDK's model."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(WITHIN_S):
        while not events or events[-1]["type"] != until:
            events.append(json.loads(await connection.recv_bytes()))
            validate(events[-1], models)
    return events


def validate(event: dict[str, Any], models: dict[str, type[BaseModel]]) -> None:
    if event["type"].startswith("transcription_session."):
        # The SDK has no such event, and its model of a session requires a secret, which does not exist over WebSocket.
        TranscriptionSession.model_validate(event["session"] | {"client_secret": {"expires_at": 0, "value": ""}})
    else:
        models[event["type"]].model_validate(event, strict=True)


async def append(connection: Any, pcm: bytes) -> None:
    for i in range(0, len(pcm), PIECE):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[i : i + PIECE]).decode())
        await asyncio.sleep(0.005)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [e["type"] for e in events if e["type"] != DELTA]


def joined_deltas(events: list[dict[str, Any]]) -> str:
    return "".join(e["delta"] for e in events if e["type"] == DELTA)


async def test_realtime(daemon: Daemon) -> None:
    """Deltas arrive while words are spoken; when the speaker pauses, the turn is committed and completed."""
    async with (
        captions(daemon) as viewer,
        client_of(daemon).realtime.connect(extra_query=INTENT) as connection,
    ):
        await connection.session.update(
            session={
                "type": "transcription",
                "audio": {"input": {"transcription": {"model": "whisper-1", "language": "en"}, "turn_detection": VAD}},
            }
        )
        assert kinds(await receive_events(connection, "session.updated", PRESENT)) == [
            "session.created",
            "session.updated",
        ]
        shown = VisibleWords(viewer)
        for second in range(7):
            await append(connection, SPEECH[2 * 24_000 * second : 2 * 24_000 * (second + 1)])
            await shown.until_spoken(second + 1)
        speaking = asyncio.create_task(append(connection, SILENCE))
        events = await receive_events(connection, COMPLETED, PRESENT)
        await speaking
    assert kinds(events) == [
        *(f"input_audio_buffer.{suffix}" for suffix in ("speech_started", "speech_stopped", "committed")),
        "conversation.item.added",
        "conversation.item.done",
        COMPLETED,
    ]
    assert events[-1]["transcript"] == joined_deltas(events) == SCRIPT
    assert sum(e["type"] == DELTA for e in events) >= 5
    first, stopped = events[0]["audio_start_ms"], next(e["audio_end_ms"] for e in events if "audio_end_ms" in e)
    assert 0 <= first < 500  # ms: the first word begins there
    assert 6450 < stopped < 9000  # ms: the last word ends there
    assert events[-1]["usage"]["seconds"] == pytest.approx((stopped - first) / 1000)


async def test_former_realtime(daemon: Daemon) -> None:
    """The beta of the API: other event names, the same text."""
    async with client_of(daemon).beta.realtime.connect(model="whisper-1", extra_query=INTENT) as connection:
        await connection.transcription_session.update(
            session={"input_audio_format": "pcm16", "input_audio_transcription": {"model": "whisper-1"}}
        )
        names = ["transcription_session.created", "transcription_session.updated"]
        assert kinds(await receive_events(connection, names[1], FORMER)) == names
        speaking = asyncio.create_task(append(connection, SPEECH + SILENCE))
        events = await receive_events(connection, COMPLETED, FORMER)
        await speaking
    assert "conversation.item.created" in kinds(events)
    assert events[-1]["transcript"] == joined_deltas(events) == SCRIPT


async def test_the_client_commits(daemon: Daemon) -> None:
    """With turn_detection null the client ends turns; silences are ignored, and errors do not close the connection."""
    async with client_of(daemon).realtime.connect(extra_query=INTENT) as connection:
        await connection.session.update(session={"type": "transcription", "audio": {"input": {"turn_detection": None}}})
        await connection.input_audio_buffer.commit(event_id="too-early")
        error = (await receive_events(connection, "error", PRESENT))[-1]["error"]
        assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "too-early")
        await append(connection, SPEECH + SILENCE)
        await connection.input_audio_buffer.commit()
        events = await receive_events(connection, COMPLETED, PRESENT)
        assert kinds(events)[0] == "input_audio_buffer.committed"
        assert events[-1]["transcript"] == joined_deltas(events) == SCRIPT
        await append(connection, SILENCE)
        await connection.input_audio_buffer.commit()
        assert (await receive_events(connection, COMPLETED, PRESENT))[-1]["transcript"] == ""
        await append(connection, SPEECH)
        await connection.input_audio_buffer.clear()
        await append(connection, SILENCE)
        await connection.input_audio_buffer.commit()
        events = await receive_events(connection, COMPLETED, PRESENT)
        assert "input_audio_buffer.cleared" in kinds(events)
        assert events[-1]["transcript"] == ""


async def test_a_commit_in_mid_sentence(daemon: Daemon) -> None:
    """A committed turn is completed when its last word is final, not with the words that were stable by then."""
    async with client_of(daemon).realtime.connect(extra_query=INTENT) as connection:
        await connection.session.update(session={"type": "transcription", "audio": {"input": {"turn_detection": None}}})
        await connection.input_audio_buffer.append(audio=base64.b64encode(SPEECH[: 2 * 24_000 * 3]).decode())
        await connection.input_audio_buffer.commit()
        transcript = (await receive_events(connection, COMPLETED, PRESENT))[-1]["transcript"]
        assert transcript == "Every word of this has been written down"


async def test_unsupported_realtime_events(daemon: Daemon) -> None:
    """Unsupported and invalid events are answered with errors, and the connection continues."""
    async with client_of(daemon).realtime.connect(extra_query=INTENT) as connection:
        events: list[Any] = [
            {"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}},
            {"type": "session.update", "session": {"type": "realtime"}},
            {"type": "response.create"},
            {"type": "input_audio_buffer.append", "audio": "no base64!"},
            {"type": "input_audio_buffer.append"},
            {"type": "conversation.item.create", "item": {}},
            {"type": "response.create", "event_id": "\ud800"},
            {},
            [],
        ]  # fmt: skip
        for event in events:
            await connection.send_raw(json.dumps(event))
            error = (await receive_events(connection, "error", PRESENT))[-1]["error"]
            assert error["type"] == "invalid_request_error"
        await connection.send_raw("no JSON")
        assert (await receive_events(connection, "error", PRESENT))[-1]["error"]["code"] == "invalid_json"
        await append(connection, SPEECH + SILENCE)
        assert (await receive_events(connection, COMPLETED, PRESENT))[-1]["transcript"] == SCRIPT


async def test_no_audio(script: list[str]) -> None:
    """A client that sends no audio for too long receives an error."""
    with Daemon(*script, *SETTINGS, "--set", "server.audio_idle_s=1") as impatient:
        async with client_of(impatient).realtime.connect(extra_query=INTENT) as connection:
            assert (await receive_events(connection, "error", PRESENT))[-1]["error"]["code"] == "idle"


async def test_a_long_message_and_a_flood(daemon: Daemon) -> None:
    """A recording may arrive in large pieces, faster than real time, and is transcribed completely."""
    async with client_of(daemon).realtime.connect(extra_query=INTENT) as connection:
        await connection.session.update(session={"type": "transcription", "audio": {"input": {"turn_detection": None}}})
        await connection.input_audio_buffer.append(audio=base64.b64encode(SPEECH).decode())
        for _ in range(2000):  # 5 ms each
            await connection.input_audio_buffer.append(audio=base64.b64encode(bytes(240)).decode())
        await connection.input_audio_buffer.commit()
        assert (await receive_events(connection, COMPLETED, PRESENT))[-1]["transcript"] == SCRIPT


async def test_viewers_follow_realtime(daemon: Daemon) -> None:
    """Such a client is a source like any other, under its name."""
    async with captions(daemon) as viewer:
        await receive(viewer)
        query = {**INTENT, "name": "desk"}
        async with client_of(daemon).realtime.connect(extra_query=query) as connection:
            await append(connection, SPEECH + SILENCE)
            await receive_events(connection, COMPLETED, PRESENT)
            while (message := await receive(viewer))["type"] != "final":
                pass
            assert (message["source"], message["text"]) == ("desk", SENTENCES[0])


@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt", "verbose_json"])
async def test_a_file(daemon: Daemon, form: Any) -> None:
    """A recording in each format of the API; viewers do not see its captions."""
    async with captions(daemon) as viewer:
        seq = (await receive(viewer))["seq"]
        transcription = await client_of(daemon).audio.transcriptions.create(
            file=LONG, model="whisper-1", response_format=form, timestamp_granularities=["word", "segment"]
        )
        now = await receive_seq(daemon)
        while seq < now:
            message = await receive(viewer)
            assert message["type"] not in {"partial", "final"}, "an upload is not published"
            seq = message.get("seq", seq)
    text = transcription if isinstance(transcription, str) else transcription.text
    words = " ".join(text.split())  # without the line breaks of cues
    assert all(sentence in words for sentence in SENTENCES)
    if isinstance(transcription, openai.types.audio.TranscriptionVerbose):
        assert transcription.segments
        assert transcription.words
        assert transcription.segments[0].text == SENTENCES[0]
        assert transcription.words[0].model_dump() == {"word": "Every", "start": 0.5, "end": 0.75}
        assert transcription.duration == pytest.approx(soundfile.info(LONG).duration, abs=0.01)


async def receive_seq(daemon: Daemon) -> int:
    async with captions(daemon) as viewer:
        return int((await receive(viewer))["seq"])


async def test_a_streamed_file(daemon: Daemon) -> None:
    """Captions are streamed one by one; together they are the whole text."""
    stream = await client_of(daemon).audio.transcriptions.create(file=LONG, model="any", stream=True, language="en")
    events = [event async for event in stream]
    assert [e.type for e in events[-2:]] == ["transcript.text.delta", "transcript.text.done"]
    assert "".join(e.delta for e in events if e.type == "transcript.text.delta") == events[-1].text
    assert len(events) > 5


@pytest.mark.parametrize("form", ["mp3", "ogg", "wav", "m4a", "webm"])
def test_other_kinds_of_file(daemon: Daemon, form: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every format that libsndfile or FFmpeg read is transcribed, whatever the file's name."""
    path = tmp_path_factory.mktemp("recording") / f"talk.{form}"
    samples, rate = soundfile.read(LONG, dtype="float32")
    if form in {"m4a", "webm"}:
        sound = np.repeat(samples[: 8 * rate], RATE // rate)
        write_media(path, [Track(sound)], "aac" if form == "m4a" else "libopus")
    else:
        soundfile.write(path, samples[: 8 * rate], rate)
    with OpenAI(api_key="any", base_url=f"{daemon.url}/v1", max_retries=0) as client:
        assert client.audio.transcriptions.create(file=("talk", path.read_bytes()), model="any").text == SCRIPT


async def test_a_silent_file(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file without speech has no words, streamed or not."""
    path = tmp_path_factory.mktemp("recording") / "silence.wav"
    soundfile.write(path, [0.0] * 32_000, 16_000)
    transcriptions = client_of(daemon).audio.transcriptions
    assert (await transcriptions.create(file=path, model="any")).text == ""
    events = [event async for event in await transcriptions.create(file=path, model="any", stream=True)]
    assert [(e.type, e.text) for e in events if e.type == "transcript.text.done"] == [("transcript.text.done", "")]


@pytest.mark.parametrize(
    ("name", "content", "options", "param", "hint"),
    [
        ("talk.m4a", b"\0\0\0\x20ftypM4A " * 20, {}, "file", "talk.m4a has no index"),
        ("talk.txt", b"not audio", {}, "file", "talk.txt is not audio that can be read"),
        ("talk.flac", LONG.read_bytes(), {"extra_body": {"track": 2}}, "file", "it has 1 audio track"),
        ("empty.wav", b"", {}, "file", "is empty"),
        ("talk.flac", LONG.read_bytes()[:100], {}, "file", "talk.flac"),
        ("talk.flac", b"x", {"response_format": "diarized_json"}, "response_format", "verbose_json"),
        ("talk.flac", b"x", {"language": "xx"}, "language", "en"),
    ],
)
async def test_mistakes(daemon: Daemon, name: str, content: bytes, options: Any, param: str, hint: str) -> None:
    """An invalid option is answered with status 400, the parameter and its choices."""
    with pytest.raises(openai.BadRequestError) as caught:
        await client_of(daemon).audio.transcriptions.create(file=(name, content), model="any", **options)
    assert (caught.value.param, caught.value.type) == (param, "invalid_request_error")
    assert hint in caught.value.message
    assert "/tmp" not in caught.value.message


async def test_models(daemon: Daemon) -> None:
    """The list of models has only the loaded one."""
    models = client_of(daemon).models
    assert [model.id async for model in await models.list()] == ["script"]
    assert (await models.retrieve("script")).owned_by == "streamstt"


def test_curl(daemon: Daemon) -> None:
    """The example of OpenAI's documentation, and a large file, for which curl sends Expect first."""
    url, form = f"{daemon.url}/v1/audio/transcriptions", ["-F", "model=whisper-1", "-F", "response_format=text"]
    for name in ("@" + str(LONG), "@-"):
        pcm = subprocess.run(["cat", LONG], capture_output=True, check=True).stdout
        done = subprocess.run(
            ["curl", "-s", url, *form, "-F", f"file={name}"], capture_output=True, input=pcm, check=True
        )
        assert done.stdout.decode().startswith(SCRIPT)
    patient = ["-H", "Expect: 100-continue"]
    large = wav_file(pcm_of("long_sentence") * 2)
    done = subprocess.run(
        ["curl", "-sv", url, *form, "-F", "file=@-", *patient], capture_output=True, input=large, check=True
    )
    assert b"100 Continue" in done.stderr
    assert done.stdout.decode().startswith(SCRIPT)


def wav_file(pcm: bytes) -> bytes:
    """Returns a WAV file with s16le at 16 kHz."""
    size = len(pcm).to_bytes(4, "little")
    head = (
        b"fmt \x10\0\0\0\x01\0\x01\0"
        + (16_000).to_bytes(4, "little")
        + (32_000).to_bytes(4, "little")
        + b"\x02\0\x10\0"
    )
    return b"RIFF" + (36 + len(pcm)).to_bytes(4, "little") + b"WAVE" + head + b"data" + size + pcm


async def test_switched_off(script: list[str]) -> None:
    """Until it is enabled, every path names its setting, in a form that the SDK understands."""
    with Daemon(*script, "--source", "ws") as daemon:
        hint = "compat.openai = true"
        with pytest.raises(openai.NotFoundError, match=hint):
            await client_of(daemon).audio.transcriptions.create(file=LONG, model="any")
        with pytest.raises(openai.NotFoundError, match=hint):
            await client_of(daemon).models.list()
        assert get(f"{daemon.url}/v1/audio/transcriptions")[0] == 404
        assert await refusal_status(daemon, "/v1/realtime") == 404
