"""HTTP/1.1 over one connection: one request after the other, each within bounds of size and time.

h11 implements the protocol; this module adds the bounds. It must not know which requests exist, nor what responds.
"""

import asyncio
import re
from http import HTTPStatus
from typing import Protocol

import h11

from streamstt.server.http.response import HttpError
from streamstt.server.limits import printable

MAX_LINE = 8192  # bytes of a request line, or of a header with its name: as in websockets, which parses upgrades again
MAX_HEADERS = 128
MAX_HEAD_BYTES = 2**16  # bytes of a request without its body
KEEP_ALIVE_S = 5.0  # an idle connection is closed after this time; pages load within a second
SEND_S = 30.0  # a client that does not read its response for this time is disconnected
END_OF_HEAD = re.compile(rb"\n\r?\n")
REQUEST_LINE = re.compile(rb"[!-~]+ [!-~]+ HTTP/1\.[01]\r?")


class ByteStream(Protocol):
    """A connection as a stream of bytes in both directions."""

    async def read(self) -> bytes:
        """Returns the next bytes; empty: the client sends no more, or the connection is lost."""
        ...

    def write(self, data: bytes) -> None:
        """Sends bytes, or keeps them until the client reads."""
        ...

    async def drain(self) -> None:
        """Waits until little data is waiting for the client.

        Raises:
            ConnectionError: The connection is lost.
        """
        ...

    async def wait_ended(self) -> None:
        """Waits until the client sends no more, or the connection is lost."""
        ...


class HttpStream:
    """Reads requests from a connection and writes responses to it, in order."""

    def __init__(self, connection: ByteStream, request_s: float) -> None:
        """Starts before the first request.

        Args:
            connection: The client's connection.
            request_s: Time for a request without its body, in seconds.
        """
        self.connection = connection
        self.request_s = request_s
        self.served = 0  # requests so far
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    @property
    def unread(self) -> bytes:
        """Received bytes that belong to no request yet."""
        return self._http.trailing_data[0]

    @property
    def is_body_pending(self) -> bool:
        """Whether the client is still sending a body, or something that cannot be read."""
        return self._http.their_state in {h11.SEND_BODY, h11.ERROR}

    @property
    def is_response_complete(self) -> bool:
        """Whether a whole response has been sent."""
        return self._http.our_state in {h11.DONE, h11.MUST_CLOSE, h11.CLOSED}

    @property
    def expects_continue(self) -> bool:
        """Whether the client sends its body only after status 100."""
        return self._http.they_are_waiting_for_100_continue

    async def read_head(self) -> h11.Request | None:
        """Reads the next request without its body; returns None if none begins in time, or the client sends no more.

        Raises:
            HttpError: It is not a request, too large, or too slow.
            ConnectionError: The client has left in the middle of it.
        """
        loop = asyncio.get_running_loop()
        if self.served:
            self._http.start_next_cycle()
        started = loop.time()
        if not await self._wait_begun():
            return None
        deadline = (loop.time() if self.served else started) + self.request_s
        try:
            async with asyncio.timeout_at(deadline):
                head = await self._receive_head()
        except TimeoutError:
            text = f"no whole request came within {self.request_s:g} s"
            raise HttpError(HTTPStatus.REQUEST_TIMEOUT, text) from None
        self.served += 1
        if not has_body(head):
            self._parse()  # the end of it, so that the client's part is complete
        return _without_double_slash(head)

    async def _wait_begun(self) -> bool:
        """Waits for the first byte of a request; returns whether it came in time."""
        try:
            async with asyncio.timeout(KEEP_ALIVE_S if self.served else self.request_s):
                while not self.unread:
                    data = await self.connection.read()
                    if not data:
                        return False
                    if request := data.lstrip(b"\r\n"):  # some clients send an empty line behind a body
                        self._http.receive_data(request)
        except TimeoutError:
            return False
        return True

    async def _receive_head(self) -> h11.Request:
        while True:
            _check_head(END_OF_HEAD.split(self.unread, 1)[0])  # before h11, which would name other mistakes first
            event = self._parse()
            if isinstance(event, h11.Request):
                return event
            data = await self.connection.read()
            if not data:
                raise ConnectionError("closed in the middle of a request")
            self._http.receive_data(data)

    async def next_event(self) -> h11.Event:
        """Returns the next part of a request's body.

        Raises:
            HttpError: It is not valid HTTP.
            ConnectionError: The client has left in the middle of it.
        """
        while not isinstance(event := self._parse(), h11.Event):  # no complete part has arrived
            data = await self.connection.read()
            if not data:
                raise ConnectionError("closed in the middle of a request")
            self._http.receive_data(data)
        return event

    def send(self, *events: h11.Event) -> None:
        """Sends parts of a response at once."""
        self.connection.write(b"".join([self._http.send(event) or b"" for event in events]))

    async def drain(self) -> None:
        """Waits until the client has read most of what was sent.

        Raises:
            ConnectionError: It has left, or does not read.
        """
        try:
            async with asyncio.timeout(SEND_S):
                await self.connection.drain()
        except TimeoutError:
            raise ConnectionError(f"the client read nothing for {SEND_S:g} s") from None

    def can_reuse(self) -> bool:
        """Returns whether another request may follow on this connection."""
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    def _parse(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            text = f"not valid HTTP: {printable(str(error))}"
            raise HttpError(HTTPStatus(error.error_status_hint), text) from error


def _without_double_slash(head: h11.Request) -> h11.Request:
    """Returns a request whose path begins with one slash: proxies that replace ``/captions`` by ``/`` make two."""
    if not head.target.startswith(b"//"):
        return head
    target = b"/" + head.target.lstrip(b"/")
    return h11.Request(
        method=head.method, target=target, headers=head.headers.raw_items(), http_version=head.http_version
    )


def has_body(head: h11.Request) -> bool:
    """Returns whether a body follows a request."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and int(value) > 0) for name, value in head.headers
    )


def head_bytes(head: h11.Request) -> bytes:
    """Returns the head of a request as the client sent it, including the empty line."""
    lines = [b"%s %s HTTP/%s" % (head.method, head.target, head.http_version)]
    lines += [b"%s: %s" % (name, value) for name, value in head.headers.raw_items()]
    return b"\r\n".join([*lines, b"", b""])


def _check_head(head: bytes) -> None:
    """Checks the head of a request, which may be incomplete.

    Args:
        head: The part of the head that was received, without the empty line at its end.

    Raises:
        HttpError: It is not an HTTP/1.1 request, or too large.
    """
    first, *lines = head.split(b"\n")
    if len(first) >= MAX_LINE:
        raise HttpError(HTTPStatus.REQUEST_URI_TOO_LONG, f"a request line has less than {MAX_LINE} bytes")
    if lines and not REQUEST_LINE.fullmatch(first):
        raise HttpError(HTTPStatus.BAD_REQUEST, "not an HTTP/1.1 request")
    headers = [line for line in lines if line.strip(b"\r")]  # the last may only just have begun
    if len(headers) > MAX_HEADERS or any(len(line) >= MAX_LINE for line in headers):
        text = f"a request may have at most {MAX_HEADERS} headers of {MAX_LINE} bytes each"
        raise HttpError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)
