"""A request with a body, as its server sees it. What is said over the connection is h11's to know."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import h11

from streamstt.server.http.response import HEADERS, Answer, text_response

CHUNK = 2**16  # bytes that are read at once; twice as much may wait, then the client has to
MAX_HEAD_BYTES = 2**14  # bytes of a request without its body
MIN_BODY_RATE = 8192  # bytes a second: slower than that a body may come for a while only
SEND_S = 30.0  # a client that does not take its answer for so long is gone
LINGER_S = 10.0  # for so long the rest of a refused body is taken, else its sender would see an error in place of why
IDLE_S = 2.0  # ... and for so long without any of it


class HttpError(Exception):
    """A request that cannot be served; the message is for its sender."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def response(self) -> Answer:
        """What it gets."""
        return text_response(self.status, f"{self}\n")


class HttpRequest:
    """One request, and the way back to its sender.

    Attributes:
        target: Path and query.
        status: Of the answer; None: none was begun.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Nothing is read yet.

        Args:
            reader: What the client sends.
            writer: What it gets.
        """
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._reader = reader
        self._writer = writer
        self.target = ""
        self.status: HTTPStatus | None = None
        self._headers: list[tuple[str, str]] = []
        self._grace_s = 0.0

    def headers(self, name: str) -> tuple[str, ...]:
        """Every header of this name, which is in lower case."""
        return tuple(value for key, value in self._headers if key == name)

    async def read_head(self, timeout_s: float) -> None:
        """Reads all but the body.

        Raises:
            PostError: It is no request, or does not come in time.
            ConnectionError: The client has gone.
        """
        self._grace_s = timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                event = await self._next_event()
        except TimeoutError:
            raise HttpError(HTTPStatus.REQUEST_TIMEOUT, f"no whole request came within {timeout_s:g} s") from None
        if not isinstance(event, h11.Request):
            raise ConnectionError("closed before a request")
        self.target = event.target.decode("latin-1")
        self._headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in event.headers]

    async def body(self, max_bytes: int) -> AsyncIterator[bytes]:
        """The body, in pieces.

        Args:
            max_bytes: Bytes that it may have.

        Raises:
            PostError: It is too long, too slow, or no HTTP.
            ConnectionError: The client has gone.
        """
        if max((int(size) for size in self.headers("content-length")), default=0) > max_bytes:
            raise _too_large(max_bytes)
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, reason="Continue", headers=[])
            self._writer.write(self._http.send(go_on) or b"")
        size, deadline = 0, time.monotonic() + self._grace_s
        while True:
            # What has come buys time, but none in advance: who was fast at first may not hold a place for hours.
            deadline = min(deadline, time.monotonic() + self._grace_s)
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    event = await self._next_event()
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
        """Waits until the client goes away, which it may do at any time; the body has been read.

        Raises:
            ConnectionError: It has, and has no whole answer.
        """
        while await self._reader.read(CHUNK):
            pass  # nothing that follows is served
        if self._http.our_state not in {h11.DONE, h11.MUST_CLOSE, h11.CLOSED}:
            raise ConnectionError("the client has left")

    async def respond(self, response: Answer) -> None:
        """Answers as a whole."""
        length = ("Content-Length", str(len(response.body)))
        self._send_head(response.status, [("Content-Type", response.content_type), length, *response.headers])
        await self.send(response.body)
        await self.end()

    async def start_stream(self, content_type: str) -> None:
        """Begins an answer whose parts come one by one, by ``send`` until ``end``."""
        self._send_head(HTTPStatus.OK, [("Content-Type", content_type)])
        await self.send(b"")

    async def send(self, data: bytes) -> None:
        """Sends a part of the answer.

        Raises:
            ConnectionError: The client has gone, or does not read.
        """
        self._writer.write(self._http.send(h11.Data(data=data)) or b"")
        await self._drain()

    async def end(self) -> None:
        """The answer is complete."""
        self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
        await self._drain()

    async def discard_rest(self) -> None:
        """Takes what is still coming of a body that nobody wants, for a while, so that its sender can read why."""
        if self._http.their_state is not h11.SEND_BODY or self._writer.is_closing():
            return
        if self._writer.can_write_eof():
            self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while await asyncio.wait_for(self._reader.read(CHUNK), IDLE_S):
                    pass

    def _send_head(self, status: HTTPStatus, headers: list[tuple[str, str]]) -> None:
        self.status = status
        every = [*HEADERS.items(), *headers, ("Connection", "close")]
        response = h11.Response(status_code=status.value, reason=status.phrase, headers=every)
        self._writer.write(self._http.send(response) or b"")

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await self._writer.drain()
        except TimeoutError:
            raise ConnectionError(f"the client took nothing for {SEND_S:g} s") from None

    async def _next_event(self) -> h11.Event:
        try:
            while not isinstance(event := self._http.next_event(), h11.Event):  # or nothing whole has come
                data = await self._reader.read(CHUNK)
                if not data:
                    raise ConnectionError("closed in the middle of a request")
                self._http.receive_data(data)
        except h11.RemoteProtocolError as problem:
            raise HttpError(HTTPStatus(problem.error_status_hint), f"that is no HTTP: {problem}") from problem
        return event


def _too_large(max_bytes: int) -> HttpError:
    text = f"the body may have {max_bytes} bytes ({max_bytes / 1e6:g} MB, compat.max_upload_mb)"
    return HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)


Handler = Callable[[HttpRequest], Awaitable[None]]
"""Serves a request that was let in."""


@dataclass(frozen=True, slots=True)
class Api:
    """What is served over HTTP besides the pages.

    Attributes:
        post_handlers: What serves ``POST``, by path.
        get_response: The answer to ``GET`` of a path; None: there is none.
    """

    post_handlers: Mapping[str, Handler]
    get_response: Callable[[str], Answer | None]


NO_API = Api({}, lambda _: None)
