"""TCP server for Home Assistant's Wyoming protocol, which has neither tokens nor TLS: on loopback unless allowed."""

import asyncio
import errno
import logging
import time
from contextlib import suppress

from streamstt.compat.wyoming.connection import WyomingConnection, WyomingContext
from streamstt.compat.wyoming.messages import make_error
from streamstt.compat.wyoming.wire import MAX_LINE
from streamstt.config.compat import CompatSettings
from streamstt.errors import ServerError
from streamstt.hub.protocol import ClientError
from streamstt.server.limits import RateLimitedLog, printable

MAX_CONNECTIONS = 32  # Home Assistant opens one for each command, and one for discovery
DRAIN_TIMEOUT_S = 5.0  # limit for clients to receive their last transcript when the daemon stops

log = logging.getLogger(__name__)


class WyomingServer:
    """Accepts Wyoming connections and serves each in a task."""

    def __init__(self, settings: CompatSettings, context: WyomingContext) -> None:
        """Does not listen until ``start`` is called.

        Args:
            settings: The ``[compat]`` section; without a Wyoming address the server stays off.
            context: What all connections share.
        """
        self._host, self._port = settings.wyoming_address
        self._context = context
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], WyomingConnection] = {}
        self._error_log = RateLimitedLog()

    async def start(self) -> None:
        """Starts to listen, if an address is set.

        Raises:
            ServerError: The address is in use, or not one of this machine.
        """
        if not self._host:
            return
        try:
            self._listener = await asyncio.start_server(self._on_connect, self._host, self._port, limit=MAX_LINE)
        except OSError as error:
            hint = "is in use: choose another" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
            raise ServerError(f"{self._host}:{self._port} (compat.wyoming) {hint}") from error
        port = self._listener.sockets[0].getsockname()[1]
        log.info("Wyoming (Home Assistant) is at tcp://%s:%d", self._host, port)

    async def drain(self) -> None:
        """Accepts no new clients; waits until busy clients have their last transcript. The hub has finished by then."""
        if self._listener:
            self._listener.close()
        for client in self._connections.values():
            if not client.busy:
                client.abort()
        if self._connections:
            _, late = await asyncio.wait(self._connections, timeout=DRAIN_TIMEOUT_S)
            for task in late:
                self._connections[task].abort()

    async def _on_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = client = WyomingConnection(reader, writer, self._context)
        try:
            with suppress(ConnectionError):
                await self._serve_client(client)
        except Exception:
            log.exception("serving a Wyoming client failed")
            raise
        finally:
            del self._connections[task]
            writer.close()

    async def _serve_client(self, connection: WyomingConnection) -> None:
        try:
            if len(self._connections) > MAX_CONNECTIONS:
                raise ClientError("too_many", f"{MAX_CONNECTIONS} Wyoming clients are connected already")
            await connection.serve()
        except ClientError as error:
            if line := self._error_log.line_to_log(time.monotonic(), f"Wyoming client: {printable(str(error))}"):
                log.info("%s", line)
            await connection.send(make_error(error))
            await connection.close_gracefully()
