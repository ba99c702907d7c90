"""One TCP connection of a stranger: counted, held to a rate, and spoken of in the log when it misbehaves."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Event, State

from streamstt.audio.format import MIN_RATE
from streamstt.hub.hub import TOO_SLOW
from streamstt.server.access import COMPAT_PATHS, NO_ROLE, REQUIRED_ROLES, AccessRequest, Role, redact
from streamstt.server.http.body_server import HandedOver
from streamstt.server.limits import ConnectionCounter, RateLimitedLog, TokenBucket, address_key, printable

REJECT_MARGIN = 64  # connections over the bound that are answered with 503; more are cut off
CLOSE_S = 2.0  # time for a client that is thrown out to read why
SMALL_MESSAGE = (
    MIN_RATE * 2 // 100
)  # bytes: 10 ms of audio at the least rate; whoever sends more at once is slowed, not counted
VIEWER_RATE, VIEWER_BURST = 20.0, 40.0  # messages a second: a viewer has nothing to say but its token, and pings
MAX_VIEWER_MESSAGE = 4096  # bytes
POST = b"POST "  # the requests that websockets cannot read
NORMAL_CLOSE_CODES = {1000, 1001}  # close codes without a client that did something wrong

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ConnectionPolicy:
    """What all connections share: who is here, how much each may send, and what was said of strangers lately.

    Attributes:
        counter: Counts connections from their first byte to their last.
        messages_per_s: Small messages a second from one audio client.
        abuse_log: Bounds what strangers can make the log say.
        hand_over: Takes the connections that begin with ``POST``.
    """

    counter: ConnectionCounter
    messages_per_s: float
    abuse_log: RateLimitedLog = field(default_factory=RateLimitedLog)
    hand_over: Callable[[HandedOver], None] | None = None

    def log_abuse(self, address: str, text: str) -> None:
        """Logs what a stranger did wrong, unless much was logged already."""
        line = self.abuse_log.line_to_log(time.monotonic(), f"client {address}: {printable(redact(text))}")
        if line:
            log.info("%s", line)


class NullTransport:
    """In place of a connection that has been handed over."""

    def abort(self) -> None:
        """Nothing is left to cut off."""

    def write(self, data: bytes) -> None:
        """Nobody is there to read."""

    def write_eof(self) -> None:
        """The same."""

    def can_write_eof(self) -> bool:
        """It can be left."""
        return True

    def close(self) -> None:
        """Nothing is left to close."""


class Connection(ServerConnection):
    """A connection that obeys the door; a subclass, for websockets has no other way to see a connection's every frame.

    Attributes:
        roles: What its token allows; set when it is known.
    """

    def __init__(self, policy: ConnectionPolicy, *arguments: Any, **options: Any) -> None:
        """As websockets makes it.

        Args:
            policy: Shared by all connections of the server.
            arguments: Those of ``ServerConnection``.
            options: The same.
        """
        super().__init__(*arguments, **options)
        self.roles: Role = NO_ROLE
        self.address = ""
        self._policy = policy
        self._bucket: TokenBucket | None = None
        self._address_key = ""
        self._head: bytes | None = b""  # what came so far; None when it is clear what it begins with

    @property
    def over_limit_reason(self) -> str:
        """Why this connection is one too many, or empty."""
        return self._policy.counter.over_limit_reason(self._address_key)

    def header(self, name: str) -> str:
        """A header of the request, the first of this name; empty if there is none."""
        return next(iter(self.request.headers.get_all(name)), "") if self.request else ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts it."""
        super().connection_made(transport)
        self.address = str((transport.get_extra_info("peername") or ("unknown",))[0])
        self._address_key = address_key(self.address)
        self._policy.counter.add(self._address_key)
        if self._policy.counter.over_limit_reason(self._address_key, REJECT_MARGIN):
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Takes bytes; those of a connection that begins with ``POST`` are for somebody else."""
        if self._head is None:
            super().data_received(data)
            return
        self._head += data
        if len(self._head) < len(POST) and POST.startswith(self._head):
            return
        head, self._head = self._head, None
        if head.startswith(POST) and self._policy.hand_over:
            self._hand_over(self._policy.hand_over, head)
        else:
            super().data_received(head)

    def _hand_over(self, take: Callable[[HandedOver], None], head: bytes) -> None:
        transport, key = self.transport, self._address_key
        take(
            HandedOver(
                transport,
                head,
                self.address,
                self.over_limit_reason,
                on_closed=lambda: self._policy.counter.remove(key),
                log_abuse=lambda text: self._policy.log_abuse(self.address, text),
            )
        )
        # For websockets the client is gone; it would cut the connection off to be sure.
        self.transport = cast("asyncio.Transport", NullTransport())
        super().connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Counts it off, and says why it was thrown out, if it was."""
        super().connection_lost(exc)
        self._policy.counter.remove(self._address_key)
        if fault := self._abuse_reason():
            self._policy.log_abuse(self.address, fault)

    def process_event(self, event: Event) -> None:
        """Takes a request or a frame, of any kind, unless there are too many."""
        if isinstance(event, Frame) and self.protocol.state is State.OPEN:
            self._rate_limit(event)
        super().process_event(event)

    def write_now(self, frames: bytes) -> bool:
        """Sends whole frames without waiting; False: the client is behind, and they must wait elsewhere.

        Frames that were made once for all go past websockets, which would make each anew for every client.
        """
        if self.protocol.state is not State.OPEN or self.transport.get_write_buffer_size():
            return False
        self.transport.write(frames)
        return True

    def _rate_limit(self, frame: Frame) -> None:
        path = self.request.path.partition("?")[0] if self.request else ""
        speaks = REQUIRED_ROLES.get(path) is Role.SPEAKER
        if not speaks and len(frame.data) > MAX_VIEWER_MESSAGE:
            self._close_abusive(1009, f"a viewer's message may have {MAX_VIEWER_MESSAGE} bytes")
            return
        if self._bucket is None:
            rate = self._policy.messages_per_s
            self._bucket = TokenBucket(rate, 2 * rate) if speaks else TokenBucket(VIEWER_RATE, VIEWER_BURST)
        sound = frame.opcode is not Opcode.TEXT or path in COMPAT_PATHS  # which may send it in base64
        if speaks and sound and len(frame.data) >= SMALL_MESSAGE:
            return
        if not self._bucket.consume(time.monotonic()):
            self._close_abusive(1008, "too many messages")

    def _close_abusive(self, code: int, reason: str) -> None:
        self.protocol.fail(code, reason)
        self.send_data()
        # A client that ignores the goodbye would stay until the next ping.
        self.loop.call_later(CLOSE_S, self.transport.abort)

    def _abuse_reason(self) -> str:
        """What the client did wrong; empty if nothing."""
        if self.request is None:
            problem = self.protocol.handshake_exc
            return f"no request came: {problem or 'closed, or too slow'}"
        if self.response is not None and self.response.status_code >= 400 and self.response.status_code != 404:
            reason = self.response.body.decode(errors="replace").partition("\n")[0]
            return f"refused with {self.response.status_code}: {reason}"
        sent = self.protocol.close_sent
        if sent is None or sent.code in NORMAL_CLOSE_CODES or self.protocol.close_rcvd_then_sent:
            return ""
        if sent.reason == TOO_SLOW.reason:
            return ""  # that is logged when it happens
        return f"closed with {int(sent.code)}: {sent.reason}"


def make_access_request(connection: Connection, request: Request) -> AccessRequest:
    """A request without websockets; of headers that may be there once only, the first counts."""
    headers = request.headers
    first = {name: next(iter(headers.get_all(name)), "") for name in ("Authorization", "Cookie")}
    return AccessRequest(
        request.path,
        tuple(headers.get_all("Host")),
        tuple(headers.get_all("Origin")),
        first["Authorization"],
        first["Cookie"],
        str(connection.transport.get_extra_info("sockname")[0]),
        any("websocket" in value.lower() for value in headers.get_all("Upgrade")),
    )
