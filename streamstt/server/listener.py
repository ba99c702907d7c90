"""Opens the port. Knows nothing of what is served there."""

import asyncio
import ssl
from collections.abc import Callable
from socket import AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, SO_REUSEADDR, SOL_SOCKET, socket
from typing import Any

from streamstt.config.server import ServerSettings

BACKLOG = 512  # connections that wait to be accepted: a hall of phones opens the page at once
TLS_SHUTDOWN_S = 10.0  # how long it waits for the end of a TLS connection


async def listen(
    accept: Callable[[], asyncio.Protocol], settings: ServerSettings, tls: ssl.SSLContext | None
) -> asyncio.Server:
    """Opens the port without accepting connections.

    Args:
        accept: Makes the protocol of each connection.
        settings: The ``[server]`` section.
        tls: TLS; None: connections are not encrypted.

    Raises:
        OSError: The address is in use, or is not this machine's.
    """
    port: dict[str, Any] = {"host": settings.host, "port": settings.port}
    if settings.host == "::":
        port = {"sock": _make_dual_stack_socket(settings.port)}
    return await asyncio.get_running_loop().create_server(
        accept,
        **port,
        backlog=BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=settings.handshake_s if tls else None,
        ssl_shutdown_timeout=TLS_SHUTDOWN_S if tls else None,
        start_serving=False,
    )


def _make_dual_stack_socket(port: int) -> socket:
    """Binds a socket to all addresses, of IPv6 and IPv4; asyncio's own serves IPv6 only."""
    bound = socket(AF_INET6)
    try:
        bound.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        bound.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
        bound.bind(("::", port))
    except OSError:
        bound.close()
        raise
    return bound
