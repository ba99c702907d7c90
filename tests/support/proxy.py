"""A reverse proxy as people configure one, with the mistakes that they make; one thread for each connection."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


@contextmanager
def reverse_proxy(
    url: str, *, prefix: str = "", upstream_prefix: str = "", host: str | None = None, upgrade: bool = True
) -> Iterator[str]:
    """Passes what is under a prefix on to a server, like nginx; everything else is not found.

    Args:
        url: Address of the server.
        prefix: What its public paths begin with; replaced by ``upstream_prefix``.
        upstream_prefix: What replaces it.
        host: The ``Host`` that it sends; None: as it came.
        upgrade: Whether it passes on WebSockets.

    Yields:
        The address for clients, without the prefix.
    """
    target = urlsplit(url)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=_serve_one, args=(client,), daemon=True).start()

    def _serve_one(client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                part = client.recv(65536)
                if not part:
                    return
                head += part
            first, *lines = head.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
            method, path, version = first.split(" ")
            if not path.startswith(prefix):
                client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            is_upgrade = any(line.lower().startswith("upgrade:") for line in lines)
            dropped = ("connection:",) if not is_upgrade or not upgrade else ()
            dropped += ("upgrade:",) if not upgrade else ()
            dropped += ("host:",) if host else ()
            kept = [line for line in lines if not line.lower().startswith(dropped or ("\n",))]
            kept += [f"Host: {host}"] if host else []
            kept += ["Connection: close"] if not (is_upgrade and upgrade) else []
            asked = upstream_prefix + path.removeprefix(prefix)
            asked = asked if asked.startswith("/") else f"/{asked}"
            request = "\r\n".join([f"{method} {asked} {version}", *kept, "", ""])
            with socket.create_connection(("127.0.0.1", target.port or 80)) as server:
                server.sendall(request.encode("latin-1"))
                back = threading.Thread(target=_copy, args=(client, server), daemon=True)
                back.start()
                _copy(server, client)

    threading.Thread(target=serve, daemon=True, name="proxy").start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
