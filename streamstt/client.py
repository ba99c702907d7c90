"""A viewer: follows a running daemon's captions, and comes back by itself."""

import asyncio
import json
import logging
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from streamstt.errors import ServerError
from streamstt.server.access import query_token, redact

HOST_PATTERN = re.compile(r"[^\s/]+")
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 10.0
MAX_MESSAGE_BYTES = 2**24  # bytes: a hello with a long history
REFUSAL_STATUSES = {400, 401, 403, 421}  # HTTP: trying again will not help

log = logging.getLogger(__name__)


def captions_url(url: str) -> str:
    """``ws://host:port/captions`` from what a user types: a port, host:port, or an http or ws address.

    Raises:
        ServerError: It is none of these.
    """
    text = f"127.0.0.1:{url}" if url.isdigit() else url
    try:
        parts = urlsplit(text if "://" in text else f"ws://{text}")
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        if (
            scheme in {"ws", "wss"}
            and HOST_PATTERN.fullmatch(parts.hostname or "")
            and (parts.port is None or parts.port > 0)
        ):
            return f"{scheme}://{parts.netloc}/captions"
    except ValueError:
        pass  # a port or an IPv6 address that is none
    raise ServerError(f"{redact(url)!r} is no address of a daemon; one looks like ws://127.0.0.1:8765")


async def stream_messages(
    url: str, *, token: str = "", ca: Path | None = None, on_status: Callable[[str], None] = log.warning
) -> AsyncGenerator[dict[str, Any], None]:
    """Yields the daemon's messages, each final once, across lost connections and restarts.

    Args:
        url: As for ``captions_url``; a token in it is taken.
        token: For a daemon that wants one.
        ca: PEM file with a certificate to trust, in place of the system's.
        on_status: Told in a sentence when the connection is lost, and when it is there again.

    Raises:
        ServerError: The first connection fails, or the daemon refuses.
    """
    address = captions_url(url)
    options = _connect_options(address, token or query_token(url) or "", ca)
    seen: dict[str, Any] = {}
    pause = FIRST_RETRY_S
    away = False
    while True:
        try:
            async with connect(f"{address}?{urlencode(seen)}", **options) as socket:
                pause = FIRST_RETRY_S
                if away:
                    on_status("connected again")
                    away = False
                async for text in socket:
                    message = json.loads(text)
                    if message["type"] == "error":
                        raise ServerError(f"the daemon refuses: {message['message']}")
                    yield message
                    if message["type"] == "hello":
                        seen["session"] = message["session"]
                    seen["since"] = message["seq"]
                away = True
                stopped = socket.close_code == 1001
                on_status(
                    f"{'the daemon has stopped' if stopped else 'the connection is lost'}; waiting for it to be back"
                )
        except InvalidStatus as problem:
            _raise_if_refused(problem, address, first=not seen)
        except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed, TimeoutError) as problem:
            if not seen:
                raise _unreachable(address, problem) from problem
            if not away:
                on_status("the connection is lost; waiting for it to be back")
            away = True
            log.debug("connection to %s: %s", address, problem)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LAST_RETRY_S)


async def request_control(
    url: str, request: Mapping[str, Any], *, token: str = "", ca: Path | None = None
) -> dict[str, Any]:
    """Sends one request to a daemon's ``/control``, and returns the answer.

    Args:
        url: As for ``captions_url``.
        request: With ``type``.
        token: As for ``stream_messages``.
        ca: As for ``stream_messages``.

    Raises:
        ServerError: No daemon answers, or it refuses.
    """
    address = captions_url(url).removesuffix("captions") + "control"
    try:
        async with connect(address, **_connect_options(address, token, ca)) as socket:
            await socket.send(json.dumps(request))
            answer: dict[str, Any] = json.loads(await socket.recv())
    except InvalidStatus as problem:
        _raise_if_refused(problem, address, first=True)
        raise
    except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed, TimeoutError) as problem:
        raise _unreachable(address, problem) from problem
    if answer["type"] == "error":
        raise ServerError(f"the daemon refuses: {answer['message']}")
    return answer


def _connect_options(address: str, token: str, ca: Path | None) -> dict[str, Any]:
    """How to connect."""
    options: dict[str, Any] = {"max_size": MAX_MESSAGE_BYTES, "compression": None}
    if token:
        options["additional_headers"] = {"Authorization": f"Bearer {token}"}
    if address.startswith("wss:"):
        try:
            options["ssl"] = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as problem:
            raise ServerError(f"cannot read the certificate {ca}: {problem}; it must be a PEM file") from problem
    return options


def _unreachable(address: str, problem: Exception) -> ServerError:
    """Nobody answers, and why that may be."""
    if isinstance(problem, socket.gaierror):
        return ServerError(f"no machine of that name is known: {address} ({problem.strerror}); is the name right?")
    hint = "is it running? start one with: streamstt run"
    if isinstance(problem, ssl.SSLError):
        hint = "does it speak TLS (https, wss), and is its certificate trusted (--ca FILE)?"
    return ServerError(f"no daemon answers at {address} ({problem}); {hint}")


def _raise_if_refused(problem: InvalidStatus, address: str, *, first: bool) -> None:
    """A daemon that is too busy may have room later; one that refuses will do so again."""
    if problem.response.status_code in REFUSAL_STATUSES:
        why = problem.response.body.decode(errors="replace").strip()
        raise ServerError(f"the daemon at {address} refuses: {why}") from problem
    if first:
        raise ServerError(f"{address} is no streamstt, or too busy: {problem}") from problem
