"""The one port: pages over HTTP, captions and audio over WebSocket. The only server-side import of websockets."""

import asyncio
import errno
import logging
from collections.abc import Coroutine
from http import HTTPStatus
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Protocol

from websockets.asyncio.server import Server as Listener
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from streamstt.audio.format import Resampler, Samples, from_s16le
from streamstt.config import Server as ServerSettings
from streamstt.errors import ServerError
from streamstt.serve.control import Marker, answer, may_control
from streamstt.serve.hub import TOO_SLOW, Farewell, Hub, Outbox
from streamstt.serve.protocol import AudioOffer, ClientError, error, is_end, parse_audio, parse_resume
from streamstt.serve.routes import HEADERS, Answer, Routes

SOCKETS = {"/captions", "/audio", "/control"}
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
MAX_MESSAGE = 2**20  # bytes a client may send at once: 30 s of audio; more closes it with 1009
# Bytes that the kernel, and above it websockets, may hold for one client; beyond, sending waits and messages pile up in
# the client's outbox, which knows what to drop. Left alone, the kernel would take megabytes: hours of captions.
SOCKET_BUFFER, WRITE_BUFFER = 2**16, 2**15
DRAIN_S = 5.0  # how long a stopping daemon waits for slow clients to take their last captions

log = logging.getLogger(__name__)


class RemoteStream(Protocol):
    """A client's audio on its way to captions."""

    @property
    def name(self) -> str:
        """Name of the source that it became."""
        ...

    async def push(self, samples: Samples) -> None:
        """Takes 16 kHz audio; waits when the engine is far behind."""
        ...

    async def finish(self) -> None:
        """No more audio comes; returns when the last final is published."""
        ...

    def leave(self) -> None:
        """The client is gone; what it said and is not final yet is still captioned for the others."""
        ...


class Studio(Protocol):
    """Takes in remote sources."""

    def admit(self, offer: AudioOffer) -> RemoteStream:
        """Makes a source of a client.

        Raises:
            ClientError: There are too many, or the language is unknown.
        """
        ...


