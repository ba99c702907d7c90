"""The one port: pages over HTTP, captions and audio over WebSocket."""

import asyncio
import errno
import logging
import ssl
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET
from typing import cast

from websockets.asyncio.server import Server as Listener
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from streamstt.config.overlay import OverlaySettings
from streamstt.config.server import ServerSettings
from streamstt.errors import ConfigError, ServerError
from streamstt.hub.hub import STOPPING, Hub
from streamstt.hub.protocol import ClientError, make_error
from streamstt.server.access import LOCAL_FILE_ORIGINS, NO_ROLE, AccessPolicy, AccessRequest, Role, TokenSet, parse_host
from streamstt.server.connection import Connection, ConnectionPolicy, make_access_request
from streamstt.server.endpoint import NO_EXTENSIONS, AudioIngest, EndpointContext, Extensions, RemoteStream
from streamstt.server.handlers import authenticate, serve_controller, serve_speaker, serve_viewer
from streamstt.server.http.body_server import BodyServer
from streamstt.server.http.pages import Pages
from streamstt.server.http.response import HEADERS, Answer, text_response
from streamstt.server.http.router import Router
from streamstt.server.limits import ConnectionCounter, raise_fd_limit
from streamstt.server.tls import make_context, reload_certificate
from streamstt.server.tokens import load_tokens

__all__ = ["AudioIngest", "CaptionServer", "RemoteStream"]

WILDCARD_HOSTS = {"0.0.0.0": "localhost", "::": "localhost"}  # noqa: S104 - compared, not bound
MAX_MESSAGE = 2**20  # bytes a client may send at once: 30 s of audio; more closes it with 1009
# Bytes that the kernel, and above it websockets, may hold for one client; beyond, sending waits and messages pile up in
# the client's outbox, which knows what to drop. Left alone, the kernel would take megabytes: hours of captions.
SOCKET_BUFFER, WRITE_BUFFER = 2**16, 2**15
DRAIN_S = 5.0  # how long a stopping daemon waits for slow clients to take their last captions

log = logging.getLogger(__name__)


