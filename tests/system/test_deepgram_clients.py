"""Deepgram's own SDK, from the package index, connected to the daemon."""

import asyncio
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import soundfile
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from websockets.exceptions import InvalidStatus

from tests.support.daemon import (
    SCRIPT,
    SENTENCES,
    WITHIN_S,
    VisibleWords,
    captions,
    pcm_of,
    refusal_status,
    wait_until_idle,
    write_script,
)
from tests.support.forked import Daemon
from tests.support.paths import DATA

SETTINGS = ["--source", "ws", "--set", "compat.deepgram=true", "--set", "server.max_audio_clients=2"]
SEVEN_S = pcm_of("long_sentence")[: 2 * 16000 * 7]
PIECE = 2 * 1600  # bytes: 0.1 s
LISTEN = "/v1/listen?encoding=linear16&sample_rate=16000"
OPTIONS: dict[str, Any] = {"model": "nova-3", "encoding": "linear16", "sample_rate": 16000, "smart_format": True}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(*write_script(tmp_path_factory.mktemp("script")), *SETTINGS) as started:
        yield started


@pytest.fixture
async def daemon(running: Daemon) -> Daemon:
    """One daemon for all tests; the clients of the previous test have left."""
    await wait_until_idle(running)
    return running


def environment_of(daemon: Daemon) -> DeepgramClientEnvironment:
    sockets = daemon.url.replace("http", "ws", 1)
    return DeepgramClientEnvironment(base=daemon.url, production=sockets, agent=sockets, agent_rest=daemon.url)


def listen(daemon: Daemon, **options: Any) -> AbstractAsyncContextManager[Any]:
    client = AsyncDeepgramClient(api_key="any", environment=environment_of(daemon))
    return client.listen.v1.connect(**OPTIONS | options)


async def send(connection: Any, pcm: bytes, pause_s: float = 0.01) -> None:
    for i in range(0, len(pcm), PIECE):
        await connection.send_media(pcm[i : i + PIECE])
        await asyncio.sleep(pause_s)


async def until(connection: Any, kind: str) -> list[Any]:
    """Returns all messages up to the first of a type, or up to the reply to ``Finalize``."""
    messages: list[Any] = []
    async with asyncio.timeout(WITHIN_S):
        while not messages or not (
            messages[-1].type == kind or (kind == "finalized" and getattr(messages[-1], "from_finalize", False))
        ):
            messages.append(await connection.recv())
    return messages


def results(messages: list[Any], *, final: bool) -> list[Any]:
    return [m for m in messages if m.type == "Results" and m.is_final is final]


def text(result: Any) -> str:
    return result.channel.alternatives[0].transcript


async def test_the_sdk(daemon: Daemon) -> None:
    """Interim results arrive during speech, finals do not overlap, pauses are reported, and a summary comes last."""
    options = {
        "interim_results": True,
        "vad_events": True,
        "utterance_end_ms": 1000,
        "endpointing": 300,
        "language": "en-US",
    }
    async with captions(daemon) as viewer, listen(daemon, **options) as connection:
        shown = VisibleWords(viewer)
        for second in range(7):
            await send(connection, SEVEN_S[2 * 16000 * second : 2 * 16000 * (second + 1)])
            await shown.until_spoken(second + 1)
        await send(connection, bytes(2 * 16000 * 2))
        await connection.send_close_stream()
        messages = await until(connection, "Metadata")
    finals = [m for m in results(messages, final=True) if text(m)]
    assert [text(m) for m in finals] == SENTENCES
    assert len({text(m) for m in results(messages, final=False)}) >= 4
    assert finals[0].start + finals[0].duration <= finals[1].start
    assert [m.speech_final for m in results(messages, final=True)].count(True) == 1
    words = [word for m in finals for word in m.channel.alternatives[0].words]
    assert " ".join(word.punctuated_word for word in words) == SCRIPT
    assert (words[0].word, words[0].start) == ("every", 0.5)
    kinds = [m.type for m in messages]
    assert kinds[0] == "SpeechStarted"
    assert kinds.count("UtteranceEnd") == 1
    assert messages[-1].sha256 == hashlib.sha256(SEVEN_S + bytes(2 * 16000 * 2)).hexdigest()
    assert messages[-1].duration == pytest.approx(9, abs=0.01)
    assert messages[-1].request_id == finals[0].metadata.request_id


async def test_finals_only_unless_asked(daemon: Daemon) -> None:
    """Without options there are only final results and the summary; two channels are mixed down."""
    stereo, rate = soundfile.read(DATA / "long_sentence.flac", dtype="int16")
    pcm = stereo[: rate * 4].repeat(2).tobytes()
    async with listen(daemon, channels=2) as connection:
        await send(connection, pcm + b"\x01")
        await connection.send_close_stream()
        messages = await until(connection, "Metadata")
    assert {m.type for m in messages} == {"Results", "Metadata"}
    assert results(messages, final=False) == []
    assert " ".join(text(m) for m in messages[:-1] if text(m)) == f"{SENTENCES[0]} It is said"
    assert (messages[-1].channels, messages[-1].duration) == (2, pytest.approx(4, abs=0.01))