class Server:
    """Serves the hub's messages and the pages, and takes in audio."""

    def __init__(self, settings: ServerSettings, hub: Hub, studio: Studio, marker: Marker | None = None) -> None:
        """Does not listen yet.

        Args:
            settings: The ``[server]`` section.
            hub: Where captions come from.
            studio: Where remote audio goes.
            marker: What begins new sets of transcripts; None: none are kept.
        """
        self._settings = settings
        self._hub = hub
        self._studio = studio
        self._marker = marker
        self._routes = Routes(hub)
        self._listener: Listener | None = None

    async def start(self) -> str:
        """Listens, and returns the address of the captions page.

        Raises:
            ServerError: The address is taken, or not this machine's.
        """
        host, port = self._settings.host, self._settings.port
        if host not in LOOPBACK:
            log.warning("listening on %s: everybody who can reach it can read the captions and send audio", host)
        try:
            self._listener = await serve(
                self._handle,
                host,
                port,
                process_request=self._process_request,
                compression=None,  # captions are small, and the machine's time belongs to the model
                max_size=MAX_MESSAGE,
                write_limit=WRITE_BUFFER,
                server_header=None,
            )
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                hint = "another streamstt may be running; stop it, or choose another port with --port"
                raise ServerError(f"port {port} on {host} is taken: {hint}") from problem
            raise ServerError(f"cannot listen on {host} port {port}: {problem}") from problem
        bound = next(iter(self._listener.sockets)).getsockname()[1]
        shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - compared, not bound
        return f"http://{shown}:{bound}/"

    def reload(self, settings: ServerSettings) -> None:
        """Takes what can change while it listens; host and port stay."""
        self._settings = settings

    async def drain(self) -> None:
        """Takes no new clients; gives each the time to receive what waits for it, then says goodbye (1001)."""
        self._hub.finish()
        if self._listener is None:
            return
        self._listener.close(close_connections=False)
        clients = {asyncio.create_task(c.wait_closed()): c for c in self._listener.connections}
        if clients:
            _, slow = await asyncio.wait(clients, timeout=DRAIN_S)
            for task in slow:
                clients[task].transport.abort()
        await self._listener.wait_closed()

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answers what is no WebSocket; None lets the handshake go on."""
        upgrade = "websocket" in request.headers.get("Upgrade", "").lower()
        path = request.path.partition("?")[0]
        origin = request.headers.get("Origin")
        if path in SOCKETS and origin and origin.partition("://")[2] != request.headers.get("Host"):
            log.warning("refused a web page from %s: only this daemon's own pages may read captions", origin)
            return connection.respond(HTTPStatus.FORBIDDEN, "Pages from elsewhere may not read captions.\n")
        if path == "/control" and not may_control(origin):
            log.warning("refused a web page from %s: pages may not control", origin)
            return connection.respond(HTTPStatus.FORBIDDEN, "Pages may not control the daemon.\n")
        if path in SOCKETS and upgrade:
            return None
        if path in SOCKETS:
            return connection.respond(HTTPStatus.UPGRADE_REQUIRED, f"{path} speaks WebSocket only.\n")
        return _response(self._routes.answer(request.path))

    async def _handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None, "the handshake is done"  # noqa: S101 - for the type checker
        target = socket.request.path
        path = target.partition("?")[0]
        socket.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER)
        try:
            if path == "/captions":
                await self._serve_viewer(socket, target)
            elif path == "/control":
                await self._serve_controller(socket)
            else:
                await self._serve_speaker(socket, target)
        except ClientError as problem:
            log.info("client %s: %s", socket.remote_address, problem)
            await socket.send(error(problem))
            await socket.close(problem.close_code, problem.code)
        except ConnectionClosed:
            pass

    async def _serve_viewer(self, socket: ServerConnection, target: str) -> None:
        with self._hub.subscribe(parse_resume(target)) as outbox:
            await _first(_send_all(socket, outbox), outbox.too_slow(), _ignore(socket))
            await _part(socket, outbox.farewell)

    async def _serve_controller(self, socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(await answer(message if isinstance(message, str) else "", self._marker))

    async def _serve_speaker(self, socket: ServerConnection, target: str) -> None:
        offer = parse_audio(target)
        stream = self._studio.admit(offer)
        try:
            with self._hub.subscribe(source=stream.name) as outbox:
                audio = _take_audio(socket, stream, offer.rate, outbox)
                await _first(_send_all(socket, outbox), outbox.too_slow(), audio)
                await _part(socket, outbox.farewell)
        finally:
            stream.leave()


async def _first(*jobs: Coroutine[None, None, None]) -> None:
    """Runs the jobs until one ends, cancels the others, and raises what the first one raised."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _part(socket: ServerConnection, farewell: Farewell) -> None:
    """Closes a connection, if the client has not."""
    if farewell is TOO_SLOW:
        log.warning("client %s is too slow: closed; it can resume with since", socket.remote_address)
    await socket.close(farewell.code, farewell.reason)


async def _send_all(socket: ServerConnection, outbox: Outbox) -> None:
    """Sends what comes into the outbox until it is finished."""
    while (message := await outbox.get()) is not None:
        await socket.send(message if isinstance(message, str) else message.text)


async def _ignore(socket: ServerConnection) -> None:
    """Returns when the client is gone; a viewer has nothing to say."""
    async for _ in socket:
        pass


async def _take_audio(socket: ServerConnection, stream: RemoteStream, rate: int, outbox: Outbox) -> None:
    """Passes a client's audio on until it leaves; when it says that it ends, until its last final is sent."""
    resampler = Resampler(rate)
    async for message in socket:
        if isinstance(message, str) and is_end(message):
            await stream.push(resampler.push(from_s16le(b""), last=True))
            await stream.finish()
            outbox.finish()
            await asyncio.Future()  # the sender comes to its end first
        try:
            samples = from_s16le(bytes(message) if isinstance(message, bytes) else b"")
        except ValueError as problem:
            raise ClientError("bad_audio", str(problem), 1003) from problem
        await stream.push(resampler.push(samples))


def _response(answer: Answer) -> Response:
    headers = Headers(HEADERS)
    headers["Content-Type"] = answer.content_type
    headers["Content-Length"] = str(len(answer.body))
    headers["Connection"] = "close"
    return Response(answer.status.value, answer.status.phrase, headers, answer.body)
