"""One TCP connection of the port, over TLS too."""

import asyncio
import ssl
from pathlib import Path

import trustme

from streamstt.server.connection import Connection
from streamstt.server.limits import ConnectionCounter, ConnectionPolicy
from tests.support.certificates import issue_certificate


async def test_closed_twice_over_tls(tmp_path: Path) -> None:
    """A connection whose client has left, or that a stopping daemon has closed already, may be closed again."""
    authority = trustme.CA()
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    context.load_cert_chain(*issue_certificate(authority, tmp_path))
    authority.configure_trust(trusting)
    problems: asyncio.Queue[AttributeError | None] = asyncio.Queue()

    async def serve(connection: Connection) -> None:
        await connection.read()
        try:
            connection.close()
            connection.close()
            problems.put_nowait(None)
        except AttributeError as error:
            problems.put_nowait(error)

    policy = ConnectionPolicy(ConnectionCounter(10, 10), 20)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(policy, serve, set(), over_tls=True), "127.0.0.1", 0, ssl=context
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        writer.write(b"hello")
        assert await problems.get() is None
        assert await reader.read() == b""
        writer.close()
