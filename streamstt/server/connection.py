"""One TCP connection of the port: counted before its first byte, bounded both ways, and handed over to WebSockets.

The transport stops reading while much received data is unread, and ``drain`` waits while the client does not read.
Knows nothing of what the bytes mean.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from streamstt.server.limits import ConnectionPolicy, address_key

CHUNK = 2**16  # bytes; while twice as many wait to be read, the client has to wait
LINGER_S = 10.0  # a client that is still sending is read for this time: a reset could destroy its response
LINGER_IDLE_S = 2.0  # ... and for this time without any data
FLUSH_S = 10.0  # a client that does not read the end of its last response for this time is cut off


@dataclass(frozen=True, slots=True)
class Client:
    """The other end of a connection.

    Attributes:
        address: Its address.
        key: The key under which its connections are counted.
    """

    address: str
    key: str


class Connection(asyncio.Protocol):
    """A connection whose bytes a task reads and writes, until it ends or is handed on to another protocol.

    Attributes:
        client: The other end of the connection.
        closed: Set when the connection is lost, or is another protocol's.
        is_long: Whether it takes the place of a client, because an upload or a WebSocket came over it.
    """

    def __init__(
        self,
        policy: ConnectionPolicy,
        serve: Callable[["Connection"], Coroutine[Any, Any, None]],
        connections: set["Connection"],
        *,
        over_tls: bool,
    ) -> None:
        """Waits for its transport.

        Args:
            policy: Bounds that all connections share.
            serve: Serves the connection; run as a task, which ``stop`` cancels.
            connections: Holds this one while it is open.
            over_tls: Whether it is encrypted.
        """
        self._policy = policy
        self._serve = serve
        self._connections = connections
        self._over_tls = over_tls
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None
        self._received = bytearray()
        self.is_long = False
        self._is_paused = False  # the transport does not read
        self._has_data = asyncio.Event()  # or the client sends no more
        self._is_writable = asyncio.Event()
        self._is_writable.set()
        self._ended = asyncio.Event()
        self.client = Client("", "")
        self.closed = asyncio.Event()

    # ---- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts the connection and starts to serve it; if there are too many, aborts one that is idle, or itself."""
        self._transport = cast("asyncio.Transport", transport)
        address = str((transport.get_extra_info("peername") or ("unknown",))[0])
        self.client = Client(address, address_key(address))
        excess = self._policy.short.add(self, self.client.key, time.monotonic())
        if excess:
            self._policy.log_abuse(address, "too many connections are open: one was closed")
            excess.give_way()
        if excess is self:
            return
        self._connections.add(self)
        self._task = asyncio.get_running_loop().create_task(self._serve(self))

    def data_received(self, data: bytes) -> None:
        """Keeps bytes until they are read; stops reading while there are many."""
        self._received += data
        if len(self._received) > 2 * CHUNK:
            self._is_paused = True
            self._transport.pause_reading()
        self._has_data.set()

    def eof_received(self) -> bool:
        """Notes that the client sends no more.

        Returns:
            Whether to keep the connection open: a client that has only half closed it still gets its response.
        """
        self._has_data.set()
        self._ended.set()
        return not self._over_tls  # a TLS connection cannot be half closed

    def pause_writing(self) -> None:
        """Notes that the client does not read."""
        self._is_writable.clear()

    def resume_writing(self) -> None:
        """Notes that the client reads again."""
        self._is_writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Removes the connection from the counts."""
        if self.is_long:
            self._policy.counter.remove(self.client.key)
        else:
            self._policy.short.remove(self, self.client.key)
        self._leave()
        for event in (self._has_data, self._ended, self._is_writable):
            event.set()

    # ---- reading and writing

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
        """Waits until little data is waiting for the client.

        Raises:
            ConnectionError: The connection is lost.
        """
        await self._is_writable.wait()
        if self.closed.is_set():
            raise ConnectionError("the client has left")

    async def wait_ended(self) -> None:
        """Waits until the client sends no more, or the connection is lost."""
        await self._ended.wait()

    async def linger(self, *, always: bool) -> None:
        """Waits until the client closes the connection: closing it first could reset it, and lose the last response.

        Args:
            always: Wait also over TLS, where the end of the response cannot be signaled without closing.
        """
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        elif not always:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while await asyncio.wait_for(self.read(), LINGER_IDLE_S):
                    pass

    def set_busy(self) -> None:
        """Notes that a request is being served: the connection is not closed in favor of another."""
        self._policy.short.set_busy(self)

    def set_idle(self) -> None:
        """Notes that a response is complete, and the next request may come."""
        if not self.is_long:
            self._policy.short.set_idle(self, self.client.key)

    def set_long(self) -> None:
        """Counts the connection as one that takes the place of a client from now on."""
        if not self.is_long:
            self._policy.short.remove(self, self.client.key)
            self._policy.counter.add(self.client.key)
            self.is_long = True

    # ---- ending

    @property
    def local_address(self) -> str:
        """The address of this machine that the client has connected to."""
        return str(self._transport.get_extra_info("sockname")[0])

    def hand_over(self, protocol: asyncio.Protocol, data: bytes) -> None:
        """Makes the connection another protocol's, and counts it as a long one.

        Args:
            protocol: Gets the transport, and removes the connection from the counts when it is lost.
            data: Received bytes that the protocol reads first; bytes that are still unread follow.

        Raises:
            ConnectionError: The client has left already.
        """
        if self._transport.is_closing():
            raise ConnectionError("the client has left")  # the other protocol would never learn of it
        self.set_long()
        self._leave()
        self._transport.set_protocol(protocol)
        self._resume_reading()
        protocol.connection_made(self._transport)
        protocol.data_received(data + bytes(self._received))
        if self._ended.is_set():  # asyncio reports that once only, and has done so
            protocol.eof_received()
            self._transport.close()

    def close(self) -> None:
        """Closes the connection once all data is sent, after ``FLUSH_S`` at the latest, unless it was handed over."""
        if self.closed.is_set() or self._transport.is_closing():
            return  # asyncio's TLS transports are unusable once they are closed twice
        self._transport.close()
        if self._transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(FLUSH_S, self._transport.abort)

    def abort(self) -> None:
        """Closes the connection at once."""
        self._transport.abort()

    def give_way(self) -> None:
        """Closes an idle connection at once, or as soon as the client has read its last response."""
        if self._transport.get_write_buffer_size():
            self.close()
        else:
            self.abort()

    async def stop(self) -> None:
        """Cancels the task that serves the connection, waits for its end, and closes the connection."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        self.close()  # a task that had not run yet has not done so

    def _resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    def _leave(self) -> None:
        self._connections.discard(self)
        self.closed.set()
