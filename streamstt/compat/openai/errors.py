"""What goes wrong, as OpenAI's clients are told of it: over HTTP and over WebSocket in the same words. Pure."""

from http import HTTPStatus
from typing import Any

from streamstt.config.compat import SWITCHES
from streamstt.hub.protocol import to_json
from streamstt.server.http.response import Answer

Data = dict[str, Any]

JSON = "application/json"
SETTING = "compat.openai"
CODES = {
    HTTPStatus.UNAUTHORIZED: "invalid_api_key",
    HTTPStatus.FORBIDDEN: "insufficient_permissions",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.REQUEST_TIMEOUT: "request_timeout",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "file_too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_exceeded",
    HTTPStatus.SERVICE_UNAVAILABLE: "server_overloaded",
}


class ApiError(Exception):
    """A client asked for what it cannot have.

    Attributes:
        code: A word for programs.
        param: Which of its parameters is wrong; empty: none in particular.
        status: As HTTP says it.
    """

    def __init__(
        self, message: str, code: str = "invalid_value", param: str = "", status: HTTPStatus = HTTPStatus.BAD_REQUEST
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.status = status

    @property
    def data(self) -> Data:
        """The ``error`` object."""
        kind = "server_error" if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
        if self.status is HTTPStatus.TOO_MANY_REQUESTS:
            kind = "requests"
        return {"message": str(self), "type": kind, "param": self.param or None, "code": self.code or None}

    @property
    def answer(self) -> Answer:
        """The same as an HTTP answer."""
        headers = (("Retry-After", "2"),) if self.status is HTTPStatus.TOO_MANY_REQUESTS else ()
        return as_json(self.status, {"error": self.data}, headers)


def speaks_openai(path: str) -> bool:
    """Whether who asks for a path reads errors as OpenAI sends them."""
    return SWITCHES.get(path) == SETTING


def as_json(status: HTTPStatus, data: Data, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An object as an HTTP answer."""
    return Answer(status, JSON, to_json(data).encode(errors="replace"), headers)


def in_their_words(answer: Answer) -> Answer:
    """A refusal that was meant for people, as these clients expect it."""
    if answer.content_type == JSON:
        return answer
    code = CODES.get(answer.status, "")
    problem = ApiError(answer.body.decode().strip(), code, status=answer.status).answer
    return Answer(problem.status, problem.content_type, problem.body, answer.headers)
