"""A client's WebSocket: websockets' own connection, with bounds on every frame and frames that are written at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State
from websockets.server import ServerProtocol

from streamstt.audio.format import MIN_RATE
from streamstt.hub.hub import TOO_SLOW
from streamstt.server.access import COMPAT_PATHS, REQUIRED_ROLES, Role
from streamstt.server.connection import Client
from streamstt.server.limits import ConnectionPolicy, TokenBucket

MAX_MESSAGE = 2**20  # bytes a client may send at once: 30 s of audio; more closes it with 1009
WRITE_BUFFER = 2**15  # bytes that may wait for one client here; beyond, sending waits, and its queue fills
CLOSE_S = 2.0  # time for a client that is closed for abuse to read why
# 10 ms of audio at the lowest rate, in bytes: a client that sends larger messages is slowed down, not counted.
SMALL_MESSAGE = MIN_RATE * 2 // 100
VIEWER_RATE, VIEWER_BURST = 20.0, 40.0  # messages a second: a viewer sends nothing but its token, and pings
MAX_VIEWER_MESSAGE = 4096  # bytes
NORMAL_CLOSE_CODES = {1000, 1001}  # close codes without a client that did something wrong


class WebSocketConnection(ServerConnection):
    """A WebSocket within bounds. A subclass, because the library has no other way to check every frame.

    Attributes:
        address: Address of the client.
        roles: What its token allows; ``NO_ROLE`` until it has sent one.
    """

    def __init__(
        self, protocol: ServerProtocol, server: WebSocketServer, policy: ConnectionPolicy, client: Client, roles: Role
    ) -> None:
        """Takes over a connection that is counted.

        Args:
            protocol: The WebSocket protocol.
            server: The server that it belongs to.
            policy: Bounds that all connections share.
            client: The other end of the connection.
            roles: What its token allows.
        """
        super().__init__(protocol, server, write_limit=WRITE_BUFFER)
        self.address = client.address
        self.roles = roles
        self._policy = policy
        self._address_key = client.key
        self._bucket: TokenBucket | None = None

    def header(self, name: str) -> str:
        """Returns the first header of the request with this name; empty if there is none."""
        return next(iter(self.request.headers.get_all(name)), "") if self.request else ""

    def connection_lost(self, exc: Exception | None) -> None:
        """Removes the connection from the counts; logs why it was closed if the client did something wrong."""
        super().connection_lost(exc)
        self._policy.counter.remove(self._address_key)
        if reason := self._abuse_reason():
            self._policy.log_abuse(self.address, reason)

    def process_event(self, event: Event) -> None:
        """Processes a request or a frame of any kind, unless there are too many."""
        if isinstance(event, Frame) and self.protocol.state is State.OPEN:
            self._rate_limit(event)
        super().process_event(event)

    def write_now(self, frames: bytes) -> bool:
        """Sends whole frames without waiting; returns False if the client is behind, and nothing was sent.

        The frames bypass the library, which would encode each message again for every client.
        """
        if self.protocol.state is not State.OPEN or self.transport.get_write_buffer_size():
            return False
        self.transport.write(frames)
        return True

    def _rate_limit(self, frame: Frame) -> None:
        path = self.request.path.partition("?")[0] if self.request else ""
        is_speaker = REQUIRED_ROLES.get(path) is Role.SPEAKER
        if not is_speaker and len(frame.data) > MAX_VIEWER_MESSAGE:
            self._close_abusive(1009, f"a viewer's message may have at most {MAX_VIEWER_MESSAGE} bytes")
            return
        if self._bucket is None:
            rate = self._policy.messages_per_s
            self._bucket = TokenBucket(rate, 2 * rate) if is_speaker else TokenBucket(VIEWER_RATE, VIEWER_BURST)
        is_audio = frame.opcode is not Opcode.TEXT or path in COMPAT_PATHS  # these may send it in base64
        if is_speaker and is_audio and len(frame.data) >= SMALL_MESSAGE:
            return
        if not self._bucket.consume(time.monotonic()):
            self._close_abusive(1008, "too many messages")

    def _close_abusive(self, code: int, reason: str) -> None:
        self.protocol.fail(code, reason)
        self.send_data()
        # A client that ignores the close frame would stay until the next ping.
        self.loop.call_later(CLOSE_S, self.transport.abort)

    def _abuse_reason(self) -> str:
        """Returns what the client did wrong; empty if nothing."""
        if self.response is not None and self.response.status_code >= 400:
            reason = self.response.body.decode(errors="replace").partition("\n")[0]
            return f"refused with {self.response.status_code}: {reason}"
        sent = self.protocol.close_sent
        if sent is None or sent.code in NORMAL_CLOSE_CODES or self.protocol.close_rcvd_then_sent:
            return ""
        if sent.reason == TOO_SLOW.reason:
            return ""  # other code has already logged it
        return f"closed with {int(sent.code)}: {sent.reason}"


def make_websocket_server(
    handler: Callable[[WebSocketConnection], Awaitable[None]],
    listen: Callable[[], Coroutine[Any, Any, asyncio.Server]],
    handshake_s: float,
) -> WebSocketServer:
    """Makes the server of all WebSockets, which shakes hands, pings and closes them.

    websockets would listen on a port itself and read the first request of each connection. Here the port is HTTP's,
    which makes connections by itself when they are asked for: so what the server awaits to listen is replaced.

    Args:
        handler: Serves an open WebSocket.
        listen: Opens the port.
        handshake_s: Time for a handshake, in seconds.
    """
    server = serve(
        cast("Callable[[ServerConnection], Awaitable[None]]", handler),
        open_timeout=handshake_s,
        compression=None,  # captions are small, and CPU time belongs to the model
        server_header=None,
    )
    server.create_server = listen
    return server


def make_connection(
    server: WebSocketServer, policy: ConnectionPolicy, client: Client, roles: Role
) -> WebSocketConnection:
    """Makes a WebSocket for a client's connection, before its handshake."""
    return WebSocketConnection(ServerProtocol(max_size=MAX_MESSAGE), server, policy, client, roles)
