"""The real server in this process, without a pipeline, and a client that sends and receives raw bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from streamstt.captioning.remote_source import RemoteSource, RemoteSourceRequest
from streamstt.config.server import ServerSettings as Settings
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError
from streamstt.server.endpoint import NO_EXTENSIONS, Extensions
from streamstt.server.server import CaptionServer
from tests.support.captions import make_hub


class NoIngest:
    """Accepts no remote audio."""

    def add_remote_source(self, request: RemoteSourceRequest) -> RemoteSource:
        raise ClientError("full", f"no audio from {request.name}")


@dataclass
class Running:
    """A server that accepts connections."""

    server: CaptionServer
    hub: Hub
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    @property
    def connections(self) -> int:
        """How many connections it has."""
        policy = self.server._connection_policy
        return policy.counter.total + policy.short.counter.total


@asynccontextmanager
async def serving(settings: Settings | None = None, extensions: Extensions = NO_EXTENSIONS) -> AsyncIterator[Running]:
    """Runs a server until the end of the block, and checks that no connection is left."""
    hub = make_hub()
    server = CaptionServer(settings or Settings(port=0), hub, NoIngest(), extensions)
    running = Running(server, hub, await server.start())
    try:
        yield running
    finally:
        await server.drain()
    assert running.connections == 0, "no connection is left"


@dataclass
class Reply:
    """A response as it was received."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""


class RawClient:
    """A connection over which a test sends bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self, method: str = "GET") -> Reply:
        """Returns the next response; one to ``HEAD`` has no body."""
        async with asyncio.timeout(20):
            first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            size = 0 if method == "HEAD" else int(headers.get("content-length", 0))
            return Reply(int(first.split()[1]), headers, await self.reader.readexactly(size))

    async def ask(self, target: str, method: str = "GET", *headers: str) -> Reply:
        """Sends a request and returns its response."""
        self.send(request(target, method, *headers))
        return await self.reply(method)

    async def rest(self) -> bytes:
        """Returns everything received until the server closes the connection."""
        async with asyncio.timeout(20):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


def request(target: str, method: str = "GET", *headers: str) -> bytes:
    """Encodes a request without a body."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


@asynccontextmanager
async def connected(running: Running) -> AsyncIterator[RawClient]:
    """Opens a connection to the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()
