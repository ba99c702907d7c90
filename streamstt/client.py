"""The client of a daemon: follows its captions across lost connections, and sends control requests."""

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

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)

from streamstt.concurrency import Backoff
from streamstt.config.server import ServerSettings
from streamstt.errors import ServerError
from streamstt.server.access import query_token, redact

DEFAULT_PORT = ServerSettings.model_fields["port"].default
# Last parts of a daemon's paths.
PAGES = {"captions", "overlay", "designer", "share", "trust", "audio", "control", "healthz", "metrics"}
HOST_PATTERN = re.compile(r"[^\s/]+")
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 10.0
# Without a message for SILENCE_S the daemon is asked for an answer; without one for PONG_S the connection is dead, and
# nobody waits longer than CLOSE_S for its end.
SILENCE_S, PONG_S, CLOSE_S = 3.0, 4.0, 1.0
MAX_MESSAGE_BYTES = 2**24  # enough for a hello with a long history
CONNECTED_AGAIN = "connected again"
REFUSAL_STATUSES = {400, 401, 403, 421}  # HTTP statuses after which a retry does not help

log = logging.getLogger(__name__)

Trust = Path | ssl.SSLContext | None
"""What to trust instead of the system's certificates: a PEM file, or a context."""


def captions_url(url: str) -> str:
    """Returns the address of a daemon's ``/captions`` for what a user types.

    A port, ``host`` and ``host:port`` mean the daemon itself. A URL may be that of any of its pages, also behind a
    proxy that serves them below a path: ``https://host/live/`` and ``https://host/live/overlay`` mean
    ``wss://host/live/captions``.

    Raises:
        ServerError: It is none of these.
    """
    text = f"127.0.0.1:{url}" if url.isdigit() else url
    has_scheme = "://" in text
    try:
        parts = urlsplit(text if has_scheme else f"ws://{text}")
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        if (
            scheme in {"ws", "wss"}
            and HOST_PATTERN.fullmatch(parts.hostname or "")
            and (parts.port is None or parts.port > 0)
        ):
            port = "" if has_scheme or parts.port else f":{DEFAULT_PORT}"
            return f"{scheme}://{parts.netloc}{port}{_folder(parts.path)}captions"
    except ValueError:
        pass  # an invalid port or IPv6 address
    raise ServerError(f"invalid address {redact(url)!r}; expected for example ws://127.0.0.1:8765")


def _folder(path: str) -> str:
    """Returns the path below which a daemon is served, with a slash at its end."""
    folder, _, page = path.rpartition("/")
    return f"{folder}/" if not page or page in PAGES else f"{path}/"


async def stream_messages(
    url: str,
    *,
    token: str = "",
    ca: Trust = None,
    on_status: Callable[[str], None] | None = None,
) -> AsyncGenerator[dict[str, Any], None]:
    """Yields the daemon's messages, each final once, across lost connections and restarts.

    Args:
        url: As for ``captions_url``; it may contain a token.
        token: Access token, if the daemon requires one; overrides that of ``url``.
        ca: What to trust instead of the system's certificates.
        on_status: Called with a sentence when the connection is lost, and when it is restored; None: it is logged.

    Raises:
        ServerError: The first connection fails, or the daemon refuses access.
    """
    on_status = on_status or _log_status
    address = captions_url(url)
    options = _connect_options(address, token or query_token(url) or "", ca)
    options |= {"ping_interval": None, "close_timeout": CLOSE_S}
    resume: dict[str, Any] = {}  # query parameters with which the daemon sends only what was missed
    backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
    connection_lost = False
    while True:
        try:
            async with connect(f"{address}?{urlencode(resume)}", **options) as socket:
                backoff.reset()
                if connection_lost:
                    on_status(CONNECTED_AGAIN)
                    connection_lost = False
                async for text in _texts(socket):
                    message = json.loads(text)
                    if message["type"] == "error":
                        raise ServerError(f"the daemon refuses: {message['message']}")
                    yield message
                    if message["type"] == "hello":
                        resume["session"] = message["session"]
                    resume["since"] = message["seq"]
                connection_lost = True
                stopped = socket.close_code == 1001
                on_status(f"{'the daemon has stopped' if stopped else 'the connection is lost'}; reconnecting")
        except InvalidStatus as error:
            _raise_if_refused(error, address, first=not resume)
        except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed, TimeoutError) as error:
            if not resume:
                raise _unreachable(address, error) from error
            if not connection_lost:
                on_status("the connection is lost; reconnecting")
            connection_lost = True
            log.debug("connection to %s: %s", address, error)
        await asyncio.sleep(backoff.next_delay())


