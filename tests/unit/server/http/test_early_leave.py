"""Clients that leave: as soon as they have their response, or before."""

import asyncio
import logging
from http import HTTPStatus

import pytest

from streamstt.server.connection import Connection
from streamstt.server.http.request import Handler, HttpRequest
from streamstt.server.http.response import Response, text_response
from streamstt.server.http_service import HttpService
from streamstt.server.limits import ConnectionCounter, ConnectionPolicy


async def serve_whole(request: HttpRequest) -> None:
    await request.start_stream("text/plain", 5)
    await request.send(b"hel")
    await request.send(b"lo")
    await request.end()


async def serve_half(request: HttpRequest) -> None:
    await request.start_stream("text/plain", 5)
    await request.send(b"hel")
    await request.send(b"lo")


async def serve_unknown(request: HttpRequest) -> None:
    await request.start_stream("text/plain")
    await request.send(b"hello")
    await request.end()


class Transport(asyncio.Transport):
    """Takes bytes, and loses its client after some of them."""

    def __init__(self, leaves_after: bytes) -> None:
        super().__init__({"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 6)})
        self.sent = b""
        self._leaves_after = leaves_after
        self.connection: Connection | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data
        if self.connection and self.sent.endswith(self._leaves_after):
            self.connection.connection_lost(None)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        pass

    def can_write_eof(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("answer", "leaves_after", "is_told"),
    [
        (text_response(HTTPStatus.OK, "hello"), b"hello", False),
        (serve_whole, b"lo", False),
        (serve_half, b"lo", False),
        (serve_whole, b"hel", True),
        (serve_unknown, b"0\r\n\r\n", False),
        (serve_unknown, b"hello\r\n", True),
    ],
    ids=["whole", "all pieces", "all pieces, before the end", "one piece", "unknown size", "unknown size, no end"],
)
async def test_a_client_that_leaves(
    answer: Response | Handler, leaves_after: bytes, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Only who leaves without the whole response is worth a line in the log."""
    caplog.set_level(logging.INFO)
    policy = ConnectionPolicy(ConnectionCounter(10, 10), 20)
    service = HttpService(policy, lambda *_: answer, {}, lambda _, problem: problem, lambda *_: asyncio.Protocol(), 60)
    connection, transport = service.accept(), Transport(leaves_after)
    transport.connection = connection
    connection.connection_made(transport)
    connection.data_received(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection._task
    await asyncio.wait_for(connection._task, 60)
    assert transport.sent.endswith(leaves_after)
    assert ("the client has left" in caplog.text) is is_told
