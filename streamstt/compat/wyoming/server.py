"""The TCP port for Home Assistant: Wyoming has neither tokens nor TLS, so it is this machine's only unless asked."""

import asyncio
import errno
import logging
import time
from contextlib import suppress

from streamstt.compat.wyoming.connection import Client, Desk
from streamstt.compat.wyoming.messages import problem
from streamstt.compat.wyoming.wire import MAX_LINE
from streamstt.config.compat import Compat
from streamstt.errors import ServerError
from streamstt.hub.protocol import ClientError
from streamstt.server.limits import RateLimitedLog, printable

MAX_CONNECTIONS = 32  # at once; Home Assistant opens one for each command, and one to ask who is here
DRAIN_S = 5.0  # how long a stopping daemon waits for clients to take their last words

log = logging.getLogger(__name__)


class WyomingServer:
    """Listens, and takes each client to the desk."""

    def __init__(self, settings: Compat, desk: Desk) -> None:
        """Does not listen yet.

        Args:
            settings: The ``[compat]`` section; without an address for it nothing ever listens.
            desk: What all connections share.
        """
        self._host, self._port = settings.wyoming_address
        self._desk = desk
        self._listener: asyncio.Server | None = None
        self._clients: dict[asyncio.Task[None], Client] = {}
        self._complaints = RateLimitedLog()

    async def start(self) -> None:
        """Listens, if there is an address.

        Raises:
            ServerError: The address is taken, or not this machine's.
        """
        if not self._host:
            return
        try:
            self._listener = await asyncio.start_server(self._meet, self._host, self._port, limit=MAX_LINE)
        except OSError as error:
            hint = "is taken: choose another" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
            raise ServerError(f"{self._host}:{self._port} (compat.wyoming) {hint}") from error
        port = self._listener.sockets[0].getsockname()[1]
        log.info("Wyoming, for Home Assistant, is at tcp://%s:%d", self._host, port)

    async def drain(self) -> None:
        """Takes no new clients; gives each that speaks the time to receive its last words. The hub has finished."""
        if self._listener:
            self._listener.close()
        for client in self._clients.values():
            if not client.speaks:
                client.drop()
        if self._clients:
            _, late = await asyncio.wait(self._clients, timeout=DRAIN_S)
            for task in late:
                self._clients[task].drop()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this as one; for the type checker
        self._clients[task] = client = Client(reader, writer, self._desk)
        try:
            with suppress(ConnectionError):
                await self._serve(client)
        except Exception:
            log.exception("serving a Wyoming client failed")
            raise
        finally:
            del self._clients[task]
            writer.close()

    async def _serve(self, client: Client) -> None:
        try:
            if len(self._clients) > MAX_CONNECTIONS:
                raise ClientError("too_many", f"{MAX_CONNECTIONS} Wyoming clients are connected already")
            await client.serve()
        except ClientError as error:
            if line := self._complaints.line_to_log(time.monotonic(), f"Wyoming client: {printable(str(error))}"):
                log.info("%s", line)
            await client.send(problem(error))
            await client.part()