async def _texts(socket: ClientConnection) -> AsyncGenerator[str | bytes, None]:
    """Yields messages until the daemon closes the connection.

    Asks for an answer only while nothing comes: a caller that takes its time between two messages has not lost it.

    Raises:
        TimeoutError: The connection is dead.
        ConnectionClosed: It was lost.
    """
    while True:
        try:
            async with asyncio.timeout(SILENCE_S):
                text = await socket.recv()
        except ConnectionClosedOK:
            return
        except TimeoutError:
            answered = await socket.ping()
            async with asyncio.timeout(PONG_S):
                await answered
        else:
            yield text


async def request_control(url: str, request: Mapping[str, Any], *, token: str = "", ca: Trust = None) -> dict[str, Any]:
    """Sends one request to a daemon's ``/control``, and returns the response.

    Args:
        url: As for ``captions_url``.
        request: The message, with ``type``.
        token: Access token, if the daemon requires one.
        ca: What to trust instead of the system's certificates.

    Raises:
        ServerError: No daemon responds, or it refuses.
    """
    address = captions_url(url).removesuffix("captions") + "control"
    try:
        async with connect(address, **_connect_options(address, token, ca)) as socket:
            await socket.send(json.dumps(request, ensure_ascii=False))
            response: dict[str, Any] = json.loads(await socket.recv())
    except InvalidStatus as error:
        _raise_if_refused(error, address, first=True)
        raise
    except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed, TimeoutError) as error:
        raise _unreachable(address, error) from error
    if response["type"] == "error":
        raise ServerError(f"the daemon refuses: {response['message']}")
    return response


def _log_status(text: str) -> None:
    log.log(logging.INFO if text == CONNECTED_AGAIN else logging.WARNING, "%s", text)


def _connect_options(address: str, token: str, ca: Trust) -> dict[str, Any]:
    """Makes the keyword arguments of ``connect``."""
    options: dict[str, Any] = {"max_size": MAX_MESSAGE_BYTES, "compression": None}
    if token:
        options["additional_headers"] = {"Authorization": f"Bearer {token}"}
    if address.startswith("wss:"):
        try:
            options["ssl"] = ca if isinstance(ca, ssl.SSLContext) else ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise ServerError(f"cannot read the certificate {ca}: {error}; it must be a PEM file") from error
    return options


def _unreachable(address: str, error: Exception) -> ServerError:
    """Describes a failed connection, with a hint at its likely cause."""
    if isinstance(error, socket.gaierror):
        return ServerError(f"unknown host in {address} ({error.strerror}); is the name right?")
    hint = "is it running? start one with: streamstt run"
    if isinstance(error, ssl.SSLError):
        hint = "does it use TLS (https, wss), and is its certificate trusted (--ca FILE)?"
    elif isinstance(error, InvalidMessage) and address.startswith("ws:"):
        hint = f"does it use TLS? then its address is https://{urlsplit(address).netloc}"
    return ServerError(f"no daemon answers at {address} ({error}); {hint}")


def _raise_if_refused(error: InvalidStatus, address: str, *, first: bool) -> None:
    """Raises if a retry does not help. A busy daemon may have capacity later, so it fails only the first connection."""
    if error.response.status_code in REFUSAL_STATUSES:
        reason = error.response.body.decode(errors="replace").strip()
        raise ServerError(f"the daemon at {address} refuses: {reason}") from error
    if first:
        raise ServerError(f"{address} is not a streamstt daemon, or is too busy: {error}") from error
