"""A viewer: follows a running daemon's captions, and comes back by itself. The only client of websockets."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from streamstt.errors import ServerError

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 10.0
MAX_MESSAGE = 2**24  # bytes: a hello with a long history

log = logging.getLogger(__name__)


def captions_address(url: str) -> str:
    """``ws://host:port/captions`` from what a user types: a port, host:port, or an http or ws address.

    Raises:
        ServerError: It is none of these.
    """
    text = f"127.0.0.1:{url}" if url.isdigit() else url
    try:
        parts = urlsplit(text if "://" in text else f"ws://{text}")
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        if scheme in {"ws", "wss"} and parts.hostname and (parts.port is None or parts.port > 0):
            return f"{scheme}://{parts.netloc}/captions"
    except ValueError:
        pass  # a port or an IPv6 address that is none
    raise ServerError(f"{url!r} is no address of a daemon; one looks like ws://127.0.0.1:8765")


async def follow(url: str) -> AsyncGenerator[dict[str, Any], None]:
    """Yields the daemon's messages, each final once, across lost connections and restarts.

    Args:
        url: As for ``captions_address``.

    Raises:
        ServerError: The first connection fails, or the daemon refuses.
    """
    address = captions_address(url)
    seen: dict[str, Any] = {}
    pause = FIRST_RETRY_S
    while True:
        try:
            async with connect(f"{address}?{urlencode(seen)}", max_size=MAX_MESSAGE, compression=None) as socket:
                pause = FIRST_RETRY_S
                async for text in socket:
                    message = json.loads(text)
                    if message["type"] == "error":
                        raise ServerError(f"the daemon refuses: {message['message']}")
                    yield message
                    if message["type"] == "hello":
                        seen["session"] = message["session"]
                    seen["since"] = message["seq"]
                if socket.close_code == 1001:
                    log.warning("the daemon has stopped; waiting for it to come back")
        except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed, TimeoutError) as problem:
            if not seen:
                hint = "is it running? start one with: streamstt run"
                raise ServerError(f"no daemon answers at {address} ({problem}); {hint}") from problem
            log.debug("connection to %s: %s", address, problem)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LAST_RETRY_S)


async def ask(url: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Sends one request to a daemon's ``/control``, and returns the answer.

    Args:
        url: As for ``captions_address``.
        request: With ``type``.

    Raises:
        ServerError: No daemon answers, or it refuses.
    """
    address = captions_address(url).removesuffix("captions") + "control"
    try:
        async with connect(address, compression=None) as socket:
            await socket.send(json.dumps(request))
            answer: dict[str, Any] = json.loads(await socket.recv())
    except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed, TimeoutError) as problem:
        hint = "is it running? start one with: streamstt run"
        raise ServerError(f"no daemon answers at {address} ({problem}); {hint}") from problem
    if answer["type"] == "error":
        raise ServerError(f"the daemon refuses: {answer['message']}")
    return answer
