"""One TCP connection of the port: counted before its first byte, read as HTTP, handed on if it becomes a WebSocket.

Bytes are bounded both ways: the transport stops reading while much has come that nobody has asked for, and a response
waits while the client does not read. What HTTP means is ``server.http``'s to know; what a request gets, the router's.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

from streamstt.server.access import AccessRequest, Role, redact
from streamstt.server.http.request import Handler, HttpRequest
from streamstt.server.http.response import HttpError, Response
from streamstt.server.http.stream import HttpStream
from streamstt.server.limits import ConnectionCounter, RateLimitedLog, address_key, printable

CHUNK = 2**16  # bytes; while twice as many wait to be read, the client has to wait
MAX_REQUESTS = 1000  # on one connection: nobody holds a place for ever
REJECT_MARGIN = 64  # connections over the bound that are answered with 503; more are cut off
LINGER_S = 10.0  # a client that is still sending is read for this time, or a reset would take its response away
LINGER_IDLE_S = 2.0  # ... and for this time without any data

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ConnectionPolicy:
    """What all connections share: their counts, how much each may send, and what was logged of them lately.

    Attributes:
        counter: Counts connections from their first byte to their last.
        messages_per_s: Small messages a second from one audio client.
        abuse_log: Bounds what clients can make the log say.
    """

    counter: ConnectionCounter
    messages_per_s: float
    abuse_log: RateLimitedLog = field(default_factory=RateLimitedLog)

    def log_abuse(self, address: str, text: str) -> None:
        """Logs what a client did wrong, unless much was logged already."""
        line = self.abuse_log.line_to_log(time.monotonic(), f"client {address}: {printable(redact(text))}")
        if line:
            log.info("%s", line)


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end.

    Attributes:
        address: Its address.
        key: What its connections are counted by.
    """

    address: str
    key: str


@dataclass(slots=True, eq=False)
class HttpService:
    """What connections need to serve their requests, and the connections that are open.

    Attributes:
        policy: Bounds that all connections share.
        route: The response to a request, or the roles of a client that is let in.
        post_handlers: What serves ``POST``, by path.
        translate_error: How an error on a path is phrased.
        make_websocket: Makes what takes a connection over as a WebSocket.
        request_s: Time for a request without its body, in seconds.
        over_tls: Whether connections are encrypted.
    """

    policy: ConnectionPolicy
    route: Callable[[AccessRequest, str], Role | Response]
    post_handlers: Mapping[str, Handler]
    translate_error: Callable[[str, Response], Response]
    make_websocket: Callable[[Client, Role], asyncio.Protocol]
    request_s: float
    over_tls: bool = False
    is_stopping: bool = False
    connections: set["Connection"] = field(default_factory=set)

    async def drain(self, within_s: float) -> None:
        """Ends all connections: a client that waits for a response is told that the daemon stops.

        Args:
            within_s: Time for clients to read that; then they are cut off.
        """
        self.is_stopping = True
        connections = list(self.connections)
        await asyncio.gather(*(connection.stop() for connection in connections))
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await asyncio.gather(*(connection.closed.wait() for connection in connections))
        for connection in connections:
            connection.abort()


