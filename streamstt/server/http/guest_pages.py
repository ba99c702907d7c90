"""Responses for guests: the form for a token, the QR code of the page, and the certificate to trust. No sockets."""

from collections.abc import Callable
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from urllib.parse import parse_qsl, urlsplit

from streamstt.hub.protocol import ClientError, to_json
from streamstt.server.access import Refusal
from streamstt.server.guests import Invitation
from streamstt.server.http.response import CONTENT_SECURITY_POLICY, Response, text_response
from streamstt.server.qr_code import MAX_TEXT, qr_svg
from streamstt.server.requests import parse_query

FORM_POLICY = CONTENT_SECURITY_POLICY.replace("form-action 'none'", "form-action 'self'")
MAX_ADDRESS = 300  # characters


class GuestPages:
    """Responds by path to what guests need, and those who invite them."""

    def __init__(self, invite: Callable[[], Invitation], authority: Path | None = None) -> None:
        """Reads nothing yet.

        Args:
            invite: Returns how guests find the captions; the machine may have another address each time.
            authority: Certificate to trust (PEM); None: the server's is by an authority that everybody knows.
        """
        self._invite = invite
        self._authority = authority

    def respond(self, target: str) -> Response | None:
        """Returns the response to ``GET target``; None: it is no business of guests."""
        path = target.partition("?")[0]
        if path == "/share.json":
            return self._share()
        if path == "/qr.svg":
            return self._qr_code(target)
        if path == "/ca.crt":
            return self._certificate()
        if path == "/trust" and not self._authority:
            return _no_authority()
        return None

    def _share(self) -> Response:
        invitation = self._invite()
        body = {
            "addresses": invitation.addresses,
            "token": invitation.token,
            "authority": self._authority is not None,
        }
        return Response(HTTPStatus.OK, "application/json", to_json(body).encode())

    def _qr_code(self, target: str) -> Response:
        """Makes the code of ``/qr.svg?address=...``; the page knows where it was opened, which a proxy may hide."""
        try:
            address = parse_query(target).get("address", "")
            parts = urlsplit(address)
        except (ClientError, ValueError):
            address, parts = "", urlsplit("")
        link = self._invite().link(address)
        is_page = parts.scheme in {"http", "https"} and parts.netloc and not parts.query and not parts.fragment
        if not is_page or len(address) > MAX_ADDRESS or len(link) > MAX_TEXT:
            return text_response(HTTPStatus.BAD_REQUEST, "The address of a page is needed: ?address=http://...\n")
        return Response(HTTPStatus.OK, "image/svg+xml", qr_svg(link))

    def _certificate(self) -> Response:
        if not self._authority:
            return _no_authority()
        from streamstt.server.local_certificate import read_der  # noqa: PLC0415 - see certificate_files.py

        try:
            body = read_der(self._authority)
        except (OSError, ValueError):
            return _no_authority()
        name = ("Content-Disposition", 'attachment; filename="streamstt-ca.crt"')
        return Response(HTTPStatus.OK, "application/x-x509-ca-cert", body, (name,))


NO_GUESTS = GuestPages(lambda: Invitation(()))


def token_form(template: str, refusal: Refusal, problem: str, target: str) -> Response:
    """Asks a person for a token; the answer comes to the same address, as ``?token=...``.

    Args:
        template: HTML of the page, with ``$problem``, ``$invalid`` and ``$fields``.
        refusal: Why the request was refused.
        problem: What is wrong with the token that came; empty: none came.
        target: Path and query of the request; the rest of the query stays.
    """
    query = parse_qsl(target.partition("?")[2], keep_blank_values=True)
    fields = [(name, value) for name, value in query if name != "token"]
    hidden = [f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields]
    invalid = ' aria-invalid="true"' if problem else ""
    page = Template(template).safe_substitute(problem=escape(problem), invalid=invalid, fields="".join(hidden))
    headers = [("Content-Security-Policy", FORM_POLICY), ("Vary", "Accept")]
    if refusal.status is HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", "Bearer"))
    body = page.encode(errors="replace")
    return Response(refusal.status, "text/html; charset=utf-8", body, tuple(headers), refusal.text)


def _no_authority() -> Response:
    text = 'There is no certificate to trust here: server.tls_certificate = "local" makes one.\n'
    return text_response(HTTPStatus.NOT_FOUND, text)
