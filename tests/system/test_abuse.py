"""Invalid and excessive input: each client gets a status or a close code, and the log a line."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.daemon import WITHIN_S, captions, exchange, get, receive, receive_all, refusal_status, write_script
from tests.support.forked import Daemon

BOUNDS = ("max_per_address=8", "handshake_s=4", "audio_idle_s=4", "max_messages_s=50")
OPTIONS = ("--source", "ws", *(part for bound in BOUNDS for part in ("--set", f"server.{bound}")))


@pytest.fixture
def waiting(script: list[str]) -> Iterator[Daemon]:
    """A daemon that waits for remote clients, with tight bounds."""
    with Daemon(*script, *OPTIONS) as daemon:
        yield daemon
        assert "Traceback" not in daemon.log


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(*write_script(tmp_path_factory.mktemp("script")), *OPTIONS) as daemon:
        yield daemon


@pytest.fixture
def shared(running: Daemon) -> Iterator[Daemon]:
    """The same, one for tests that need only a line or two of the log: it logs no more than twenty at once."""
    running.clear_log()
    yield running
    assert "Traceback" not in running.log


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"\x00\xff" * 500 + b"\n", b"400", id="noise"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", b"400", id="TLS on a plain port"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", b"400", id="another protocol"),
        pytest.param(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", b"414", id="a long address"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000, b"431", id="a long header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", b"431", id="many headers"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", b"400", id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", b"400", id="two hosts"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"405", id="a method"),
        pytest.param(
            b"GET /captions HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n", b"400", id="half a handshake",
        ),
    ],
)  # fmt: skip
def test_no_request(shared: Daemon, data: bytes, status: bytes) -> None:
    """Whatever is not a request gets a status or is disconnected, with one line in the log; the daemon goes on."""
    assert exchange(shared, data)[9:12] == status
    shared.wait_for_log("client 127.0.0.1: ")
    assert shared.log.count("client 127.0.0.1: ") == 1
    assert "Traceback" not in shared.log
    assert get(f"{shared.url}/healthz")[0] == 200


async def _end_of(daemon: Daemon, path: str, *messages: str | bytes) -> tuple[int | None, list[dict[str, Any]]]:
    """Returns the close code and all messages that a client receives who sends these."""
    async with captions(daemon, path) as client:
        await receive(client)
        with suppress(ConnectionClosed):
            for message in messages:
                await client.send(message)
        received = await receive_all(client)
        return client.close_code, received


async def test_bounds_on_messages(waiting: Daemon) -> None:
    """Too long or too many messages, or no audio for too long: a close code and a log line; others are not affected."""
    async with captions(waiting) as viewer:
        await receive(viewer)
        assert (await _end_of(waiting, "/audio", b"\0" * (2**20 + 2)))[0] == 1009
        assert (await _end_of(waiting, "/captions", "x" * 5000))[0] == 1009
        assert (await _end_of(waiting, "/captions", *["x"] * 1000))[0] == 1008
        assert (await _end_of(waiting, "/audio", *[b"\0\0"] * 1000))[0] == 1008
        code, received = await _end_of(waiting, "/audio", b"", b"\0\0")
        assert (code, received[-1]["code"]) == (1008, "idle")
        for line in ("1009", "too many messages", "idle"):
            waiting.wait_for_log(line)
        await viewer.ping()
    assert (await _end_of(waiting, "/audio", *[b"\0" * 640] * 1000, '{"type":"end"}'))[0] == 1000, (
        "fast audio is only slowed down"
    )


@pytest.mark.parametrize("path", ["/captions?since=" + "9" * 30, "/audio?rate=" + "9" * 30, "/captions?since=%00"])
async def test_enormous_numbers(shared: Daemon, path: str) -> None:
    """Numbers far out of range are an error with a code, which is logged."""
    async with captions(shared, path) as client:
        code = (await receive_all(client))[-1]["code"]
    assert client.close_code == 1008
    shared.wait_for_log(code)


async def test_control_characters_in_a_name(shared: Daemon) -> None:
    """A name is sanitized: it cannot move a cursor, end a line or open a tag."""
    async with captions(shared, "/audio?name=a%1b%5b2J%0d%0ab%00%3Cscript%3E%e2%80%ae") as speaker:
        source = (await receive(speaker))["sources"][0]
    assert source["name"] == source["label"] == "a-2J-b-script"


async def test_connections_from_one_address(waiting: Daemon) -> None:
    """More WebSockets from one address than allowed get 503; pages still load, and say why there are no captions."""
    async with AsyncExitStack() as stack:
        for _ in range(8):
            await stack.enter_async_context(captions(waiting))
        assert await refusal_status(waiting) == 503
        waiting.wait_for_log("server.max_per_address")
        assert (await asyncio.to_thread(get, waiting.url))[0] == 200
        status, report = await asyncio.to_thread(get, f"{waiting.url}/connection")
        assert (status, "server.max_per_address" in report) == (200, True)
    assert await asyncio.to_thread(get, f"{waiting.url}/connection") == (200, '{"problem":""}')
    async with captions(waiting) as viewer:
        assert (await receive(viewer))["type"] == "hello"


async def test_silent_connections(waiting: Daemon) -> None:
    """Connections without a request take no place of viewers, nor of pages, and are closed in time."""
    port = urlsplit(waiting.url).port or 0
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    async with captions(waiting) as viewer:
        assert (await receive(viewer))["type"] == "hello"
    assert (await asyncio.to_thread(get, waiting.url))[0] == 200
    for raw in silent:
        raw.settimeout(WITHIN_S)
        assert await asyncio.to_thread(_rest, raw) == b""
        raw.close()


async def test_no_room_at_all(script: list[str]) -> None:
    """With all connections taken, the next gets 503; those before it stay."""
    with Daemon(*script, "--source", "ws", "--set", "server.max_connections=2") as daemon:
        async with captions(daemon) as one, captions(daemon) as two:
            await receive(one)
            await receive(two)
            assert await refusal_status(daemon) == 503
            await one.ping()
        async with captions(daemon) as three:
            assert (await receive(three))["type"] == "hello"


async def test_a_flood_does_not_fill_the_log(waiting: Daemon) -> None:
    """Hundreds of bad requests leave only a few lines."""
    for _ in range(300):
        assert (await asyncio.to_thread(exchange, waiting, b"nonsense\r\n\r\n"))[9:12] == b"400"
    assert 10 < waiting.log.count("\n") < 60


async def test_no_token_in_time(script: list[str]) -> None:
    """A WebSocket that sends no token is closed when the time for it is over."""
    options = ("--set", "server.require_token=true", "--set", "server.handshake_s=3")
    with Daemon(*script, "--source", "ws", *options) as daemon:
        async with captions(daemon) as client:
            assert (await receive_all(client))[-1]["code"] == "no_token"
            assert client.close_code == 1008


def _rest(raw: socket.socket) -> bytes:
    """Returns what is received until the connection ends, even if it is reset."""
    try:
        return raw.recv(100)
    except ConnectionError:
        return b""
