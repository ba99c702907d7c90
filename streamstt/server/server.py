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

from streamstt.config.overlay import Overlay
from streamstt.config.server import Server as ServerSettings
from streamstt.errors import ConfigError, ServerError
from streamstt.hub.hub import STOPPING, Hub
from streamstt.hub.protocol import ClientError, error
from streamstt.server.access import LOCAL_FILES, NOBODY, Guard, Keys, Role, Visit, host_name
from streamstt.server.connection import Connection, Door, visit_of
from streamstt.server.endpoint import NONE, RemoteStream, Services, Studio, Visitor
from streamstt.server.handlers import identify, serve_controller, serve_speaker, serve_viewer
from streamstt.server.http.body_server import PostOffice
from streamstt.server.http.pages import Routes
from streamstt.server.http.response import HEADERS, Answer, plain
from streamstt.server.http.router import Reception
from streamstt.server.limits import Census, room_for
from streamstt.server.tls import make_context, renew
from streamstt.server.tokens import load_keys

__all__ = ["RemoteStream", "Server", "Studio"]

EVERYWHERE = {"0.0.0.0": "localhost", "::": "localhost"}  # noqa: S104 - compared, not bound
MAX_MESSAGE = 2**20  # bytes a client may send at once: 30 s of audio; more closes it with 1009
# Bytes that the kernel, and above it websockets, may hold for one client; beyond, sending waits and messages pile up in
# the client's outbox, which knows what to drop. Left alone, the kernel would take megabytes: hours of captions.
SOCKET_BUFFER, WRITE_BUFFER = 2**16, 2**15
DRAIN_S = 5.0  # how long a stopping daemon waits for slow clients to take their last captions

log = logging.getLogger(__name__)