@pytest.mark.parametrize(("endpointing", "paused"), [(300, True), (450, False), (False, False)])
async def test_endpointing(daemon: Daemon, endpointing: int | bool, paused: bool) -> None:
    """The client sets the pause: 0.4 s of silence is a pause of 300 ms, but not one of 450 ms."""
    async with listen(daemon, endpointing=endpointing) as connection:
        await send(connection, SEVEN_S[: 2 * 16000 * 2], 0)
        await send(connection, bytes(2 * 16000 * 4 // 10), 0)
        if paused:
            messages = await until(connection, "Results")
            assert messages[-1].speech_final
        await connection.send_close_stream()
        messages = await until(connection, "Metadata")
        assert [m.speech_final for m in messages[:-1]] == ([] if paused else [endpointing is not False])


async def test_finalize_and_keep_alive(tmp_path: Path) -> None:
    """``Finalize`` makes all speech so far final, and audio continues; ``KeepAlive`` keeps an idle connection open."""
    with Daemon(*write_script(tmp_path), *SETTINGS, "--set", "server.audio_idle_s=4") as daemon:
        await finalize_and_keep_alive(daemon)


async def finalize_and_keep_alive(daemon: Daemon) -> None:
    async with listen(daemon) as connection:
        await send(connection, SEVEN_S[: 2 * 16000 * 2], 0)
        await connection.send_finalize()
        first = await until(connection, "finalized")
        started = time.monotonic()
        while time.monotonic() - started < 5:  # longer than a client may be silent
            await asyncio.sleep(0.3)
            await connection.send_keep_alive()
        await connection.send_finalize()
        (nothing,) = await until(connection, "finalized")
        assert (text(nothing), nothing.is_final) == ("", True)
        await send(connection, SEVEN_S[2 * 16000 * 2 : 2 * 16000 * 4], 0)
        await connection.send_close_stream()
        last = await until(connection, "Metadata")
    transcript = " ".join(text(m) for m in [*first, *last[:-1]] if text(m))
    assert transcript == f"{SENTENCES[0]} It is said"


def test_the_sdk_with_threads(daemon: Daemon) -> None:
    """The blocking client with its listener in a thread, as in Deepgram's examples, ends without an error."""
    messages: list[Any] = []
    errors: list[Any] = []
    client = DeepgramClient(api_key="any", environment=environment_of(daemon))
    with client.listen.v1.connect(**OPTIONS, interim_results=True) as connection:
        connection.on(EventType.MESSAGE, messages.append)
        connection.on(EventType.ERROR, errors.append)
        listener = threading.Thread(target=connection.start_listening)
        listener.start()
        for i in range(0, len(SEVEN_S), PIECE):
            connection.send_media(SEVEN_S[i : i + PIECE])
            time.sleep(0.005)
        connection.send_close_stream()
        listener.join(WITHIN_S)
    assert " ".join(text(m) for m in results(messages, final=True) if text(m)) == SCRIPT
    assert (messages[-1].type, errors) == ("Metadata", [])


async def test_keys_and_the_end_of_the_daemon(tmp_path: Path) -> None:
    """The SDK's key is a token with the role speaker. A stopping daemon sends the last words and a summary first."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"viewer {'v' * 20}\nspeaker {'s' * 20}\n")
    closed = ["--set", "server.require_token=true", "--set", f"server.token_file={tokens}"]
    with Daemon(*write_script(tmp_path), *SETTINGS, *closed) as stopping:
        assert await refusal_status(stopping, LISTEN) == 401
        assert await refusal_status(stopping, LISTEN, Authorization=f"Token {'v' * 20}") == 403
        wrong = DeepgramClient(api_key="x" * 20, environment=environment_of(stopping))
        with pytest.raises((ApiError, InvalidStatus), match="401"), wrong.listen.v1.connect(**OPTIONS):
            pass
        right = AsyncDeepgramClient(api_key="s" * 20, environment=environment_of(stopping))
        async with right.listen.v1.connect(**OPTIONS, interim_results=True) as connection:
            await send(connection, SEVEN_S[: 2 * 16000 * 3], 0.01)
            while "this has been" not in text(await connection.recv()):
                pass  # until the daemon has received it
            code = asyncio.create_task(asyncio.to_thread(stopping.stop))
            messages = await until(connection, "Metadata")
        assert await code == 0
    assert text(results(messages, final=True)[-1]).startswith("Every word of this has been")
    assert "s" * 20 not in stopping.log
