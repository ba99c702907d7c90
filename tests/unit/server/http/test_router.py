"""What a request gets, rules and pages together."""

import json
from http import HTTPStatus

import pytest

from streamstt.config.compat import SETTING_BY_PATH
from streamstt.events import State, Status
from streamstt.server.access import COMPAT_PATHS, NO_ROLE, AccessPolicy, AccessRequest, Role, TokenSet
from streamstt.server.http.pages import Pages
from streamstt.server.http.response import Response
from streamstt.server.http.router import Router
from tests.support.captions import final, make_hub

TOKEN = "t" * 32
SECRET = "nobody else may read this"


def closed(*, secure: bool = False) -> Router:
    hub = make_hub()
    hub.publish(final(SECRET))
    hub.publish(Status("mic", State.LISTENING))
    return Router(
        AccessPolicy(TokenSet(((TOKEN, Role.VIEWER),), ""), secure=secure, cookie_name="streamstt-1"), Pages(hub)
    )


def ask(reception: Router, target: str, cookies: str = "", *, method: str = "GET") -> Response:
    answer = reception.route(AccessRequest(target, ("localhost",), cookies=cookies), method)
    assert isinstance(answer, Response)
    return answer


def test_a_page_with_a_token() -> None:
    """The token moves from the address into a cookie that scripts and other sites cannot use; then the page opens."""
    reception = closed()
    first = ask(reception, f"/overlay?lines=2&token={TOKEN}")
    headers = dict(first.headers)
    assert (first.status, headers["Location"]) == (HTTPStatus.SEE_OTHER, "./overlay?lines=2")
    cookie, *attributes = headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes
    assert ask(reception, "/overlay?lines=2", cookie).status is HTTPStatus.OK
    assert SECRET in ask(reception, "/transcript.txt", cookie).body.decode()
    assert TOKEN.encode() not in first.body


def test_a_cookie_over_tls_stays_there() -> None:
    """With TLS, the browser is told to send the token over TLS only."""
    assert "Secure" in dict(ask(closed(secure=True), f"/?token={TOKEN}").headers)["Set-Cookie"]


@pytest.mark.parametrize("target", ["/", "/overlay", "/transcript.json", "/nothing", "/metrics", f"/?token={'x' * 32}"])
def test_without_a_token(target: str) -> None:
    """Nothing, not even whether it is there; a browser is not made to ask for a password."""
    answer = ask(closed(), target)
    assert answer.status is HTTPStatus.UNAUTHORIZED
    assert dict(answer.headers) == {"WWW-Authenticate": "Bearer"}
    assert SECRET not in answer.body.decode()


def test_transcript_with_a_token_is_no_detour() -> None:
    """Programs get what they ask for at once."""
    assert SECRET in ask(closed(), f"/transcript.txt?token={TOKEN}").body.decode()


def test_health_is_a_word_for_strangers() -> None:
    """Without a token, a monitor learns whether it is well, not the names of sources; with one, all."""
    reception = closed()
    assert json.loads(ask(reception, "/healthz").body) == {"status": "ready"}
    assert "mic" in json.loads(ask(reception, f"/healthz?token={TOKEN}").body)["sources"]


def test_sockets() -> None:
    """A socket opens for whom the guard knows, or who may still say; a page for nobody opens as a socket."""
    reception = closed()
    assert reception.route(AccessRequest("/captions", ("localhost",), is_websocket=True)) is NO_ROLE
    assert reception.route(AccessRequest(f"/captions?token={TOKEN}", ("localhost",), is_websocket=True)) == Role.VIEWER
    assert ask(reception, f"/captions?token={TOKEN}").status is HTTPStatus.UPGRADE_REQUIRED
    for target in ("/", "/transcript.txt", "/nothing", "/captions/"):
        answer = reception.route(AccessRequest(target, ("localhost",), is_websocket=True))
        assert isinstance(answer, Response)
        assert answer.status is HTTPStatus.NOT_FOUND
        assert SECRET not in answer.body.decode()


def test_methods() -> None:
    """What is not GET changes nothing and is told so."""
    answer = ask(Router(AccessPolicy(None), Pages(make_hub())), "/", method="POST")
    assert answer.status is HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize(("path", "setting"), SETTING_BY_PATH.items())
def test_other_protocols(path: str, setting: str) -> None:
    """A protocol that is switched off is not found, and the answer names its setting; when it is on, it opens."""
    free = AccessPolicy(None)
    for socket in (False, True):
        answer = Router(free, Pages(make_hub())).route(
            AccessRequest(f"{path}?model=x", ("localhost",), is_websocket=socket)
        )
        assert isinstance(answer, Response)
        assert answer.status is HTTPStatus.NOT_FOUND
        assert f"{setting} = true" in answer.body.decode()
    asked = AccessRequest(path, ("localhost",), is_websocket=True)
    assert isinstance(Router(free, Pages(make_hub()), [path]).route(asked), Role)


def test_every_foreign_path_has_its_switch() -> None:
    """None can be open without a setting."""
    assert set(SETTING_BY_PATH) == set(COMPAT_PATHS)