class Server:
    """Serves the hub's messages and the pages, and takes in audio."""

    def __init__(self, settings: ServerSettings, hub: Hub, studio: Studio, services: Services = NONE) -> None:
        """Does not listen yet.

        Args:
            settings: The ``[server]`` section.
            hub: Where captions come from.
            studio: Where remote audio goes.
            services: What else it has.
        """
        self._settings = settings
        self._hub = hub
        self._studio = studio
        self._services = services
        self._routes = Routes(hub)
        self._reception = self._receive_by(Guard(None))
        self._door = Door(Census(settings.max_connections, settings.max_per_address), settings.max_messages_s)
        self._posts = PostOffice(services.api.posters, self._receive, settings.handshake_s)
        self._door.hand_over = self._posts.take
        self._tls: ssl.SSLContext | None = None
        self._listener: Listener | None = None

    def restyle(self, overlay: Overlay) -> None:
        """Takes how the overlay looks; pages have it when they are opened next."""
        self._routes.overlay = overlay

    async def start(self) -> str:
        """Listens, and returns the address of the captions page.

        Raises:
            ConfigError: Tokens, certificate or key cannot be used.
            ServerError: The address is taken, or not this machine's.
        """
        host, port = self._settings.host, self._settings.port
        keys = load_keys(self._settings)
        self._tls = make_context(self._settings)
        self._door.census.most = room_for(self._settings.max_connections)
        try:
            self._listener = await serve(
                self._handle,
                host,
                port,
                ssl=self._tls,
                process_request=self._process_request,
                create_connection=cast("type[ServerConnection]", partial(Connection, self._door)),
                open_timeout=self._settings.handshake_s,
                compression=None,  # captions are small, and the machine's time belongs to the model
                max_size=MAX_MESSAGE,
                write_limit=WRITE_BUFFER,
                server_header=None,
                start_serving=False,  # nobody comes in before the rules are in force
            )
            bound = int(next(iter(self._listener.sockets)).getsockname()[1])
            self._guard(keys, bound)
            await self._listener.start_serving()
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                hint = "another streamstt may be running; stop it, or choose another port with --port"
                raise ServerError(f"port {port} on {host} is taken: {hint}") from problem
            hint = "127.0.0.1 is for this machine only, 0.0.0.0 for others as well; ports below 1024 may need rights"
            raise ServerError(f"cannot listen on {host} port {port} ({problem.strerror}): {hint}") from problem
        if keys:
            log.info("clients need a token; the tokens are in %s", keys.where)
            if not self._tls:
                log.warning("no TLS: whoever sees the network's traffic sees captions and tokens (tls_certificate)")
        shown = EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)
        return f"{'https' if self._tls else 'http'}://{shown}:{bound}/"

    def reload(self, settings: ServerSettings) -> None:
        """Takes tokens, certificate, allowed hosts and origins, and bounds anew; host and port stay.

        What cannot be read leaves everything as it was. Open connections stay open.
        """
        try:
            keys = load_keys(settings.model_copy(update={"host": self._settings.host}))
            if self._tls and settings.tls_certificate:
                renew(self._tls, settings)
        except ConfigError as problem:
            log.error("access is as it was before the reload: %s", problem)
            self._hub.notify("access", "New tokens or a new certificate could not be read; the old ones are in use.")
            return
        if bool(self._tls) != bool(settings.tls_certificate):
            log.warning("TLS is switched on or off at the next start only (server.tls_certificate)")
        kept = {name: getattr(self._settings, name) for name in ("host", "port", "handshake_s")}
        self._settings = settings.model_copy(update=kept)
        self._guard(keys, int(self._reception.guard.cookie.rpartition("-")[2]))
        census = self._door.census
        census.most, census.most_from_one = room_for(settings.max_connections), settings.max_per_address
        self._door.messages_s = settings.max_messages_s
        self._hub.notify("access", "")

    def _guard(self, keys: Keys | None, port: int) -> None:
        """Puts rules into force."""
        settings = self._settings
        hosts = {
            host_name(h if ":" not in h else f"[{h.strip('[]')}]") for h in (*settings.allowed_hosts, settings.host)
        }
        origins = {o.lower() for o in settings.allowed_origins if o != "file"}
        files = LOCAL_FILES if "file" in settings.allowed_origins else ()
        # A browser keeps cookies for all ports of a host together: two daemons must not take each other's.
        guard = Guard(
            keys,
            frozenset(h for h in hosts if h and h not in EVERYWHERE),
            frozenset(origins | set(files)),
            secure=self._tls is not None,
            cookie=f"streamstt-{port}",
        )
        self._reception = self._receive_by(guard)

    def _receive_by(self, guard: Guard) -> Reception:
        services = self._services
        return Reception(guard, self._routes, services.endpoints, services.api, services.elsewhere)

    async def drain(self) -> None:
        """Takes no new clients; gives each the time to receive what waits for it, then says goodbye (1001)."""
        await self._hub.flush()
        self._hub.finish()
        if self._listener is None:
            return
        self._listener.close(close_connections=False)
        await self._posts.drain()
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
        assert isinstance(connection, Connection)  # noqa: S101 - for the type checker
        if connection.crowded:
            return _response(plain(HTTPStatus.SERVICE_UNAVAILABLE, f"{connection.crowded}.\n", Retry_After="10"))
        answer = self._receive(visit_of(connection, request), getattr(request, "method", "GET"))
        if isinstance(answer, Answer):
            return _response(answer)
        connection.roles = answer
        return None

    def _receive(self, visit: Visit, method: str) -> Role | Answer:
        """By the rules that are in force now: a reload may change them."""
        return self._reception.receive(visit, method)

    async def _handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None  # noqa: S101 - the handshake is done; for the type checker
        assert isinstance(socket, Connection)  # noqa: S101 - the same
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
            if socket.roles is NOBODY:
                socket.roles = await identify(socket, self._reception.guard, path, self._settings.handshake_s)
            if path == "/captions":
                await serve_viewer(socket, self._hub, target)
            elif path == "/control":
                await serve_controller(socket, self._services.marker)
            elif path in self._services.endpoints:
                socket.ping_timeout = None  # as below
                visitor = Visitor(socket, target, self._hub, self._studio, self._settings.audio_idle_s)
                await self._services.endpoints[path](visitor)
            else:
                socket.ping_timeout = None  # its answer waits behind its audio, which waits for the engine
                await serve_speaker(socket, self._hub, self._studio, target, self._settings.audio_idle_s)
        except ClientError as problem:
            await socket.send(error(problem))
            await socket.close(problem.close_code, problem.code)


def _response(answer: Answer) -> Response:
    headers = Headers([*HEADERS.items(), *answer.headers])
    headers["Content-Type"] = answer.content_type
    headers["Content-Length"] = str(len(answer.body))
    headers["Connection"] = "close"
    return Response(answer.status.value, answer.status.phrase, headers, answer.body)
