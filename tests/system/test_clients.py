"""Viewers and speakers, well-behaved and not. A script takes the place of Whisper, so that words are exact."""

import asyncio
import json
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.daemon import (
    DATA,
    SCRIPT,
    SENTENCES,
    WITHIN_S,
    captions,
    final_text,
    get,
    pcm_of,
    receive,
    receive_all,
    receive_until,
    speak,
    wait_until_idle,
    write_brisk_script,
    write_script,
)
from tests.support.forked import Daemon


@pytest.fixture
def talking(brisk: list[str]) -> Iterator[Daemon]:
    """A daemon with one source that never stops."""
    with Daemon(*brisk, "--source", f"file:{DATA / 'long_sentence.flac'}", "--loop") as daemon:
        yield daemon


REMOTE = ("--source", "ws", "--set", "server.max_audio_clients=2")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(*write_script(tmp_path_factory.mktemp("script")), *REMOTE) as daemon:
        yield daemon


@pytest.fixture
async def waiting(running: Daemon) -> Daemon:
    """A daemon for remote clients, two at most; those of the previous test have left."""
    await wait_until_idle(running)
    return running


async def test_words_in_order(waiting: Daemon) -> None:
    """Partials grow word by word, and each sentence becomes final when it is complete, before the stream ends."""
    async with captions(waiting, "/audio") as speaker:
        speech, messages = pcm_of("long_sentence"), []
        for begin_s, end_s in ((0, 1.5), (1.5, 2.2), (2.2, 2.9)):
            await speak(speaker, speech[int(begin_s * 16000) * 2 : int(end_s * 16000) * 2], speed=10)
            messages += await receive_until(speaker, "partial")
        await speak(speaker, speech[int(2.9 * 16000) * 2 : 2 * 16000 * 7], speed=10)
        messages += await receive_until(speaker, "final")
        assert messages[-1]["text"] == SENTENCES[0]
        assert sum(m["type"] == "partial" for m in messages) >= 3
        await speaker.send('{"type":"end"}')
        assert final_text(await receive_all(speaker)) == SENTENCES[1]


async def test_client_that_reads_nothing_delays_nobody(script: list[str]) -> None:
    """A stalled viewer is disconnected with 1013 and can resume; the others receive every caption meanwhile."""
    with Daemon(*script, "--source", "ws", "--set", "server.client_queue=8") as daemon:
        async with (
            captions(daemon) as viewer,
            captions(daemon, sock=_narrow(daemon)) as stalled,
            captions(daemon, "/audio") as speaker,
        ):
            await receive(viewer)
            await receive(stalled)
            stalled.transport.pause_reading()
            speech = pcm_of("long_sentence")[: 2 * 16000 * 16]
            finals: list[dict[str, Any]] = []
            own: list[dict[str, Any]] = []
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(_collect(viewer, finals))
                listening = tasks.create_task(_collect(speaker, own))
                reading = tasks.create_task(_read_when_too_slow(daemon, stalled))
                async with asyncio.timeout(300):
                    while not reading.done() or min(len(finals), len(own)) <= 50:
                        await speak(speaker, speech, speed=1000)
                    seen = reading.result()[-1]["seq"]
                    assert stalled.close_code == 1013
                    while not any(f["seq"] > seen for f in finals):
                        await speak(speaker, speech, speed=1000)
                watching.cancel()
                listening.cancel()
            both = min(len(finals), len(own))
            assert finals[:both] == own[:both], "the other viewer missed nothing"
            async with captions(daemon, f"/captions?since={seen}") as resumed:
                missed = (await receive(resumed))["history"]
            after = [f for f in finals if f["seq"] > seen]
            assert after
            assert missed[: len(after)] == after


async def _read_when_too_slow(daemon: Daemon, stalled: ClientConnection) -> list[dict[str, Any]]:
    """Reads what has come, as soon as the daemon closes the connection: it waits a few seconds for that."""
    while "too slow" not in daemon.log:  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.05)
    stalled.transport.resume_reading()
    return await receive_all(stalled)


