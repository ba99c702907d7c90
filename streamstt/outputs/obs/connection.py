"""A connection to OBS that makes one request at a time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.protocol import State

from streamstt.errors import describe_os_error
from streamstt.outputs.base import TargetGone, TargetUnavailable
from streamstt.outputs.obs.protocol import (
    HELLO,
    IDENTIFIED,
    KICKED,
    RESPONSE,
    WRONG_PASSWORD,
    ObsProtocolError,
    RequestStatus,
    encode_identify,
    encode_request,
    parse_message,
    parse_status,
    requires_password,
)
from streamstt.outputs.secrets import SecretSource

KICKED_TEXT = "OBS has closed the connection for good (Kick in its list of sessions)"
TIMEOUT_S = 5.0  # for connecting, and for the response to a request


class ObsConnection:
    """A WebSocket connection to OBS. Errors are raised as ``TargetUnavailable`` or ``TargetGone``."""

    def __init__(self, url: str, password: SecretSource) -> None:
        """Starts closed; call ``open``.

        Args:
            url: ``ws://host:port``.
            password: Password of OBS's WebSocket server; read again at each ``open``.
        """
        self._url = url
        self._password = password
        self._socket: ClientConnection | None = None
        self._request_count = 0

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent."""
        return self._socket is not None and self._socket.state is State.OPEN

    async def open(self) -> None:
        """Connects, and authenticates if OBS requires a password.

        Raises:
            TargetUnavailable: OBS cannot be reached, or refuses the password.
            TargetGone: OBS has kicked this client.
        """
        if self._socket and self._socket.close_code == KICKED:
            raise TargetGone(KICKED_TEXT)
        password = await self._password.read()
        async with _translate_errors("it does not answer"):
            # A short close timeout: a program that hangs does not complete the closing handshake.
            self._socket = await connect(self._url, compression=None, open_timeout=TIMEOUT_S, close_timeout=0.5)
            hello = await self._receive(HELLO)
            if requires_password(hello) and not password:
                raise TargetUnavailable("it requires a password: set obs.password_file")
            await self._socket.send(encode_identify(hello, password))
            await self._receive(IDENTIFIED)

    async def request(self, kind: str, data: Mapping[str, Any]) -> RequestStatus:
        """Sends a request, and returns the status of its response.

        Args:
            kind: ``requestType`` of the protocol.
            data: ``requestData`` of the protocol.

        Raises:
            TargetUnavailable: The connection is lost, or there is no response.
            TargetGone: OBS has kicked this client.
        """
        self._request_count += 1
        request_id = str(self._request_count)
        async with _translate_errors("it does not answer a request"):
            if self._socket is None:
                raise TargetUnavailable("it is not connected")
            await self._socket.send(encode_request(kind, request_id, data))
            while (response := await self._receive(RESPONSE)).get("requestId") != request_id:
                pass  # the late response to a request that timed out
            return parse_status(response)

    async def _receive(self, expected_op: int) -> Mapping[str, Any]:
        """Waits for the next message with this ``op``; others are ignored."""
        assert self._socket is not None
        while True:
            op, data = parse_message(await self._socket.recv())
            if op == expected_op:
                return data

    async def wait_closed(self) -> None:
        """Waits until the connection is closed."""
        if self._socket:
            await self._socket.wait_closed()

    async def close(self) -> None:
        """Closes the connection, if there is one."""
        socket, self._socket = self._socket, None
        if socket:
            with suppress(Exception):  # the connection is abandoned anyway
                await socket.close()


@asynccontextmanager
async def _translate_errors(timeout_text: str) -> AsyncIterator[None]:
    """Limits the time, and translates errors."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield
    except TimeoutError:
        raise TargetUnavailable(f"{timeout_text} within {TIMEOUT_S:g} s", report_now=True) from None
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd else 0
        if code == KICKED:
            raise TargetGone(KICKED_TEXT) from error
        if code == WRONG_PASSWORD:
            raise TargetUnavailable("it refuses the password") from error
        raise TargetUnavailable("the connection is lost" + (f" ({code})" if code else "")) from error
    except ObsProtocolError as error:
        raise TargetUnavailable(f"the server is not obs-websocket 5: {error}") from error
    except (InvalidHandshake, InvalidURI) as error:
        raise TargetUnavailable("the server is not obs-websocket") from error
    except OSError as error:
        raise TargetUnavailable(f"no connection: {describe_os_error(error)}") from error
