"""A connection to OBS, for one request at a time."""

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
TIMEOUT_S = 5.0  # for a connection, and for the answer to a request


class ObsConnection:
    """Connects when it is told to; says what is wrong as ``TargetUnavailable`` or ``TargetGone``."""

    def __init__(self, url: str, password: SecretSource) -> None:
        """Connects nothing.

        Args:
            url: ``ws://host:port``.
            password: Of OBS's WebSocket server; read anew for each connection.
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
        """Connects, and identifies with the password if there has to be one.

        Raises:
            Away: OBS is not there, or does not take the password.
            Over: It has thrown us out.
        """
        if self._socket and self._socket.close_code == KICKED:
            raise TargetGone(KICKED_TEXT)
        password = await self._password.read()
        async with _translate_errors("it does not answer"):
            # The end is not waited for: a program that hangs does not say goodbye.
            self._socket = await connect(self._url, compression=None, open_timeout=TIMEOUT_S, close_timeout=0.5)
            hello = await self._receive(HELLO)
            if requires_password(hello) and not password:
                raise TargetUnavailable("it wants a password: set obs.password_file")
            await self._socket.send(encode_identify(hello, password))
            await self._receive(IDENTIFIED)

    async def request(self, kind: str, data: Mapping[str, Any]) -> RequestStatus:
        """Sends a request, and returns what became of it.

        Raises:
            Away: The connection is lost, or there is no answer.
            Over: It has thrown us out.
        """
        self._request_count += 1
        number = str(self._request_count)
        async with _translate_errors("it does not answer a request"):
            if self._socket is None:
                raise TargetUnavailable("it is not connected")
            await self._socket.send(encode_request(kind, number, data))
            while (answer := await self._receive(RESPONSE)).get("requestId") != number:
                pass  # the answer to a request that was given up
            return parse_status(answer)

    async def _receive(self, wanted_op: int) -> Mapping[str, Any]:
        """The next message of a kind; others are passed over."""
        assert self._socket is not None
        while True:
            op, data = parse_message(await self._socket.recv())
            if op == wanted_op:
                return data

    async def wait_closed(self) -> None:
        """Returns when the connection is no more."""
        if self._socket:
            await self._socket.wait_closed()

    async def close(self) -> None:
        """Closes the connection, if there is one."""
        socket, self._socket = self._socket, None
        if socket:
            with suppress(Exception):  # it is given up
                await socket.close()


@asynccontextmanager
async def _translate_errors(timeout_text: str) -> AsyncIterator[None]:
    """Bounds the time, and says what goes wrong in our words."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield
    except TimeoutError:
        raise TargetUnavailable(f"{timeout_text} within {TIMEOUT_S:g} s", report_now=True) from None
    except ConnectionClosed as problem:
        code = problem.rcvd.code if problem.rcvd else 0
        if code == KICKED:
            raise TargetGone(KICKED_TEXT) from problem
        wrong = "it does not take the password" if code == WRONG_PASSWORD else ""
        raise TargetUnavailable(wrong or ("the connection is lost" + (f" ({code})" if code else ""))) from problem
    except ObsProtocolError as problem:
        raise TargetUnavailable(f"what answers is no obs-websocket 5: {problem}") from problem
    except (InvalidHandshake, InvalidURI) as problem:
        raise TargetUnavailable("what answers is no obs-websocket") from problem
    except OSError as problem:
        raise TargetUnavailable(f"no connection: {describe_os_error(problem)}") from problem