def _narrow(daemon: Daemon) -> socket.socket:
    """Connects with the smallest receive buffer that the kernel allows, so that a stalled reader is soon noticed."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    narrow.connect(("127.0.0.1", urlsplit(daemon.url).port))
    return narrow


async def _collect(client: ClientConnection, finals: list[dict[str, Any]]) -> None:
    async for text in client:
        message = json.loads(text)
        finals += [message] if message["type"] == "final" else []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/audio?rate=7999", "bad_rate"),
        ("/audio?rate=48001", "bad_rate"),
        ("/audio?rate=fast", "bad_rate"),
        ("/audio?language=english", "bad_language"),
        ("/audio?language=xx", "bad_language"),
        ("/captions?since=yesterday", "bad_since"),
    ],
)
async def test_bad_address(waiting: Daemon, path: str, code: str) -> None:
    """A request with an invalid parameter gets an error with a code, and is disconnected."""
    async with captions(waiting, path) as client:
        messages = await receive_all(client)
        assert [m["type"] for m in messages] == ["error"]
        assert messages[0]["code"] == code
        assert client.close_code == 1008


@pytest.mark.parametrize("message", [b"\x01\x02\x03", "hello", "{", '{"type":"stop"}', "[]", "null"])
async def test_bad_message(waiting: Daemon, message: str | bytes) -> None:
    """Half a sample, or text that is not a message, gets an error and is disconnected; the daemon goes on."""
    async with captions(waiting, "/audio") as client:
        await receive(client)
        await client.send(message)
        assert (await receive_all(client))[-1]["type"] == "error"
        assert client.close_code == 1003
    async with captions(waiting, "/audio") as client:
        assert (await receive(client))["type"] == "hello"


async def test_too_many_speakers_and_equal_names(waiting: Daemon) -> None:
    """Two clients with the same name are two sources; a third is refused until one leaves."""
    async with captions(waiting, "/audio?name=desk") as first:
        assert (await receive(first))["sources"][0]["name"] == "desk"
        async with captions(waiting, "/audio?name=desk") as second:
            assert (await receive(second))["sources"][0]["name"] == "desk-2"
            async with captions(waiting, "/audio") as third:
                assert (await receive(third))["code"] == "too_many"
                await receive_all(third)
                assert third.close_code == 1013
            await second.send('{"type":"end"}')
            await receive_all(second)
        async with asyncio.timeout(WITHIN_S):  # its place is free a moment after it has left
            while await _greeting(waiting) != "hello":
                pass


async def _greeting(daemon: Daemon) -> str:
    """Returns the type of the first message that a speaker receives."""
    async with captions(daemon, "/audio") as speaker:
        return str((await receive(speaker))["type"])


async def test_foreign_pages_are_refused(waiting: Daemon) -> None:
    """A web page from another origin in the user's browser cannot read captions; our own page can."""
    address = waiting.url.replace("http", "ws", 1) + "/captions"
    from websockets.asyncio.client import connect  # noqa: PLC0415 - only this test sends headers

    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, additional_headers={"Origin": "https://example.org"}):
            pass
    assert refused.value.response.status_code == 403
    async with connect(address, additional_headers={"Origin": waiting.url}) as own:
        assert (await receive(own))["type"] == "hello"


async def test_plain_requests(talking: Daemon) -> None:
    """A browser gets pages, health and the transcript so far; the page for unknown paths lists the known ones."""
    async with captions(talking) as viewer:
        await receive_until(viewer, "final")

    def get(path: str) -> tuple[int, str, str]:
        try:
            with urllib.request.urlopen(talking.url + path, timeout=WITHIN_S) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    async with asyncio.timeout(WITHIN_S):  # it is not ready while captions are late
        while json.loads((await asyncio.to_thread(get, "/healthz"))[2])["status"] != "ready":  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    answers = {path: await asyncio.to_thread(get, path) for path in ("/", "/overlay", "/nothing")}
    transcript = {form: await asyncio.to_thread(get, f"/transcript.{form}") for form in ("txt", "srt", "vtt", "json")}
    assert answers["/"][:2] == answers["/overlay"][:2] == (200, "text/html; charset=utf-8")
    assert answers["/nothing"][0] == 404
    assert "/captions" in answers["/nothing"][2]
    assert all(status == 200 and SENTENCES[0] in " ".join(body.split()) for status, _, body in transcript.values())
    assert (await asyncio.to_thread(get, "/captions"))[0] == 426


