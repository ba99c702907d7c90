"""An HTTP response, an error that becomes one, and the headers that every response has. No sockets here."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

from streamstt.subtitles.formats import Format

# Only our own files, and nothing inline, so that text that was spoken or sent can never run. (``security_policy`` adds
# the one script that is.) Fonts are bundled; the frame is the designer's, which shows the overlay.
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


def security_policy(page: bytes) -> str:
    """Returns the content security policy of a page, with the hashes of the scripts in it.

    Args:
        page: HTML of the project; it has no text from elsewhere.
    """
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    hashes = "".join(f" 'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in scripts)
    return CONTENT_SECURITY_POLICY.replace("script-src 'self'", f"script-src 'self'{hashes}")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response.

    Attributes:
        status: Its status.
        content_type: Of the body.
        body: The whole body; it is left out of the answer to ``HEAD``.
        headers: Headers besides ``Content-Type`` and ``Content-Length``; they replace those in ``HEADERS``.
        reason: Sentence for the log, of an error that is written for programs; empty: the first line of the body.
    """

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A file with the captions, which takes too long to make for a ``Response``.

    Attributes:
        file_format: Its format.
        current_set: Whether only those of the current set of transcripts are wanted, instead of the whole session.
    """

    file_format: Format
    current_set: bool = False


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
