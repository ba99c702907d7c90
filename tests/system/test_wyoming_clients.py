"""Clients of the ``wyoming`` package, as Home Assistant uses it, on the daemon's Wyoming port."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong

from tests.support.daemon import (
    SCRIPT,
    SENTENCES,
    WITHIN_S,
    VisibleWords,
    captions,
    final_text,
    pcm_of,
    receive,
    receive_until,
    resampled,
    wait_until_idle,
    write_script,
)
from tests.support.forked import Daemon, run

SETTINGS = ["--source", "ws", "--set", "compat.wyoming=127.0.0.1:0", "--set", "server.max_audio_clients=3"]
SEVEN_S = pcm_of("long_sentence")[: 2 * 16000 * 7]
PIECE = 2048  # bytes, as Home Assistant sends


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(*write_script(tmp_path_factory.mktemp("script")), *SETTINGS) as started:
        yield started


@pytest.fixture
async def daemon(running: Daemon) -> Daemon:
    """One daemon for all tests; the clients of the previous test have left."""
    await wait_until_idle(running)
    return running


def port_of(daemon: Daemon) -> int:
    daemon.wait_for_log("Wyoming")
    match = re.search(r"tcp://127\.0\.0\.1:(\d+)", daemon.log)
    assert match
    return int(match[1])


@asynccontextmanager
async def connected(daemon: Daemon) -> AsyncIterator[AsyncTcpClient]:
    async with AsyncTcpClient("127.0.0.1", port_of(daemon), read_timeout=WITHIN_S) as client:
        yield client


async def speak(client: AsyncTcpClient, pcm: bytes, rate: int = 16000) -> None:
    """Sends an audio stream without its end."""
    await client.write_event(AudioStart(rate, 2, 1).event())
    await send(client, pcm, rate)


async def send(client: AsyncTcpClient, pcm: bytes, rate: int = 16000) -> None:
    for i in range(0, len(pcm), PIECE):
        await client.write_event(AudioChunk(rate, 2, 1, pcm[i : i + PIECE]).event())


async def until(client: AsyncTcpClient, kind: str) -> list[Event]:
    """Returns all events up to the first of a type."""
    events: list[Event] = []
    while not events or events[-1].type != kind:
        event = await client.read_event()
        assert event is not None, f"closed after {events}"
        events.append(event)
    return events


async def test_as_home_assistant_does(daemon: Daemon) -> None:
    """Home Assistant sends describe on one connection and audio on another; the transcript follows the audio."""
    async with connected(daemon) as client:
        await client.write_event(Describe().event())
        info = Info.from_event(await client.read_event())
    (program,) = info.asr
    assert program.models[0].languages == ["en"]
    async with connected(daemon) as client:
        await client.write_event(Transcribe(language="en").event())
        await speak(client, SEVEN_S)
        await client.write_event(AudioStop().event())
        transcript = Transcript.from_event((await until(client, "transcript"))[-1])
    assert transcript == Transcript(SCRIPT, language="en")


async def test_words_while_they_are_spoken(daemon: Daemon) -> None:
    """Stable words are sent in chunks before the audio ends; together they are the transcript."""
    async with captions(daemon) as viewer, connected(daemon) as client:
        shown = VisibleWords(viewer)
        await speak(client, b"")
        for second in range(7):
            await send(client, SEVEN_S[2 * 16000 * second : 2 * 16000 * (second + 1)])
            await shown.until_spoken(second + 1)
        early = await until(client, "transcript-chunk")
        assert TranscriptStart.is_type(early[0].type)
        await client.write_event(AudioStop().event())
        late = await until(client, "transcript-stop")
    assert TranscriptStop.is_type(late[-1].type)
    transcript = Transcript.from_event(late[-2]).text
    chunks = [TranscriptChunk.from_event(e).text for e in [*early, *late] if TranscriptChunk.is_type(e.type)]
    assert "".join(chunks) == transcript == SCRIPT
    assert len(chunks) >= 3


async def test_several_streams_and_connections(daemon: Daemon) -> None:
    """A connection carries several streams of any rate, while another one is active; pings are answered."""

    async def one(pcm: bytes, rate: int) -> str:
        async with connected(daemon) as client:
            texts = []
            for _ in range(2):
                await speak(client, pcm, rate)
                await client.write_event(Ping("here").event())
                await client.write_event(AudioStop().event())
                events = await until(client, "transcript-stop")
                assert [Pong.from_event(e).text for e in events if Pong.is_type(e.type)] == ["here"]
                texts.append(Transcript.from_event(events[-2]).text)
            assert texts[0] == texts[1]
            return texts[0]

    eight = resampled("long_sentence", 8000)[: 2 * 8000 * 4]
    both = await asyncio.gather(one(SEVEN_S[: 2 * 16000 * 4], 16000), one(eight, 8000))
    assert [text.startswith(SENTENCES[0]) for text in both] == [True, True], both


async def test_gone_in_the_middle(daemon: Daemon) -> None:
    """The speech of a client before its connection was lost becomes final for viewers; its source is ``wyoming``."""
    async with captions(daemon) as viewer:
        await receive(viewer)
        async with connected(daemon) as client:
            await speak(client, SEVEN_S[: 2 * 16000 * 3])
            while "this has been" not in (await receive_until(viewer, "partial"))[-1]["text"]:
                pass  # until the daemon has received it
        messages = await receive_until(viewer, "final")
    assert final_text(messages).startswith("Every word of this has been")
    assert {m["source"] for m in messages} == {"wyoming"}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (Event("transcribe", {"language": "english"}), "bad_language"),
        (Event("audio-start", {"rate": 16000, "width": 4, "channels": 1}), "bad_audio"),
        (Event("audio-start", {"rate": 4000, "width": 2, "channels": 1}), "bad_rate"),
        (Event("audio-start", {"rate": 16000, "width": 2, "channels": 1}, bytes(2**20 + 1)), "too_long"),
    ],
)
async def test_errors(daemon: Daemon, event: Event, code: str) -> None:
    """Invalid events are answered with an ``error``, and the connection is closed."""
    await expect_error(daemon, event, code)


async def test_silence(tmp_path: Path) -> None:
    """An idle client receives such an error, too; unknown events are ignored."""
    with Daemon(*write_script(tmp_path), *SETTINGS, "--set", "server.audio_idle_s=1") as impatient:
        await expect_error(impatient, Event("synthesize", {"text": "Hello."}), "idle")


async def expect_error(daemon: Daemon, event: Event, code: str) -> None:
    async with connected(daemon) as client:
        await client.write_event(event)
        error = Error.from_event((await until(client, "error"))[-1])
        assert error.code == code
        assert len(error.text) > 20
        assert await client.read_event() is None


async def test_unknown_language(daemon: Daemon) -> None:
    """A language that the model does not know is rejected when audio starts."""
    async with connected(daemon) as client:
        await client.write_event(Transcribe(language="xx").event())
        await client.write_event(AudioStart(16000, 2, 1).event())
        assert Error.from_event((await until(client, "error"))[-1]).code == "bad_language"


def test_a_web_page_gets_nowhere(daemon: Daemon) -> None:
    """A browser that is made to send events to this port is disconnected at its first line."""
    body = b'{"type":"describe"}\n' * 3
    with socket.create_connection(("127.0.0.1", port_of(daemon)), timeout=WITHIN_S) as page:
        page.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n" + body)
        answer = b""
        while part := page.recv(4096):
            answer += part
    assert b"not a JSON object" in answer
    assert b"asr" not in answer
    daemon.wait_for_log("Wyoming client: not a JSON object")


async def test_too_many(daemon: Daemon) -> None:
    """Streams count as audio clients, and connections have their own limit."""
    async with (
        connected(daemon) as one,
        captions(daemon, "/audio"),
        captions(daemon, "/audio"),
        connected(daemon) as two,
    ):
        await speak(one, bytes(PIECE))
        await until(one, "transcript-start")
        await speak(two, bytes(PIECE))
        assert Error.from_event((await until(two, "error"))[-1]).code == "too_many"
    port = port_of(daemon)
    crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(33)]
    assert b"32 Wyoming clients" in await crowd[-1][0].read()
    for _, writer in crowd:
        writer.transport.abort()


async def test_stopped_in_the_middle(tmp_path: Path) -> None:
    """When the daemon stops, an active client receives its words so far, and an idle one is disconnected."""
    with Daemon(*write_script(tmp_path), *SETTINGS) as stopping:
        async with captions(stopping) as viewer, connected(stopping) as client, connected(stopping) as idle:
            await speak(client, SEVEN_S[: 2 * 16000 * 3])
            await VisibleWords(viewer).until(6)
            code = asyncio.create_task(asyncio.to_thread(stopping.stop))
            events = await until(client, "transcript-stop")
            assert Transcript.from_event(events[-2]).text.startswith("Every word of this has been")
            assert await client.read_event() is None
            assert await idle.read_event() is None
            assert await code == 0
    assert "Traceback" not in stopping.log


def test_where_it_listens(script: list[str]) -> None:
    """An address that others can reach needs another setting; one that is in use ends the daemon."""
    done = run("run", "--source", "ws", "--set", "compat.wyoming=0.0.0.0:0")
    assert done.returncode == 78
    assert "wyoming_open = true" in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("run", "--source", "ws", *script, "--port", "0", "--set", f"compat.wyoming={address}")
    assert done.returncode == 5
    assert re.search(f"port {address.partition(':')[2]} on 127.0.0.1 is taken: .*compat.wyoming", done.stderr)
