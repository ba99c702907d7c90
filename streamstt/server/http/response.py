"""An HTTP response, an error that becomes one, and the headers that every response has. No sockets here."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

# Only our own files, nothing inline: text that was spoken or sent can never run. Fonts are bundled; the frame is the
# designer's, which shows the overlay.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response.

    Attributes:
        status: Its status.
        content_type: Of the body.
        body: The whole body; it is left out of the answer to ``HEAD``.
        headers: Headers besides ``HEADERS``, ``Content-Type`` and ``Content-Length``.
        reason: Sentence for the log, of an error that is written for programs; empty: the first line of the body.
    """

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    reason: str = ""


def text_response(status: HTTPStatus, text: str, **headers: str) -> Response:
    """Makes a response with plain text; headers are named with underscores (``Retry_After="10"``)."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(status, TEXT, text.encode(), named)


def untranslated(_: str, response: Response) -> Response:
    """Returns a response as it is: the default of what phrases the errors of a path."""
    return response


class HttpError(Exception):
    """A request that cannot be served; the message is for its sender.

    Attributes:
        status: Status of the response.
    """

    def __init__(self, status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self._headers = tuple((headers or {}).items())

    @property
    def response(self) -> Response:
        """The response that its sender gets."""
        return Response(self.status, TEXT, f"{self}\n".encode(errors="replace"), self._headers)
