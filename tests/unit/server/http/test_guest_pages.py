"""What guests get: a form for a token, a QR code, and the certificate to trust."""

import json
import re
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import pytest

from streamstt.server.access import ALL_ROLES, AccessPolicy, AccessRequest, Role, TokenSet
from streamstt.server.certificate_files import LocalCertificate
from streamstt.server.guests import Invitation
from streamstt.server.http.guest_pages import GuestPages
from streamstt.server.http.pages import Pages
from streamstt.server.http.response import Response
from streamstt.server.http.router import Router
from streamstt.server.local_certificate import ensure_valid
from streamstt.server.tokens import guest_token
from tests.support.captions import make_hub

GUEST, OWNER, SPEAKER = "g" * 32, "o" * 32, "s" * 32
TOKENS = TokenSet(((OWNER, ALL_ROLES), (SPEAKER, Role.SPEAKER), (GUEST, Role.VIEWER)), "")
INVITATION = Invitation(("http://192.168.1.5:8765/",), GUEST)


@pytest.fixture
def router() -> Router:
    made = Router(AccessPolicy(TOKENS, cookie_name="streamstt-1"), Pages(make_hub()))
    made.guests = GuestPages(lambda: INVITATION)
    return made


def ask(router: Router, target: str, token: str = "", *, person: bool = True) -> Response:
    response = router.route(
        AccessRequest(target, ("localhost",), is_navigation=person, cookies=f"streamstt-1={token}" if token else "")
    )
    assert isinstance(response, Response)
    return response


@pytest.mark.parametrize("target", ["/", "/overlay", "/designer", "/share", "/transcript.txt", "/nothing"])
def test_a_person_is_asked_for_a_token(router: Router, target: str) -> None:
    """A browser gets a page with a form; a program gets a sentence. The status is the same."""
    page, text = ask(router, target), ask(router, target, person=False)
    assert page.status is text.status is HTTPStatus.UNAUTHORIZED
    assert page.content_type.startswith("text/html")
    assert b'name="token"' in page.body
    assert b'role="alert"></p>' in page.body, "nothing is wrong yet"
    assert text.content_type.startswith("text/plain")
    assert page.reason.startswith("This needs a token"), "for the log, which the page is not"
    assert "form-action 'self'" in dict(page.headers)["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("target", "token", "status", "says"),
    [
        ("/?token=wrong", "", HTTPStatus.UNAUTHORIZED, "not known"),
        ("/", "an-old-one", HTTPStatus.UNAUTHORIZED, "not known"),
        (f"/?token={SPEAKER}", "", HTTPStatus.FORBIDDEN, "role viewer"),
    ],
)
def test_a_wrong_token(router: Router, target: str, token: str, status: HTTPStatus, says: str) -> None:
    """The form says what is wrong with the token, and does not repeat it."""
    response = ask(router, target, token)
    page = response.body.decode()
    assert response.status is status
    assert re.search(f'role="alert">[^<]*{says}', page)
    assert 'aria-invalid="true"' in page
    assert "wrong" not in page
    assert SPEAKER not in page


def test_the_rest_of_the_address_stays(router: Router) -> None:
    """Settings in the address come back with the token, as text whatever they are."""
    hostile = '"><script>alert(1)</script>'
    page = ask(router, f"/overlay?lines=2&token=x&title={quote(hostile)}").body.decode()
    assert '<input type="hidden" name="lines" value="2">' in page
    assert "<script" not in page
    assert page.count('name="token"') == 1


def test_the_form_can_load_its_style(router: Router) -> None:
    """All that the form's page loads comes without a token, and nothing else does."""
    page = ask(router, "/").body.decode()
    files = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert len(files) > 3
    for file in files:
        assert ask(router, f"/{file}", person=False).status is HTTPStatus.OK
    for file in ("/pages/guests/share.js", "/pages/captions/captions.js", "/share.json", "/qr.svg"):
        assert ask(router, file, person=False).status is HTTPStatus.UNAUTHORIZED


def test_a_code_has_a_guests_token(router: Router) -> None:
    """Whoever may read gets the addresses and the guests' token; never the owner's."""
    for token in (GUEST, OWNER):
        body = json.loads(ask(router, "/share.json", token).body)
        assert body == {"addresses": ["http://192.168.1.5:8765/"], "token": GUEST, "authority": False}
    assert guest_token(TOKENS) == GUEST
    assert guest_token(TokenSet(((OWNER, ALL_ROLES),), "")) == guest_token(None) == ""


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("http://192.168.1.5:8765/", HTTPStatus.OK),
        ("https://captions.example/live/", HTTPStatus.OK),
        ("", HTTPStatus.BAD_REQUEST),
        ("javascript:alert(1)", HTTPStatus.BAD_REQUEST),
        ("http://a.example/?token=x", HTTPStatus.BAD_REQUEST),
        ("http://a.example/" + "a" * 300, HTTPStatus.BAD_REQUEST),
        ("http://[", HTTPStatus.BAD_REQUEST),
    ],
)
def test_a_code_is_made_for_pages(router: Router, address: str, status: HTTPStatus) -> None:
    """The code of an address of a page, and of nothing else."""
    assert ask(router, f"/qr.svg?address={quote(address, safe='')}", GUEST).status is status


def test_the_certificate_to_trust(router: Router, tmp_path: Path) -> None:
    """Without a token, a phone gets the authority's certificate and a page about it, if there is one to trust."""
    for path in ("/trust", "/ca.crt"):
        assert ask(router, path).status is HTTPStatus.NOT_FOUND
    files = LocalCertificate.in_folder(tmp_path)
    ensure_valid(files, ["localhost"])
    router.guests = GuestPages(lambda: INVITATION, files.authority)
    assert ask(router, "/trust").status is HTTPStatus.OK
    response = ask(router, "/ca.crt")
    assert (response.content_type, response.body[:1]) == ("application/x-x509-ca-cert", b"0")
