"""The one port: pages and uploads over HTTP, captions and audio over WebSocket."""

import asyncio
import errno
import logging
import ssl
from contextlib import suppress
from functools import partial
from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET

from websockets.asyncio.server import Server as WebSocketServer
from websockets.exceptions import ConnectionClosed

from streamstt.config.overlay import OverlaySettings
from streamstt.config.server import ServerSettings
from streamstt.errors import ConfigError, ServerError
from streamstt.hub.hub import STOPPING, Hub
from streamstt.hub.protocol import ClientError, make_error
from streamstt.server.access import (
    LOCAL_FILE_ORIGINS,
    NO_ROLE,
    AccessPolicy,
    AccessRequest,
    Role,
    TokenSet,
    is_loopback,
    parse_host,
)
from streamstt.server.addresses import WILDCARD_HOSTS, own_names
from streamstt.server.connection import Client
from streamstt.server.endpoint import NO_EXTENSIONS, AudioIngest, EndpointContext, Extensions
from streamstt.server.guests import best_address, make_invitation
from streamstt.server.handlers import authenticate, serve_controller, serve_speaker, serve_viewer
from streamstt.server.http.downloads import Downloads
from streamstt.server.http.guest_pages import GuestPages
from streamstt.server.http.pages import Pages
from streamstt.server.http.request import Handler
from streamstt.server.http.response import Download, Response
from streamstt.server.http.router import Router
from streamstt.server.http_service import HttpService
from streamstt.server.limits import MAX_SHORT, ConnectionCounter, ConnectionPolicy, raise_fd_limit
from streamstt.server.listener import listen
from streamstt.server.tls import CertificateRenewal, local_certificate, make_context, reload_certificate
from streamstt.server.tokens import load_tokens
from streamstt.server.websocket import WebSocketConnection, make_connection, make_websocket_server

# Bytes that the kernel may hold for one client, as websockets does above it; beyond, sending waits and messages pile up
# in the client's queue, which knows what to drop. Left alone, the kernel would take megabytes: hours of captions.
SOCKET_BUFFER = 2**16
DRAIN_S = 5.0  # how long a stopping daemon waits for slow clients to receive their last captions

log = logging.getLogger(__name__)


