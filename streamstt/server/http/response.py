"""An HTTP response, and the headers that every one has."""

from dataclasses import dataclass
from http import HTTPStatus

# Nothing from elsewhere, nothing inline: what is spoken or sent can never run. The font comes along; the frame is the
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


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()  # besides HEADERS


def text_response(status: HTTPStatus, text: str, **headers: str) -> Answer:
    """A sentence as an answer; a header's name is written with underscores."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, "text/plain; charset=utf-8", text.encode(), named)
