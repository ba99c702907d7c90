"""The router: access rules and pages together."""

import json
from http import HTTPStatus

import pytest

from streamstt.config.compat import SETTING_BY_PATH
from streamstt.events import State, Status
from streamstt.server.access import COMPAT_PATHS, NO_ROLE, AccessPolicy, AccessRequest, Role, TokenSet
from streamstt.server.http.pages import Pages
from streamstt.server.http.response import Download, Response, text_response
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


def ask(router: Router, target: str, cookies: str = "", *, method: str = "GET") -> Response:
    response = router.route(AccessRequest(target, ("localhost",), cookies=cookies), method)
    assert isinstance(response, Response)
    return response


def test_a_page_with_a_token() -> None:
    """The token moves from the address into a cookie that scripts and other sites cannot use; then the page opens."""
    router = closed()
    first = ask(router, f"/overlay?lines=2&token={TOKEN}")
    headers = dict(first.headers)
    assert (first.status, headers["Location"]) == (HTTPStatus.SEE_OTHER, "./overlay?lines=2")
    cookie, *attributes = headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes
    assert ask(router, "/overlay?lines=2", cookie).status is HTTPStatus.OK
    assert router.route(AccessRequest("/transcript.txt", ("localhost",), cookies=cookie)) == Download("txt")
    assert TOKEN.encode() not in first.body


def test_a_cookie_over_tls_stays_there() -> None:
    """With TLS, the browser is told to send the token over TLS only."""
    assert "Secure" in dict(ask(closed(secure=True), f"/?token={TOKEN}").headers)["Set-Cookie"]


@pytest.mark.parametrize("target", ["/", "/overlay", "/transcript.json", "/nothing", "/metrics", f"/?token={'x' * 32}"])
def test_without_a_token(target: str) -> None:
    """Without a token nothing is shown, not even whether a path exists; browsers are not made to ask for a password."""
    response = ask(closed(), target)
    assert response.status is HTTPStatus.UNAUTHORIZED
    assert dict(response.headers) == {"WWW-Authenticate": "Bearer"}
    assert SECRET not in response.body.decode()


def test_transcript_with_a_token_is_no_detour() -> None:
    """Programs get what they ask for at once, without a redirect."""
    assert closed().route(AccessRequest(f"/transcript.txt?token={TOKEN}", ("localhost",))) == Download("txt")


def test_health_without_a_token_is_one_word() -> None:
    """Without a token, a monitor gets the status, not the names of sources; with one, it gets all."""
    router = closed()
    for path in ("/healthz", "/%68ealthz", "/healthz?x=/trust"):
        assert json.loads(ask(router, path).body) == {"status": "ready"}
    assert "mic" in json.loads(ask(router, f"/healthz?token={TOKEN}").body)["sources"]


def test_sockets() -> None:
    """A WebSocket opens for clients with a token, or that may still send one; no page opens as a WebSocket."""
    router = closed()
    assert router.route(AccessRequest("/captions", ("localhost",), is_websocket=True)) is NO_ROLE
    assert router.route(AccessRequest(f"/captions?token={TOKEN}", ("localhost",), is_websocket=True)) == Role.VIEWER
    assert ask(router, f"/captions?token={TOKEN}").status is HTTPStatus.UPGRADE_REQUIRED
    for target in ("/", "/transcript.txt", "/nothing", "/captions/"):
        response = router.route(AccessRequest(target, ("localhost",), is_websocket=True))
        assert isinstance(response, Response)
        assert response.status is HTTPStatus.NOT_FOUND
        assert SECRET not in response.body.decode()


def test_methods() -> None:
    """Methods that change something are refused on pages, with the methods that are allowed."""
    response = ask(Router(AccessPolicy(None), Pages(make_hub())), "/", method="POST")
    assert response.status is HTTPStatus.METHOD_NOT_ALLOWED
    assert dict(response.headers) == {"Allow": "GET, HEAD, OPTIONS"}


def test_errors_are_phrased_for_their_clients() -> None:
    """Each response of a path goes through what phrases its errors."""

    def translate(path: str, response: Response) -> Response:
        return Response(response.status, "x/y", path.encode())

    router = Router(AccessPolicy(TokenSet((), "")), Pages(make_hub()), translate_error=translate)
    response = ask(router, "/v1/models")
    assert (response.status, response.body) == (HTTPStatus.UNAUTHORIZED, b"/v1/models")


@pytest.mark.parametrize(("path", "setting"), SETTING_BY_PATH.items())
def test_other_protocols(path: str, setting: str) -> None:
    """A protocol that is switched off is not found, and the response names its setting; if it is on, it opens."""
    free = AccessPolicy(None)
    for is_websocket in (False, True):
        response = Router(free, Pages(make_hub())).route(
            AccessRequest(f"{path}?model=x", ("localhost",), is_websocket=is_websocket)
        )
        assert isinstance(response, Response)
        assert response.status is HTTPStatus.NOT_FOUND
        assert f"{setting} = true" in response.body.decode()
    request = AccessRequest(path, ("localhost",), is_websocket=True)
    assert isinstance(Router(free, Pages(make_hub()), [path]).route(request), Role)


def test_every_compat_path_has_its_switch() -> None:
    """No path of another protocol is open without a setting."""
    assert set(SETTING_BY_PATH) == set(COMPAT_PATHS)


def test_pages_have_one_address() -> None:
    """A page with a slash behind its name, or the captions' socket opened in a browser, leads to the page."""
    router = Router(AccessPolicy(None), Pages(make_hub()))
    response = ask(router, "/overlay/?lines=2")
    assert (response.status, dict(response.headers)["Location"]) == (HTTPStatus.SEE_OTHER, "../overlay?lines=2")
    response = router.route(AccessRequest("/captions", ("localhost",), is_navigation=True))
    assert isinstance(response, Response)
    assert dict(response.headers)["Location"] == "./"
    assert ask(router, "/captions").status is HTTPStatus.UPGRADE_REQUIRED


def test_why_there_is_no_connection() -> None:
    """A page learns why its WebSocket is refused: its origin, too many clients, its token, or nothing."""

    def problem(router: Router, **fields: str) -> str:
        response = router.route(AccessRequest(hosts=("127.0.0.1:8765",), **fields))
        assert isinstance(response, Response)
        return json.loads(response.body)["problem"]

    router = Router(AccessPolicy(None), Pages(make_hub()))
    assert problem(router, target="/connection?origin=http://127.0.0.1:8765") == ""
    assert "https://a.example" in problem(router, target="/connection?origin=https://a.example")
    assert "full" in problem(router, target="/connection", over_limit="full")
    later = text_response(HTTPStatus.SERVICE_UNAVAILABLE, "later\n")
    edge = Router(
        AccessPolicy(None), Pages(make_hub()), unavailable=lambda path: later if path == "/captions" else None
    )
    assert problem(edge, target="/connection") == "later"
    assert "needs a token" in problem(closed(), target="/connection")
    assert "not known" in problem(closed(), target="/connection", cookies="streamstt-1=old")


def test_too_many_clients() -> None:
    """Only WebSockets and uploads are refused when there are too many."""
    router = Router(AccessPolicy(None), Pages(make_hub()))
    for is_websocket, status in ((True, HTTPStatus.SERVICE_UNAVAILABLE), (False, HTTPStatus.OK)):
        target = "/captions" if is_websocket else "/"
        response = router.route(
            AccessRequest(target, ("localhost",), is_websocket=is_websocket, over_limit="3 clients are connected")
        )
        assert isinstance(response, Response)
        assert response.status is status
