"""What is said to obs-websocket v5, and what it answers. Pure.

Source: https://github.com/obsproject/obs-websocket/blob/master/docs/generated/protocol.md
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HELLO, IDENTIFY, IDENTIFIED, REQUEST, RESPONSE = 0, 1, 2, 6, 7
RPC_VERSION = 1
NO_EVENTS = 0
WRONG_PASSWORD, KICKED = 4009, 4011  # close codes
NOT_READY, NOT_STREAMING, NOT_FOUND = 207, 501, 600  # request status codes


class ObsProtocolError(ValueError):
    """What came is no message of this protocol."""


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """What became of a request."""

    ok: bool
    code: int
    comment: str = ""

    def __str__(self) -> str:
        return f"status {self.code}{self.comment and f', {self.comment}'}"


def authentication_string(password: str, salt: str, challenge: str) -> str:
    """The answer to a challenge: proves that the password is known, without telling it."""
    return _sha256_base64(_sha256_base64(password + salt) + challenge)


def _sha256_base64(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def parse_message(text: str | bytes) -> tuple[int, Mapping[str, Any]]:
    """A message: its ``op`` and its data.

    Raises:
        NotObs: It is none.
    """
    try:
        message = json.loads(text)
        op, data = message["op"], message["d"]
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        raise ObsProtocolError("no message of obs-websocket v5") from problem
    if not isinstance(op, int) or not isinstance(data, dict):
        raise ObsProtocolError("no message of obs-websocket v5")
    return op, data


def encode_identify(hello: Mapping[str, Any], password: str) -> str:
    """The answer to ``Hello``; no events are wanted.

    Raises:
        NotObs: The greeting makes no sense.
    """
    asked = hello.get("authentication")
    proof = {}
    if asked is not None:
        try:
            proof = {"authentication": authentication_string(password, asked["salt"], asked["challenge"])}
        except (TypeError, KeyError) as problem:
            raise ObsProtocolError("it asks for a password in a way that is not known") from problem
    return _encode_message(IDENTIFY, {"rpcVersion": RPC_VERSION, **proof, "eventSubscriptions": NO_EVENTS})


def requires_password(hello: Mapping[str, Any]) -> bool:
    """Whether a password has to be known."""
    return "authentication" in hello


def encode_request(kind: str, request_id: str, data: Mapping[str, Any]) -> str:
    """A request; ``request_id`` comes back with the answer."""
    return _encode_message(REQUEST, {"requestType": kind, "requestId": request_id, "requestData": data})


def parse_status(response: Mapping[str, Any]) -> RequestStatus:
    """What a response says.

    Raises:
        NotObs: It is none.
    """
    try:
        status = response["requestStatus"]
        return RequestStatus(bool(status["result"]), int(status["code"]), str(status.get("comment", "")))
    except (TypeError, KeyError, ValueError, AttributeError) as problem:
        raise ObsProtocolError("an answer that is none of obs-websocket v5") from problem


def _encode_message(op: int, data: Mapping[str, Any]) -> str:
    return json.dumps({"op": op, "d": data})
