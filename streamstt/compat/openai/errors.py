"""Errors in the form that OpenAI's clients expect, over HTTP and WebSocket. Pure."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from streamstt.config.compat import SETTING_BY_PATH
from streamstt.hub.protocol import to_json
from streamstt.server.http.response import Response

JsonObject = dict[str, Any]

JSON_TYPE = "application/json"
OPENAI_SWITCH = "compat.openai"
ERROR_CODES = {
    HTTPStatus.UNAUTHORIZED: "invalid_api_key",
    HTTPStatus.FORBIDDEN: "insufficient_permissions",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.REQUEST_TIMEOUT: "request_timeout",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "file_too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_exceeded",
    HTTPStatus.SERVICE_UNAVAILABLE: "server_overloaded",
}


class ApiError(Exception):
    """A request of a client is invalid or cannot be served.

    Attributes:
        code: Error code for programs.
        param: Name of the invalid parameter; empty: none in particular.
        status: HTTP status.
    """

    def __init__(
        self, message: str, code: str = "invalid_value", param: str = "", status: HTTPStatus = HTTPStatus.BAD_REQUEST
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.status = status

    @property
    def data(self) -> JsonObject:
        """The error as OpenAI's ``error`` object."""
        kind = "server_error" if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
        if self.status is HTTPStatus.TOO_MANY_REQUESTS:
            kind = "requests"
        return {"message": str(self), "type": kind, "param": self.param or None, "code": self.code or None}

    @property
    def response(self) -> Response:
        """The error as an HTTP response."""
        headers = (("Retry-After", "2"),) if self.status is HTTPStatus.TOO_MANY_REQUESTS else ()
        return replace(
            json_response(self.status, {"error": self.data}, headers),
            reason=f"{self.code}: {self}" if self.code else str(self),
        )


def is_openai_path(path: str) -> bool:
    """Returns whether clients of a path expect errors in OpenAI's form."""
    return SETTING_BY_PATH.get(path) == OPENAI_SWITCH


def json_response(status: HTTPStatus, data: JsonObject, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Makes a JSON response."""
    return Response(status, JSON_TYPE, to_json(data).encode(errors="replace"), headers)


def to_openai_error(response: Response) -> Response:
    """Turns a plain-text error response into OpenAI's form; JSON responses are returned unchanged."""
    if response.content_type == JSON_TYPE:
        return response
    code = ERROR_CODES.get(response.status, "")
    problem = ApiError(response.body.decode().strip(), code, status=response.status).response
    return replace(problem, headers=response.headers)
