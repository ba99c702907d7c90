"""Following a daemon: what a user may type as its address, and how a client returns to it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedOK

from streamstt import client
from streamstt.client import FIRST_RETRY_S, captions_url, request_control, stream_messages
from streamstt.errors import ServerError


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("8765", "ws://127.0.0.1:8765/captions"),
        ("desk:8765", "ws://desk:8765/captions"),
        ("desk", "ws://desk:8765/captions"),
        ("localhost", "ws://localhost:8765/captions"),
        ("192.168.1.5", "ws://192.168.1.5:8765/captions"),
        ("[::1]", "ws://[::1]:8765/captions"),
        ("localhost/captions", "ws://localhost:8765/captions"),
        ("http://desk", "ws://desk/captions"),
        ("ws://desk:1", "ws://desk:1/captions"),
        ("http://desk:8765/", "ws://desk:8765/captions"),
        ("http://desk:8765/overlay?lines=2", "ws://desk:8765/captions"),
        ("https://desk:8765/trust", "wss://desk:8765/captions"),
        ("https://host/captions/", "wss://host/captions/captions"),
        ("https://host/captions", "wss://host/captions"),
        ("https://host/live", "wss://host/live/captions"),
        ("https://host/live/overlay?token=x", "wss://host/live/captions"),
        ("https://host:8443/a/b/", "wss://host:8443/a/b/captions"),
        ("wss://host/live/captions?since=3", "wss://host/live/captions"),
        ("https://captions.example", "wss://captions.example/captions"),
        ("[::1]:8765", "ws://[::1]:8765/captions"),
    ],
)
def test_addresses(typed: str, address: str) -> None:
    """A port, a host, both, or the address of any of the daemon's pages, also below the path of a proxy."""
    assert captions_url(typed) == address


@pytest.mark.parametrize("typed", ["", "ftp://desk", "desk:port", "desk:99999", "ws://", "http://[::1", ":8765"])
def test_no_address(typed: str) -> None:
    """Anything else is an error that shows an example."""
    with pytest.raises(ServerError, match="ws://127"):
        captions_url(typed)


class SleptError(Exception):
    """Ends a client where it would sleep; carries the seconds."""


class RestartingDaemon:
    """Greets every client once, then closes the connection as a daemon that stops does."""

    close_code = 1001

    @asynccontextmanager
    async def connect(self, address: str, **options: Any) -> AsyncIterator["RestartingDaemon"]:
        yield self

    def __init__(self) -> None:
        self._greeted = False

    async def recv(self) -> str:
        self._greeted = not self._greeted
        if not self._greeted:
            raise ConnectionClosedOK(None, None)
        return json.dumps({"type": "hello", "session": "run-1", "seq": 0})


async def test_return_is_no_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A program that asks for no status finds it in the log: the loss as a warning, the return as information."""
    caplog.set_level(logging.INFO, "streamstt.client")

    async def sleep(_: float) -> None:
        pass

    monkeypatch.setattr(client, "connect", RestartingDaemon().connect)
    monkeypatch.setattr("asyncio.sleep", sleep)
    messages = stream_messages("8765")
    await anext(messages)
    await anext(messages)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "the daemon has stopped; reconnecting"),
        ("INFO", "connected again"),
    ]


async def test_a_thousand_clients_do_not_return_in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that follow one daemon do not reconnect at the same moment when it restarts."""

    async def sleep(seconds: float) -> None:
        raise SleptError(seconds)

    monkeypatch.setattr(client, "connect", RestartingDaemon().connect)
    monkeypatch.setattr("asyncio.sleep", sleep)
    delays: list[float] = []
    for _ in range(1000):
        messages = stream_messages("8765", on_status=lambda _: None)
        assert (await anext(messages))["type"] == "hello"
        with pytest.raises(SleptError) as slept:
            await anext(messages)
        delays.append(slept.value.args[0])
    delays.sort()
    assert delays[-1] <= FIRST_RETRY_S
    assert delays[-1] - delays[0] >= FIRST_RETRY_S / 2
    assert max(later - earlier for earlier, later in pairwise(delays)) < FIRST_RETRY_S / 20


class SilentDaemon(RestartingDaemon):
    """Greets, then says nothing; answers pings or not."""

    def __init__(self, *, answers: bool) -> None:
        super().__init__()
        self._answers = answers
        self.pings = 0

    async def recv(self) -> str:
        if self.pings == 3:
            raise ConnectionClosedOK(None, None)
        if self._greeted:
            await asyncio.Future()
        return await super().recv()

    async def ping(self) -> asyncio.Future[float]:
        self.pings += 1
        answer = asyncio.get_running_loop().create_future()
        if self._answers:
            answer.set_result(0.0)
        return answer


@pytest.mark.parametrize("answers", [True, False])
async def test_a_dead_connection_is_noticed(monkeypatch: pytest.MonkeyPatch, answers: bool) -> None:
    """A daemon that says nothing is asked; only without an answer the connection is lost, and the user is told."""

    async def sleep(seconds: float) -> None:
        raise SleptError(seconds)

    daemon, said = SilentDaemon(answers=answers), list[str]()
    monkeypatch.setattr(client, "connect", daemon.connect)
    monkeypatch.setattr(client.asyncio, "sleep", sleep)
    monkeypatch.setattr(client, "SILENCE_S", 0.01)
    monkeypatch.setattr(client, "PONG_S", 0.01)
    messages = stream_messages("8765", on_status=said.append)
    assert (await anext(messages))["type"] == "hello"
    with pytest.raises(SleptError):
        await anext(messages)
    assert daemon.pings == (3 if answers else 1)
    assert "reconnecting" in said[0]
    assert ("stopped" in said[0]) == answers


def test_a_dead_connection_is_noticed_within_ten_seconds() -> None:
    """However the silence begins, the times add up to less than ten seconds."""
    assert client.SILENCE_S + client.PONG_S + client.CLOSE_S < 10


async def test_a_daemon_with_tls() -> None:
    """Whoever asks it without TLS is told the address to use."""

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ServerError, match=f"does it use TLS.* https://127.0.0.1:{port}$"):
            await request_control(f"127.0.0.1:{port}", {"type": "mark"})