class CaptionServer:
    """Serves the hub's messages, the pages and third-party HTTP APIs, and receives audio."""

    def __init__(
        self, settings: ServerSettings, hub: Hub, ingest: AudioIngest, extensions: Extensions = NO_EXTENSIONS
    ) -> None:
        """Starts idle; call ``start``.

        Args:
            settings: The ``[server]`` section.
            hub: Where captions come from.
            ingest: Where remote audio goes.
            extensions: What else it serves.
        """
        self._settings = settings
        self._hub = hub
        self._ingest = ingest
        self._extensions = extensions
        self._pages = Pages(hub)
        self._pages.records = extensions.records
        self._router = self._make_router(AccessPolicy(None))
        self._connection_policy = ConnectionPolicy(
            ConnectionCounter(settings.max_connections, settings.max_per_address), settings.max_messages_s
        )
        self._downloads = Downloads(hub, extensions.records)
        self._http = HttpService(
            self._connection_policy,
            self._route,
            extensions.api.post_handlers,
            extensions.translate_error,
            self._make_websocket,
            settings.handshake_s,
        )
        self._tls: ssl.SSLContext | None = None
        self._renewal: CertificateRenewal | None = None
        self._websockets: WebSocketServer | None = None

    def set_overlay(self, overlay: OverlaySettings) -> None:
        """Sets how the overlay looks; pages apply it when they are opened next."""
        self._pages.overlay = overlay

    async def start(self) -> str:
        """Opens the port; returns the address of the captions page.

        Raises:
            ConfigError: Tokens, certificate or key cannot be used.
            ServerError: The address is in use, or is not this machine's.
        """
        host, port = self._settings.host, self._settings.port
        tokens = load_tokens(self._settings)
        self._tls = make_context(self._settings)
        self._set_limits(self._settings)
        self._http.over_tls = self._tls is not None
        websockets = make_websocket_server(self._serve_websocket, self._listen, self._settings.handshake_s)
        try:
            await websockets  # which opens the port, without accepting connections
            bound = int(next(iter(websockets.sockets)).getsockname()[1])
            self._set_access_policy(tokens, bound)
            self._websockets = websockets
            await websockets.start_serving()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                hint = "another streamstt may be running; stop it, or choose another port with --port"
                raise ServerError(f"port {port} on {host} is taken: {hint}") from error
            hint = "127.0.0.1 is for this machine only, 0.0.0.0 for others as well; ports below 1024 may need rights"
            raise ServerError(f"cannot listen on {host} port {port} ({error.strerror}): {hint}") from error
        if tokens:
            log.info("clients need a token; the tokens are in %s", tokens.location)
            if not self._tls:
                log.warning("no TLS: captions and tokens can be read on the network (server.tls_certificate)")
        if self._tls:
            self._renewal = CertificateRenewal(self._tls, lambda: self._settings)
        return best_address(self._settings, bound)

    def reload(self, settings: ServerSettings) -> None:
        """Applies new tokens, certificate, allowed hosts and origins, and bounds; host and port stay.

        If one of the files cannot be read, nothing changes. Open connections stay open.
        """
        try:
            tokens = load_tokens(settings.model_copy(update={"host": self._settings.host}))
            if self._tls and settings.tls_certificate:
                reload_certificate(self._tls, settings)
        except ConfigError as error:
            log.error("access rules were not reloaded: %s", error)
            self._hub.notify("access", "New tokens or a new certificate could not be read; the old ones are in use.")
            return
        if bool(self._tls) != bool(settings.tls_certificate):
            log.warning("TLS is switched on or off at the next start only (server.tls_certificate)")
        kept = {name: getattr(self._settings, name) for name in ("host", "port", "handshake_s")}
        self._settings = settings.model_copy(update=kept)
        self._set_access_policy(tokens, int(self._router.policy.cookie_name.rpartition("-")[2]))
        self._set_limits(settings)
        self._hub.notify("access", "")

    def _set_limits(self, settings: ServerSettings) -> None:
        """Bounds clients; if the system allows too few connections, pages are loaded over a quarter of them."""
        fit = raise_fd_limit(settings.max_connections + MAX_SHORT)
        policy = self._connection_policy
        policy.short.counter.max_total = min(MAX_SHORT, max(fit - settings.max_connections, fit // 4))
        policy.counter.max_total = min(settings.max_connections, fit - policy.short.counter.max_total)
        policy.counter.max_per_address = settings.max_per_address
        policy.messages_per_s = settings.max_messages_s

    def _set_access_policy(self, token_set: TokenSet | None, port: int) -> None:
        """Puts access rules into force."""
        settings = self._settings
        hosts = {
            parse_host(h if ":" not in h else f"[{h.strip('[]')}]") for h in (*settings.allowed_hosts, settings.host)
        }
        if not is_loopback(settings.host):
            hosts.update(own_names())  # no name of the internet: no other site can have it point here
        origins = {o.lower() for o in settings.allowed_origins if o != "file"}
        files = LOCAL_FILE_ORIGINS if "file" in settings.allowed_origins else ()
        # A browser shares cookies between all ports of a host: two daemons must not read each other's.
        policy = AccessPolicy(
            token_set,
            frozenset(h for h in hosts if h and h not in WILDCARD_HOSTS),
            frozenset(origins | set(files)),
            secure=self._tls is not None,
            cookie_name=f"streamstt-{port}",
        )
        self._router = self._make_router(policy)
        certificate = local_certificate(settings)
        self._router.guests = GuestPages(
            lambda: make_invitation(settings, port, token_set), certificate.authority if certificate else None
        )

    def _make_router(self, policy: AccessPolicy) -> Router:
        extensions = self._extensions
        return Router(
            policy,
            self._pages,
            extensions.endpoints,
            extensions.api,
            extensions.unavailable,
            extensions.translate_error,
        )

    async def drain(self) -> None:
        """Stops accepting clients; sends each its queued messages, then closes it (1001)."""
        if self._renewal:
            self._renewal.stop()
        await self._hub.flush()
        self._hub.finish()
        if self._websockets is None:
            return
        self._websockets.close(close_connections=False)
        await self._http.drain(DRAIN_S)
        await self._downloads.close()
        # Clients that receive captions are closed after the last one; others at once.
        idle = [c for c in self._websockets.connections if c.request and c.request.path.startswith("/control")]
        closing = [asyncio.create_task(c.close(STOPPING.code, STOPPING.reason)) for c in idle]
        clients = {asyncio.create_task(c.wait_closed()): c for c in self._websockets.connections}
        if clients:
            _, slow = await asyncio.wait(clients, timeout=DRAIN_S)
            for task in slow:
                clients[task].transport.abort()
        await asyncio.gather(*closing)
        await self._websockets.wait_closed()

    async def _listen(self) -> asyncio.Server:
        return await listen(self._http.accept, self._settings, self._tls)

    def _route(self, request: AccessRequest, method: str) -> Role | Response | Handler:
        """Routes by the rules that are in force now: a reload may change them."""
        verdict = self._router.route(request, method)
        return partial(self._downloads.send, verdict) if isinstance(verdict, Download) else verdict

    def _make_websocket(self, client: Client, roles: Role) -> WebSocketConnection:
        assert self._websockets is not None
        return make_connection(self._websockets, self._connection_policy, client, roles)

    async def _serve_websocket(self, socket: WebSocketConnection) -> None:
        assert socket.request is not None
        target = socket.request.path
        path = target.partition("?")[0]
        for buffer in (SO_SNDBUF, SO_RCVBUF):
            socket.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, buffer, SOCKET_BUFFER)
        try:
            with suppress(ConnectionClosed):
                await self._serve(socket, target, path)
        except Exception:
            log.exception("serving a client failed")  # websockets' own log is off: it reports every malformed frame
            raise

    async def _serve(self, socket: WebSocketConnection, target: str, path: str) -> None:
        try:
            if socket.roles is NO_ROLE:
                socket.roles = await authenticate(socket, self._router.policy, path, self._settings.handshake_s)
            if path == "/captions":
                may_control = Role.CONTROL in socket.roles and self._extensions.unavailable("/control") is None
                await serve_viewer(socket, self._hub, target, control=may_control)
            elif path == "/control":
                await serve_controller(socket, self._extensions.transcripts, self._hub)
            elif path in self._extensions.endpoints:
                socket.ping_timeout = None  # pongs queue behind audio that waits for the engine
                context = EndpointContext(socket, target, self._hub, self._ingest, self._settings.audio_idle_s)
                await self._extensions.endpoints[path](context)
            else:
                socket.ping_timeout = None  # for the same reason
                await serve_speaker(socket, self._hub, self._ingest, target, self._settings.audio_idle_s)
        except ClientError as error:
            await socket.send(make_error(error))
            await socket.close(error.close_code, error.code)
