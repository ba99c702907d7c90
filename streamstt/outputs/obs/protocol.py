"""Messages of obs-websocket v5. Pure.

Source: https://github.com/obsproject/obs-websocket/blob/master/docs/generated/protocol.md
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HELLO, IDENTIFY, IDENTIFIED, REQUEST, RESPONSE = 0, 1, 2, 6, 7  # op codes
RPC_VERSION = 1
NO_EVENTS = 0  # event subscriptions
WRONG_PASSWORD, KICKED = 4009, 4011  # close codes
NOT_READY, NOT_STREAMING, NOT_FOUND = 207, 501, 600  # request status codes


class ObsProtocolError(ValueError):
    """A message does not follow the protocol."""


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """Status of a request's response.

    Attributes:
        ok: Whether the request succeeded.
        code: Status code of the protocol.
        comment: Explanation from OBS; may be empty.
    """

    ok: bool
    code: int
    comment: str = ""

    def __str__(self) -> str:
        return f"status {self.code}{self.comment and f', {self.comment}'}"


def authentication_string(password: str, salt: str, challenge: str) -> str:
    """Computes the response to a challenge, which proves knowledge of the password without sending it."""
    return _sha256_base64(_sha256_base64(password + salt) + challenge)


def _sha256_base64(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def parse_message(text: str | bytes) -> tuple[int, Mapping[str, Any]]:
    """Parses a message, and returns its ``op`` and its data.

    Raises:
        ObsProtocolError: It is not a message of the protocol.
    """
    try:
        message = json.loads(text)
        op, data = message["op"], message["d"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ObsProtocolError("not a message of obs-websocket v5") from error
    if not isinstance(op, int) or not isinstance(data, dict):
        raise ObsProtocolError("not a message of obs-websocket v5")
    return op, data


def encode_identify(hello: Mapping[str, Any], password: str) -> str:
    """Encodes ``Identify``, the reply to ``Hello``, without event subscriptions.

    Args:
        hello: Data of ``Hello``.
        password: Password, used if OBS requires one.

    Raises:
        ObsProtocolError: ``Hello`` asks for an unknown kind of authentication.
    """
    challenge = hello.get("authentication")
    authentication = {}
    if challenge is not None:
        try:
            proof = authentication_string(password, challenge["salt"], challenge["challenge"])
        except (TypeError, KeyError) as error:
            raise ObsProtocolError("it asks for an unknown kind of authentication") from error
        authentication = {"authentication": proof}
    return _encode_message(IDENTIFY, {"rpcVersion": RPC_VERSION, **authentication, "eventSubscriptions": NO_EVENTS})


def requires_password(hello: Mapping[str, Any]) -> bool:
    """Returns whether ``Hello`` asks for a password."""
    return "authentication" in hello


def encode_request(kind: str, request_id: str, data: Mapping[str, Any]) -> str:
    """Encodes a request; its response has the same ``request_id``."""
    return _encode_message(REQUEST, {"requestType": kind, "requestId": request_id, "requestData": data})


def parse_status(response: Mapping[str, Any]) -> RequestStatus:
    """Returns the status of a response.

    Raises:
        ObsProtocolError: It has none.
    """
    try:
        status = response["requestStatus"]
        return RequestStatus(bool(status["result"]), int(status["code"]), str(status.get("comment", "")))
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ObsProtocolError("not a response of obs-websocket v5") from error


def _encode_message(op: int, data: Mapping[str, Any]) -> str:
    return json.dumps({"op": op, "d": data})