async def test_goodbye(talking: Daemon) -> None:
    """A daemon that stops closes its viewers with 1001 and exits with 0, though its source would never end."""
    async with captions(talking) as viewer:
        await receive(viewer)
        code = asyncio.create_task(asyncio.to_thread(talking.stop))
        await receive_all(viewer)
        assert viewer.close_code == 1001
    assert await code == 0


async def test_stopped_while_a_client_speaks(script: list[str]) -> None:
    """A client that is still sending when the daemon stops gets its words so far as a final, then 1001."""
    with Daemon(*script, *REMOTE) as daemon:
        async with captions(daemon, "/audio") as speaker:
            speaking = asyncio.create_task(speak(speaker, pcm_of("long_sentence") * 100, speed=2))
            messages = await receive_until(speaker, "partial")
            code = asyncio.create_task(asyncio.to_thread(daemon.stop))
            messages += await receive_all(speaker)
            assert speaker.close_code == 1001
            assert await code == 0
            with pytest.raises(ConnectionClosed):
                await speaking
    opened = list(dict.fromkeys(m["id"] for m in messages if m["type"] == "partial"))
    ended = [m["id"] for m in messages if m["type"] == "final"]
    assert [name for name in ended if name in opened] == opened, "each caption ends, once, and in order"
    assert final_text(messages)
    assert SCRIPT.startswith(final_text(messages))


def test_scripted_words_are_the_script(script: list[str], tmp_path: Path) -> None:
    """The script's words are SCRIPT, which the tests in this file rely on."""
    assert json.loads((tmp_path / "script.json").read_text())["words"][0]["text"] == " Every"
    assert " ".join(SENTENCES) == SCRIPT


# Captions are late after two seconds, which is long for a test.
IMPATIENT = """
from streamstt.captioning import scheduling
from streamstt.cli.app import main
scheduling.LATE, scheduling.RECOVERED = scheduling.LATE // 4, scheduling.RECOVERED // 4
main()
"""


async def test_a_machine_that_cannot_keep_up(tmp_path: Path) -> None:
    """When decodes take seconds, the operator is told that captions are late; the delay does not grow, and no word is
    lost. Viewers, who can do nothing about it, are not told.
    """
    slow = write_brisk_script(tmp_path, repeat_s=0, decode_s=1.2)
    with Daemon(*slow, "--source", "ws", program=[sys.executable, "-c", IMPATIENT]) as daemon:
        async with captions(daemon) as viewer, captions(daemon, "/audio") as speaker:
            speaking = asyncio.create_task(speak(speaker, pcm_of("long_sentence")[: 2 * 16000 * 4]))
            async with asyncio.timeout(WITHIN_S):
                while "cannot keep up" not in (await asyncio.to_thread(get, f"{daemon.url}/healthz"))[1]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await speaking
            await speaker.send('{"type":"end"}')
            assert final_text(await receive_all(speaker)) == SCRIPT
            states = [m async for m in _states(viewer)]
        assert "the engine keeps up again" in daemon.log, "the end of the delay is reported"
    assert [s["detail"] for s in states[:-1]] == [""] * (len(states) - 1)


async def _states(viewer: ClientConnection) -> Any:
    """Yields the status messages that a viewer receives until the speaker has left."""
    while True:
        message = await receive(viewer)
        if message["type"] == "status":
            yield message
            if message["state"] == "waiting":
                return
