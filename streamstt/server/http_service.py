"""HTTP on the port: serves the requests of each connection in order, and hands upgrades on to WebSockets.

The router and the handlers decide what a request gets; ``server.http`` turns bytes into requests.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus

from streamstt.server.access import HEALTH_PATH, AccessRequest, Role
from streamstt.server.connection import Client, Connection
from streamstt.server.http.request import Handler, HttpRequest
from streamstt.server.http.response import HttpError, Response
from streamstt.server.http.stream import HttpStream
from streamstt.server.limits import ConnectionPolicy

MAX_REQUESTS = 1000  # on one connection, so that no client holds it forever

log = logging.getLogger(__name__)


class HttpService:
    """Serves all connections of the port.

    Attributes:
        over_tls: Whether connections are encrypted; set before the first.
    """

    def __init__(
        self,
        policy: ConnectionPolicy,
        route: Callable[[AccessRequest, str], Role | Response | Handler],
        post_handlers: Mapping[str, Handler],
        translate_error: Callable[[str, Response], Response],
        make_websocket: Callable[[Client, Role], asyncio.Protocol],
        request_s: float,
    ) -> None:
        """Serves no connection yet.

        Args:
            policy: Bounds that all connections share.
            route: Returns the response to a request, what serves it, or the roles of a client that is let in.
            post_handlers: What serves ``POST``, by path.
            translate_error: Phrases an error as the clients of its path expect it.
            make_websocket: Makes the protocol that takes a connection over as a WebSocket.
            request_s: Time for a request without its body, in seconds.
        """
        self.policy = policy
        self.route = route
        self.post_handlers = post_handlers
        self.translate_error = translate_error
        self.make_websocket = make_websocket
        self.request_s = request_s
        self.over_tls = False
        self.connections: set[Connection] = set()
        self._is_stopping = False

    def accept(self) -> Connection:
        """Makes a connection; asyncio calls this for each client."""
        return Connection(self.policy, self._serve, self.connections, over_tls=self.over_tls)

    async def drain(self, within_s: float) -> None:
        """Ends all connections; a client that waits for a response gets 503.

        Args:
            within_s: Time for clients to read it, in seconds; then they are cut off.
        """
        self._is_stopping = True
        connections = list(self.connections)
        await asyncio.gather(*(connection.stop() for connection in connections))
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await asyncio.gather(*(connection.closed.wait() for connection in connections))
        for connection in connections:
            if not connection.closed.is_set():
                connection.abort()

    async def _serve(self, connection: Connection) -> None:
        if self._is_stopping:
            connection.close()  # it was accepted at the last moment
        else:
            await _Session(self, connection).run()


class _Session:
    """The requests of one connection."""

    def __init__(self, service: HttpService, connection: Connection) -> None:
        self._service = service
        self._connection = connection
        self._stream = HttpStream(connection, service.request_s)
        self._request: HttpRequest | None = None  # the one that is being served

    async def run(self) -> None:
        """Serves requests until the connection ends, or becomes a WebSocket."""
        try:
            served = True
            while served:
                served = await self._serve_next()
                await asyncio.sleep(0)  # clients that send many requests at once take turns with all others
        except ConnectionError as error:
            if not self._stream.is_response_complete:  # else it has left as it may, with its whole response
                self._log_abuse(f"a request ended: {error}")
        except asyncio.CancelledError:
            with suppress(ConnectionError):
                await self._refuse_unanswered(HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the daemon stops"))
            raise
        except Exception:
            log.exception("serving a request failed")
            with suppress(ConnectionError):
                await self._refuse_unanswered(HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "see the daemon's log"))
        finally:
            self._connection.close()

    async def _serve_next(self) -> bool:
        """Serves a request; returns whether another may follow."""
        self._request = None
        try:
            head = await self._stream.read_head()
            if head is None:
                if not self._stream.served:
                    self._log_abuse("no request came: closed, or too slow")
                return False
            self._connection.set_busy()
            request = self._request = HttpRequest(self._stream, head, keep_alive=self._may_keep_alive())
            await self._dispatch(request)
        except HttpError as error:
            request = self._request or HttpRequest(self._stream, None)
            await self._refuse(request, error)
        if self._connection.closed.is_set():
            return False
        if request.status and is_abuse(request.status, request.path):
            self._log_abuse(f"refused with {request.status.value}: {request.reason}")
        self._connection.set_idle()
        if self._stream.can_reuse():
            return True
        await self._connection.linger(always=self._stream.is_body_pending)
        return False

    def _may_keep_alive(self) -> bool:
        """Returns whether the connection may stay open after this request: if the server is not crowded."""
        counter = self._service.policy.short.counter
        return self._stream.served < MAX_REQUESTS and not counter.is_crowded(self._connection.client.key)

    async def _dispatch(self, request: HttpRequest) -> None:
        service, connection = self._service, self._connection
        counter, key = service.policy.counter, connection.client.key
        over_limit = "" if connection.is_long else counter.over_limit_reason(key, more=1)
        access_request = make_access_request(request, connection.local_address, over_limit)
        verdict = service.route(access_request, request.method)
        if isinstance(verdict, Response):
            await request.respond(verdict)
        elif not isinstance(verdict, Role):
            await verdict(request)
        elif request.method == "POST":
            connection.set_long()
            await service.post_handlers[request.path](request)
        else:
            # websockets reads the request again: the handshake is its own.
            data = request.take_bytes()
            connection.hand_over(service.make_websocket(connection.client, verdict), data)

    async def _refuse_unanswered(self, error: HttpError) -> None:
        """Sends an error if a request, or part of one, has come, and no response has begun."""
        if self._request is None and self._stream.unread:
            self._request = HttpRequest(self._stream, None)
        if self._request and self._request.status is None:
            await self._refuse(self._request, error)

    async def _refuse(self, request: HttpRequest, error: HttpError) -> None:
        await request.respond(self._service.translate_error(request.path, error.response))

    def _log_abuse(self, text: str) -> None:
        self._service.policy.log_abuse(self._connection.client.address, text)


def is_abuse(status: HTTPStatus, path: str) -> bool:
    """Returns whether a response is worth a line in the log; a monitor asks for the health again and again."""
    harmless = status < HTTPStatus.BAD_REQUEST or status is HTTPStatus.NOT_FOUND
    return not harmless and path != HEALTH_PATH


def make_access_request(request: HttpRequest, local_address: str, over_limit: str = "") -> AccessRequest:
    """Returns what the access rules need of a request; of a header that may occur only once, the first counts."""
    first = {name: next(iter(request.headers(name)), "") for name in ("authorization", "cookie")}
    return AccessRequest(
        request.target,
        request.headers("host"),
        request.headers("origin"),
        first["authorization"],
        first["cookie"],
        local_address,
        request.method == "GET" and any("websocket" in value.lower() for value in request.headers("upgrade")),
        any("text/html" in value.lower() for value in request.headers("accept")),
        over_limit,
    )