class CaptionServer:
    """Serves the hub's messages and the pages, and takes in audio."""

    def __init__(
        self, settings: ServerSettings, hub: Hub, ingest: AudioIngest, extensions: Extensions = NO_EXTENSIONS
    ) -> None:
        """Does not listen yet.

        Args:
            settings: The ``[server]`` section.
            hub: Where captions come from.
            ingest: Where remote audio goes.
            extensions: What else it has.
        """
        self._settings = settings
        self._hub = hub
        self._ingest = ingest
        self._extensions = extensions
        self._pages = Pages(hub)
        self._router = self._make_router(AccessPolicy(None))
        self._connection_policy = ConnectionPolicy(
            ConnectionCounter(settings.max_connections, settings.max_per_address), settings.max_messages_s
        )
        self._body_server = BodyServer(extensions.api.post_handlers, self._route, settings.handshake_s)
        self._connection_policy.hand_over = self._body_server.accept
        self._tls: ssl.SSLContext | None = None
        self._listener: Listener | None = None

    def set_overlay(self, overlay: OverlaySettings) -> None:
        """Takes how the overlay looks; pages have it when they are opened next."""
        self._pages.overlay = overlay

    async def start(self) -> str:
        """Listens, and returns the address of the captions page.

        Raises:
            ConfigError: Tokens, certificate or key cannot be used.
            ServerError: The address is taken, or not this machine's.
        """
        host, port = self._settings.host, self._settings.port
        keys = load_tokens(self._settings)
        self._tls = make_context(self._settings)
        self._connection_policy.counter.max_total = raise_fd_limit(self._settings.max_connections)
        try:
            self._listener = await serve(
                self._handle,
                host,
                port,
                ssl=self._tls,
                process_request=self._process_request,
                create_connection=cast("type[ServerConnection]", partial(Connection, self._connection_policy)),
                open_timeout=self._settings.handshake_s,
                compression=None,  # captions are small, and the machine's time belongs to the model
                max_size=MAX_MESSAGE,
                write_limit=WRITE_BUFFER,
                server_header=None,
                start_serving=False,  # nobody comes in before the rules are in force
            )
            bound = int(next(iter(self._listener.sockets)).getsockname()[1])
            self._set_access_policy(keys, bound)
            await self._listener.start_serving()
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                hint = "another streamstt may be running; stop it, or choose another port with --port"
                raise ServerError(f"port {port} on {host} is taken: {hint}") from problem
            hint = "127.0.0.1 is for this machine only, 0.0.0.0 for others as well; ports below 1024 may need rights"
            raise ServerError(f"cannot listen on {host} port {port} ({problem.strerror}): {hint}") from problem
        if keys:
            log.info("clients need a token; the tokens are in %s", keys.location)
            if not self._tls:
                log.warning("no TLS: whoever sees the network's traffic sees captions and tokens (tls_certificate)")
        shown = WILDCARD_HOSTS.get(host, f"[{host}]" if ":" in host else host)
        return f"{'https' if self._tls else 'http'}://{shown}:{bound}/"

    def reload(self, settings: ServerSettings) -> None:
        """Takes tokens, certificate, allowed hosts and origins, and bounds anew; host and port stay.

        What cannot be read leaves everything as it was. Open connections stay open.
        """
        try:
            keys = load_tokens(settings.model_copy(update={"host": self._settings.host}))
            if self._tls and settings.tls_certificate:
                reload_certificate(self._tls, settings)
        except ConfigError as problem:
            log.error("access is as it was before the reload: %s", problem)
            self._hub.notify("access", "New tokens or a new certificate could not be read; the old ones are in use.")
            return
        if bool(self._tls) != bool(settings.tls_certificate):
            log.warning("TLS is switched on or off at the next start only (server.tls_certificate)")
        kept = {name: getattr(self._settings, name) for name in ("host", "port", "handshake_s")}
        self._settings = settings.model_copy(update=kept)
        self._set_access_policy(keys, int(self._router.policy.cookie_name.rpartition("-")[2]))
        census = self._connection_policy.counter
        census.max_total, census.max_per_address = raise_fd_limit(settings.max_connections), settings.max_per_address
        self._connection_policy.messages_per_s = settings.max_messages_s
        self._hub.notify("access", "")

    def _set_access_policy(self, token_set: TokenSet | None, port: int) -> None:
        """Puts rules into force."""
        settings = self._settings
        hosts = {
            parse_host(h if ":" not in h else f"[{h.strip('[]')}]") for h in (*settings.allowed_hosts, settings.host)
        }
        origins = {o.lower() for o in settings.allowed_origins if o != "file"}
        files = LOCAL_FILE_ORIGINS if "file" in settings.allowed_origins else ()
        # A browser keeps cookies for all ports of a host together: two daemons must not take each other's.
        guard = AccessPolicy(
            token_set,
            frozenset(h for h in hosts if h and h not in WILDCARD_HOSTS),
            frozenset(origins | set(files)),
            secure=self._tls is not None,
            cookie_name=f"streamstt-{port}",
        )
        self._router = self._make_router(guard)

    def _make_router(self, policy: AccessPolicy) -> Router:
        services = self._extensions
        return Router(policy, self._pages, services.endpoints, services.api, services.unavailable)

    async def drain(self) -> None:
        """Takes no new clients; gives each the time to receive what waits for it, then says goodbye (1001)."""
        await self._hub.flush()
        self._hub.finish()
        if self._listener is None:
            return
        self._listener.close(close_connections=False)
        await self._body_server.drain()
        # Who waits for captions is told goodbye behind the last one; others wait for nothing.
        idle = [c for c in self._listener.connections if c.request and c.request.path.startswith("/control")]
        closing = [asyncio.create_task(c.close(STOPPING.code, STOPPING.reason)) for c in idle]
        clients = {asyncio.create_task(c.wait_closed()): c for c in self._listener.connections}
        if clients:
            _, slow = await asyncio.wait(clients, timeout=DRAIN_S)
            for task in slow:
                clients[task].transport.abort()
        await asyncio.gather(*closing)
        await self._listener.wait_closed()

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answers what is no WebSocket; None lets the handshake go on."""
        assert isinstance(connection, Connection)
        if connection.over_limit_reason:
            return _to_websockets_response(
                text_response(HTTPStatus.SERVICE_UNAVAILABLE, f"{connection.over_limit_reason}.\n", Retry_After="10")
            )
        answer = self._route(make_access_request(connection, request), getattr(request, "method", "GET"))
        if isinstance(answer, Answer):
            return _to_websockets_response(answer)
        connection.roles = answer
        return None

    def _route(self, request: AccessRequest, method: str) -> Role | Answer:
        """By the rules that are in force now: a reload may change them."""
        return self._router.route(request, method)

    async def _handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        assert isinstance(socket, Connection)
        target = socket.request.path
        path = target.partition("?")[0]
        for buffer in (SO_SNDBUF, SO_RCVBUF):
            socket.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, buffer, SOCKET_BUFFER)
        try:
            with suppress(ConnectionClosed):
                await self._serve(socket, target, path)
        except Exception:
            log.exception("serving a client failed")  # websockets' own log is off, for it tells of every stranger
            raise

    async def _serve(self, socket: Connection, target: str, path: str) -> None:
        try:
            if socket.roles is NO_ROLE:
                socket.roles = await authenticate(socket, self._router.policy, path, self._settings.handshake_s)
            if path == "/captions":
                await serve_viewer(socket, self._hub, target)
            elif path == "/control":
                await serve_controller(socket, self._extensions.transcripts)
            elif path in self._extensions.endpoints:
                socket.ping_timeout = None  # as below
                visitor = EndpointContext(socket, target, self._hub, self._ingest, self._settings.audio_idle_s)
                await self._extensions.endpoints[path](visitor)
            else:
                socket.ping_timeout = None  # its answer waits behind its audio, which waits for the engine
                await serve_speaker(socket, self._hub, self._ingest, target, self._settings.audio_idle_s)
        except ClientError as problem:
            await socket.send(make_error(problem))
            await socket.close(problem.close_code, problem.code)


def _to_websockets_response(response: Answer) -> Response:
    headers = Headers([*HEADERS.items(), *response.headers])
    headers["Content-Type"] = response.content_type
    headers["Content-Length"] = str(len(response.body))
    headers["Connection"] = "close"
    return Response(response.status.value, response.status.phrase, headers, response.body)
