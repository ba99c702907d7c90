"""A request as its handler sees it: its head, its body, and methods to respond."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import h11

from streamstt.server.http.response import HEADERS, HttpError, Response
from streamstt.server.http.stream import HttpStream, has_body, head_bytes

MIN_BODY_RATE = 8192  # bytes a second: a body may be slower than that for a short time only


class HttpRequest:
    """One request on a connection.

    Attributes:
        method: Its method; empty: the request could not be read.
        target: Path and query.
        status: Status of the response; None: no response has begun.
        reason: Why it was refused, for the log.
    """

    def __init__(self, stream: HttpStream, head: h11.Request | None, *, keep_alive: bool = True) -> None:
        """Serves a request whose head was read.

        Args:
            stream: Where it came from.
            head: The head; None: the received data is not a request, and only an error can be sent.
            keep_alive: Whether another request may follow on the connection.
        """
        self._stream = stream
        self._head = head
        self._keep_alive = keep_alive
        self.method = head.method.decode("latin-1") if head else ""
        self.target = head.target.decode("latin-1") if head else ""
        self.status: HTTPStatus | None = None
        self.reason = ""
        self._left: int | None = None  # bytes of a stream that are to follow; None: unknown

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def headers(self, name: str) -> tuple[str, ...]:
        """Returns the values of every header of this name, which is in lower case."""
        headers = self._head.headers if self._head else ()
        return tuple(value.decode("latin-1") for key, value in headers if key == name.encode())

    def take_bytes(self) -> bytes:
        """Returns the request and all data received after it, for another protocol to read again.

        Raises:
            HttpError: It has a body, which a request for another protocol cannot have.
        """
        if self._head is None or has_body(self._head):
            raise HttpError(HTTPStatus.BAD_REQUEST, "a request for a WebSocket has no body")
        return head_bytes(self._head) + self._stream.unread

    async def body(self, max_bytes: int) -> AsyncIterator[bytes]:
        """Yields the body in pieces as it comes.

        Args:
            max_bytes: Maximum size.

        Raises:
            HttpError: It is too large, too slow, or not valid HTTP.
            ConnectionError: The client has left.
        """
        if max((int(size) for size in self.headers("content-length")), default=0) > max_bytes:
            raise _too_large(max_bytes)
        if self._stream.expects_continue:
            self._stream.send(h11.InformationalResponse(status_code=100, reason="Continue", headers=[]))
        grace_s = self._stream.request_s
        size, deadline = 0, time.monotonic() + grace_s
        while self._stream.is_body_pending:
            # Received data extends the deadline, to at most grace_s from now: a fast start must not buy hours.
            deadline = min(deadline, time.monotonic() + grace_s)
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    event = await self._stream.next_event()
            except TimeoutError:
                text = f"the body comes too slowly: less than {MIN_BODY_RATE} bytes a second"
                raise HttpError(HTTPStatus.REQUEST_TIMEOUT, text) from None
            if not isinstance(event, h11.Data):
                return
            size += len(event.data)
            deadline += len(event.data) / MIN_BODY_RATE
            if size > max_bytes:
                raise _too_large(max_bytes)
            yield bytes(event.data)

    async def wait_disconnected(self) -> None:
        """Waits until the client leaves, which it may do at any time; the body has been read.

        Raises:
            ConnectionError: It has left without a whole response.
        """
        await self._stream.connection.wait_ended()
        if not self._stream.is_response_complete:
            raise ConnectionError("the client has left")

    async def respond(self, response: Response) -> None:
        """Sends a whole response.

        Raises:
            ConnectionError: The client has left, or does not read.
        """
        headers = [("Content-Type", response.content_type), ("Content-Length", str(len(response.body)))]
        if response.status is HTTPStatus.NO_CONTENT:
            headers = []
        events: list[h11.Event] = [self._begin(response.status, [*headers, *response.headers])]
        if response.body and self.method != "HEAD":
            events.append(h11.Data(data=response.body))
        if response.status >= HTTPStatus.BAD_REQUEST:
            self.reason = response.reason or response.body.decode(errors="replace").partition("\n")[0]
        self._stream.send(*events, h11.EndOfMessage())
        await self._stream.drain()

    async def start_stream(self, content_type: str, size: int | None = None) -> None:
        """Begins a response whose parts follow one by one, by ``send`` until ``end``.

        Args:
            content_type: Of the body.
            size: Size of the body in bytes; None: unknown.

        Raises:
            ConnectionError: The client has left.
        """
        length = [] if size is None else [("Content-Length", str(size))]
        self._left = size
        self._stream.send(self._begin(HTTPStatus.OK, [("Content-Type", content_type), *length]))
        await self._stream.drain()

    async def send(self, data: bytes) -> None:
        """Sends a part of the response.

        Raises:
            ConnectionError: The client has left, or does not read.
        """
        events: list[h11.Event] = [h11.Data(data=data)]
        if self._left is not None:
            self._left -= len(data)
            if not self._left:  # the client may leave as soon as it has the last byte
                events.append(h11.EndOfMessage())
        self._stream.send(*events)
        await self._stream.drain()

    async def end(self) -> None:
        """Completes the response.

        Raises:
            ConnectionError: The client has left, or does not read.
        """
        if not self._stream.is_response_complete:
            self._stream.send(h11.EndOfMessage())
            await self._stream.drain()

    def _begin(self, status: HTTPStatus, headers: list[tuple[str, str]]) -> h11.Response:
        self.status = status
        named = {name for name, _ in headers}
        every = [*((name, value) for name, value in HEADERS.items() if name not in named), *headers]
        # Nobody reads the rest of a body; and a client that wanted another protocol has no other request.
        if not self._keep_alive or self._stream.is_body_pending or self._head is None or self.headers("upgrade"):
            every.append(("Connection", "close"))
        return h11.Response(status_code=status.value, reason=status.phrase, headers=every)


def _too_large(max_bytes: int) -> HttpError:
    text = f"the body may have at most {max_bytes} bytes ({max_bytes / 1e6:g} MB, compat.max_upload_mb)"
    return HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)


Handler = Callable[[HttpRequest], Awaitable[None]]
"""Serves a request that the access rules have let in."""


@dataclass(frozen=True, slots=True)
class Api:
    """What is served over HTTP besides the pages.

    Attributes:
        post_handlers: What serves ``POST``, by path.
        get_response: Returns the response to ``GET`` of a path; None: there is none.
    """

    post_handlers: Mapping[str, Handler]
    get_response: Callable[[str], Response | None]


NO_API = Api({}, lambda _: None)