class Connection(asyncio.Protocol):
    """A connection that speaks HTTP, until it ends or becomes a WebSocket; a task serves its requests in order.

    Attributes:
        closed: Set when the connection is lost, or is another protocol's.
    """

    def __init__(self, service: HttpService) -> None:
        self._service = service
        self._policy = service.policy
        self._stream = HttpStream(self, service.request_s)
        self._transport: asyncio.Transport
        self._client = Client("", "")
        self._task: asyncio.Task[None] | None = None
        self._request: HttpRequest | None = None  # the one that is being served
        self._is_admitted = False
        self._received = bytearray()
        self._is_reading = True  # the transport is
        self._has_data = asyncio.Event()  # or the client sends no more
        self._is_writable = asyncio.Event()
        self._is_writable.set()
        self._ended = asyncio.Event()
        self.closed = asyncio.Event()

    # ---- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts the connection; far over the bounds it is cut off, for a response costs more than it is worth."""
        self._transport = cast("asyncio.Transport", transport)
        address = str((transport.get_extra_info("peername") or ("unknown",))[0])
        self._client = Client(address, address_key(address))
        counter = self._policy.counter
        counter.add(self._client.key)
        if self._service.is_stopping or counter.over_limit_reason(self._client.key, REJECT_MARGIN):
            self._transport.abort()
            return
        self._service.connections.add(self)
        self._task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes) -> None:
        """Keeps what has come."""
        self._received += data
        if len(self._received) > 2 * CHUNK:
            self._is_reading = False
            self._transport.pause_reading()
        self._has_data.set()

    def eof_received(self) -> bool:
        """Notes that no more comes; True: a client that has only half closed the connection gets its response."""
        self._has_data.set()
        self._ended.set()
        return not self._service.over_tls  # TLS cannot be half closed

    def pause_writing(self) -> None:
        """Notes that the client does not read."""
        self._is_writable.clear()

    def resume_writing(self) -> None:
        """Notes that it does."""
        self._is_writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Counts the connection off."""
        self._policy.counter.remove(self._client.key)
        self._leave()
        for event in (self._has_data, self._ended, self._is_writable):
            event.set()

    # ---- the bytes, for HttpStream

    async def read(self) -> bytes:
        """Returns the next bytes; empty: the client sends no more, or the connection is lost."""
        await self._has_data.wait()
        if self.closed.is_set():
            return b""
        data = bytes(self._received)
        self._received.clear()
        if not self._ended.is_set():
            self._has_data.clear()
        self._resume_reading()
        return data

    def write(self, data: bytes) -> None:
        """Sends bytes, or keeps them until the client reads."""
        self._transport.write(data)

    async def drain(self) -> None:
        """Waits until little is kept.

        Raises:
            ConnectionError: The connection is lost.
        """
        await self._is_writable.wait()
        if self.closed.is_set():
            raise ConnectionError("the client has left")

    async def wait_ended(self) -> None:
        """Waits until the client sends no more, or the connection is lost."""
        await self._ended.wait()

    # ---- its requests

    async def stop(self) -> None:
        """Ends it; a client that waits for a response is told that the daemon stops."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    def abort(self) -> None:
        """Cuts it off."""
        self._transport.abort()

    async def _run(self) -> None:
        try:
            served = True
            while served:
                served = await self._serve_next()
                await asyncio.sleep(0)  # a client that sends many requests at once is served in turn with the others
        except ConnectionError as error:
            self._policy.log_abuse(self._client.address, f"a request ended: {error}")
        except asyncio.CancelledError:
            with suppress(ConnectionError):
                await self._refuse_unanswered(HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the daemon stops"))
            raise
        except Exception:
            log.exception("serving a request failed")
            with suppress(ConnectionError):
                await self._refuse_unanswered(HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "see the daemon's log"))
        finally:
            if not self.closed.is_set():  # it is ours still
                self._transport.close()

    async def _serve_next(self) -> bool:
        """Serves a request; returns whether another may follow."""
        stream = self._stream
        self._request = None
        try:
            head = await stream.read_head()
            if head is None:
                if not stream.served:
                    self._policy.log_abuse(self._client.address, "no request came: closed, or too slow")
                return False
            request = self._request = HttpRequest(stream, head, keep_alive=self._may_keep_alive())
            await self._dispatch(request)
        except HttpError as error:
            request = self._request or HttpRequest(stream, None)
            await self._refuse(request, error)
        if self.closed.is_set():
            return False
        if request.status and request.status >= HTTPStatus.BAD_REQUEST and request.status is not HTTPStatus.NOT_FOUND:
            self._policy.log_abuse(self._client.address, f"refused with {request.status.value}: {request.reason}")
        if stream.can_reuse():
            return True
        await self._linger()
        return False

    def _may_keep_alive(self) -> bool:
        """Whether the connection may stay when this request is served: while more places are free than taken."""
        return self._stream.served < MAX_REQUESTS and not self._policy.counter.is_crowded(self._client.key)

    async def _dispatch(self, request: HttpRequest) -> None:
        over_limit = "" if self._is_admitted else self._policy.counter.over_limit_reason(self._client.key)
        if over_limit:
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, f"{over_limit}.", {"Retry-After": "10"})
        self._is_admitted = True
        local_address = str(self._transport.get_extra_info("sockname")[0])
        verdict = self._service.route(make_access_request(request, local_address), request.method)
        if isinstance(verdict, Response):
            await request.respond(verdict)
        elif request.method == "POST":
            await self._service.post_handlers[request.path](request)
        else:
            self._become_websocket(request, verdict)

    def _become_websocket(self, request: HttpRequest, roles: Role) -> None:
        """Hands the transport on, with the request, which websockets reads again: it shakes hands by itself.

        Raises:
            HttpError: The request has a body.
            ConnectionError: The client has left already.
        """
        data = request.take_bytes() + bytes(self._received)
        if self._transport.is_closing():
            raise ConnectionError("the client has left")  # the other protocol would never learn of it
        websocket = self._service.make_websocket(self._client, roles)
        self._leave()
        self._transport.set_protocol(websocket)
        self._resume_reading()
        websocket.connection_made(self._transport)
        websocket.data_received(data)
        if self._ended.is_set():  # asyncio says that once only, and has said it to us
            websocket.eof_received()
            self._transport.close()

    async def _refuse_unanswered(self, error: HttpError) -> None:
        """Sends an error, if a request or part of one has come, and no response has begun."""
        if self._request is None and self._stream.unread:
            self._request = HttpRequest(self._stream, None)
        if self._request and self._request.status is None:
            await self._refuse(self._request, error)

    async def _refuse(self, request: HttpRequest, error: HttpError) -> None:
        await request.respond(self._service.translate_error(request.path, error.response))

    async def _linger(self) -> None:
        """Waits until the client closes the connection: closing it first could reset it, and lose the response."""
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        elif not self._stream.is_body_pending:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while await asyncio.wait_for(self.read(), LINGER_IDLE_S):
                    pass

    def _resume_reading(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self._transport.resume_reading()

    def _leave(self) -> None:
        self._service.connections.discard(self)
        self.closed.set()


def make_access_request(request: HttpRequest, local_address: str) -> AccessRequest:
    """What the access rules need to know of a request; of headers that may be there once only, the first counts."""
    first = {name: next(iter(request.headers(name)), "") for name in ("authorization", "cookie")}
    return AccessRequest(
        request.target,
        request.headers("host"),
        request.headers("origin"),
        first["authorization"],
        first["cookie"],
        local_address,
        request.method == "GET" and any("websocket" in value.lower() for value in request.headers("upgrade")),
    )
