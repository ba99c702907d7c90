"""Deepgram's protocol on the wire: errors, lost connections, and messages that the SDK does not send."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import (
    captions,
    final_text,
    pcm_of,
    receive,
    receive_all,
    receive_until,
    wait_until_idle,
    write_script,
)
from tests.support.forked import Daemon

SETTINGS = ["compat.deepgram=true", "server.max_audio_clients=2"]
SEVEN_S = pcm_of("long_sentence")[: 2 * 16000 * 7]
PIECE = 2 * 1600  # bytes: 0.1 s
LISTEN = "/v1/listen?encoding=linear16&sample_rate=16000"


def options(*more: str) -> list[str]:
    return ["--source", "ws", *[part for name in [*SETTINGS, *more] for part in ("--set", name)]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(*write_script(tmp_path_factory.mktemp("script")), *options()) as started:
        yield started


@pytest.fixture
async def daemon(running: Daemon) -> Daemon:
    """One daemon for all tests; the clients of the previous test have left."""
    await wait_until_idle(running)
    return running


@pytest.mark.parametrize(
    ("query", "message", "code", "word"),
    [
        ("encoding=opus&sample_rate=16000", None, 1008, "bad_encoding"),
        ("encoding=linear16&sample_rate=4000", None, 1008, "bad_rate"),
        ("encoding=linear16&sample_rate=16000&language=xx", None, 1008, "bad_language"),
        ("encoding=linear16&sample_rate=16000", "hello", 1008, "DATA-0000"),
        ("encoding=linear16&sample_rate=16000", '{"type":"Sing"}', 1008, "DATA-0000"),
    ],
)
async def test_errors(daemon: Daemon, query: str, message: str | bytes | None, code: int, word: str) -> None:
    """Errors have Deepgram's form: an ``Error`` with a sentence, and a close code with its name."""
    await expect_error(daemon, query, message, code, word)


async def test_silence(tmp_path: Path) -> None:
    """A client that sends no audio for too long receives such an error, too."""
    with Daemon(*write_script(tmp_path), *options("server.audio_idle_s=1")) as impatient:
        await expect_error(impatient, "encoding=linear16&sample_rate=16000", bytes(3200), 1011, "NET-0001")


async def expect_error(daemon: Daemon, query: str, message: str | bytes | None, code: int, word: str) -> None:
    async with captions(daemon, f"/v1/listen?{query}") as client:
        if message is not None:
            await client.send(message)
        error = (await receive_all(client))[-1]
        assert (error["type"], error["variant"]) == ("Error", word)
        assert len(error["description"]) > 20
        assert client.close_code == code
        assert (client.close_reason or "").startswith(word)


async def test_gone_in_the_middle(daemon: Daemon) -> None:
    """The speech of a client before its connection was lost becomes final for viewers; its source is ``deepgram``."""
    async with captions(daemon) as viewer:
        await receive(viewer)
        async with captions(daemon, LISTEN) as client:
            await client.send(SEVEN_S[: 2 * 16000 * 3])
            await receive_until(viewer, "partial")
            client.transport.abort()
        messages = await receive_until(viewer, "final")
    assert final_text(messages).startswith("Every word of this has been")
    assert {m["source"] for m in messages} == {"deepgram"}


async def test_former_ways(daemon: Daemon) -> None:
    """An empty message ends a stream, as in older versions; a change of keyterms is answered with a failure."""
    async with captions(daemon, LISTEN) as client:
        await client.send('{"type":"Configure","keyterms":["Velmora"]}')
        assert (await receive(client))["code"] == "CONFIGURE_KEYTERMS_NOT_SUPPORTED"
        await client.send(SEVEN_S[: 2 * 16000 * 2])
        await client.send(b"")
        messages = await receive_all(client)
        assert [m["type"] for m in messages] == ["Results", "Metadata"]
        assert client.close_code == 1000


async def test_audio_in_a_burst(daemon: Daemon) -> None:
    """Even if audio arrives fast, SpeechStarted has the time of the audio in which speech started."""
    async with captions(daemon, f"{LISTEN}&vad_events=true") as client:
        for i in range(0, 2 * 16000 * 4, PIECE):
            await client.send(SEVEN_S[i : i + PIECE])
        await client.send('{"type":"CloseStream"}')
        messages = await receive_all(client)
    assert messages[0]["type"] == "SpeechStarted"
    assert messages[0]["timestamp"] < 1


async def test_too_many(daemon: Daemon) -> None:
    """A third audio client is rejected."""
    async with captions(daemon, LISTEN), captions(daemon, LISTEN), captions(daemon, LISTEN) as third:
        assert (await receive(third))["variant"] == "too_many"
        await receive_all(third)
        assert third.close_code == 1013
