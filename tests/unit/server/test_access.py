"""Who may do what, by what a request says of itself."""

from dataclasses import replace
from http import HTTPStatus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamstt.server.access import (
    ALL_ROLES,
    LOCAL_FILE_ORIGINS,
    NO_ROLE,
    AccessPolicy,
    AccessRequest,
    Refusal,
    Role,
    TokenSet,
    parse_host,
    query_token,
    redact,
    requires_token,
    strip_token,
)
from tests.support.drawing import PROPERTY

VIEWER, SPEAKER, OWNER = "v" * 32, "s" * 32, "o" * 32
KEYS = TokenSet(((VIEWER, Role.VIEWER), (SPEAKER, Role.SPEAKER), (OWNER, ALL_ROLES)), "a file")
OPEN = AccessPolicy(None)
CLOSED = AccessPolicy(KEYS, cookie_name="streamstt-8765")
LOCAL = AccessRequest("/captions", ("127.0.0.1:8765",), is_websocket=True)


def status(verdict: Role | Refusal) -> HTTPStatus | None:
    return verdict.status if isinstance(verdict, Refusal) else None


# ---- Host


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8765",
        "127.0.0.1",
        "127.1.2.3:1",
        "localhost:8765",
        "LocalHost",
        "localhost.:80",
        "[::1]:8765",
        "192.168.1.5:8765",
        "captions.example",
        "Captions.Example:443",
        "[::ffff:192.168.1.5]:8765",
    ],
)
def test_own_names(host: str) -> None:
    """Loopback, the address that was reached, and the names in the settings are this daemon, on any port."""
    guard = AccessPolicy(None, hosts=frozenset({"captions.example"}))
    assert guard.check(replace(LOCAL, hosts=(host,), local_address="192.168.1.5")) == ALL_ROLES


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8765",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.168.1.6",
        "0.0.0.0:8765",
        "[::2]:1",
        "captions.example.evil",
        "xn--localhost",
        "2130706433",
    ],
)
def test_rebound_names(host: str) -> None:
    """A name that others make point here is refused; the response names the setting that allows it."""
    guard = AccessPolicy(None, hosts=frozenset({"captions.example"}))
    verdict = guard.check(replace(LOCAL, hosts=(host,), local_address="192.168.1.5"))
    assert isinstance(verdict, Refusal)
    assert verdict.status is HTTPStatus.MISDIRECTED_REQUEST
    assert "server.allowed_hosts" in verdict.text


@pytest.mark.parametrize(
    "hosts", [(), ("localhost", "localhost"), ("",), ("a b",), ("localhost:",), ("[::1",), ("a/b",)]
)
def test_no_host(hosts: tuple[str, ...]) -> None:
    """None, two or a malformed Host: a bad request."""
    assert status(OPEN.check(replace(LOCAL, hosts=hosts))) is HTTPStatus.BAD_REQUEST


@PROPERTY
@given(st.text(max_size=40))
@example("localhost@evil")
@example("localhost#")
def test_any_host(host: str) -> None:
    """Whatever stands in Host, only this machine's own names get in."""
    if OPEN.check(replace(LOCAL, hosts=(host,))) == ALL_ROLES:
        assert parse_host(host) == "localhost" or str(parse_host(host)).startswith("127.") or parse_host(host) == "::1"


# ---- Origin


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8765", "https://127.0.0.1:8765", "HTTP://127.0.0.1:8765"])
def test_own_pages(origin: str) -> None:
    """The daemon's own pages may connect; behind a proxy with TLS they say https."""
    assert OPEN.check(replace(LOCAL, origins=(origin,))) == ALL_ROLES


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1:9999",
        "http://127.0.0.1",
        "http://localhost:8765",
        "null",
        "file://",
        "",
        "http://127.0.0.1:8765.evil.example",
        "http://evil.example/127.0.0.1:8765",
        "127.0.0.1:8765",
        "ws://127.0.0.1:8765",
    ],
)
@pytest.mark.parametrize("path", ["/captions", "/audio", "/", "/transcript.txt"])
def test_foreign_pages(origin: str, path: str) -> None:
    """A page from elsewhere, another port and a local file too, gets nothing: neither sockets nor transcripts."""
    verdict = OPEN.check(replace(LOCAL, origins=(origin,), target=path))
    assert isinstance(verdict, Refusal)
    assert verdict.status is HTTPStatus.FORBIDDEN
    assert "server.allowed_origins" in verdict.text


def test_two_origins() -> None:
    """A request with two origins is not believed."""
    assert status(OPEN.check(replace(LOCAL, origins=("http://127.0.0.1:8765",) * 2))) is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("origin", ["https://studio.example", *LOCAL_FILE_ORIGINS])
def test_allowed_origins(origin: str) -> None:
    """Pages that the settings name may connect; local files when they are named."""
    guard = AccessPolicy(None, origins=frozenset({"https://studio.example", *LOCAL_FILE_ORIGINS}))
    assert guard.check(replace(LOCAL, origins=(origin,))) == ALL_ROLES


def test_plain_page_of_a_daemon_with_tls() -> None:
    """With TLS, a page loaded without TLS was put there by an attacker in between."""
    guard = AccessPolicy(None, secure=True)
    assert status(guard.check(replace(LOCAL, origins=("http://127.0.0.1:8765",)))) is HTTPStatus.FORBIDDEN
    assert guard.check(replace(LOCAL, origins=("https://127.0.0.1:8765",))) == ALL_ROLES


# ---- tokens


@pytest.mark.parametrize(
    "shown",
    [
        {"target": f"/captions?token={VIEWER}"},
        {"target": f"/captions?since=4&token={VIEWER}&session=x"},
        {"authorization": f"Bearer {VIEWER}"},
        {"authorization": f"bearer  {VIEWER} "},
        {"cookies": f"theme=dark; streamstt-8765={VIEWER}; streamstt-1=other"},
        {"target": f"/captions?token={VIEWER}", "cookies": "streamstt-8765=an-old-one-that-was-replaced"},
        {"target": f"/captions?token={VIEWER}", "authorization": "Basic eDp5"},
    ],
)
def test_ways_to_show_a_token(shown: dict[str, str]) -> None:
    """A token may come in header, query or cookie; an explicit one takes precedence over the browser's cookie."""
    assert CLOSED.check(replace(LOCAL, **shown)) == Role.VIEWER


@pytest.mark.parametrize(
    "path", ["/", "/overlay", "/transcript.txt", "/metrics", "/pages/shared/feed.js", "/%63aptions"]
)
def test_no_token(path: str) -> None:
    """Without a token there is no page and no transcript."""
    assert status(CLOSED.check(AccessRequest(path, ("localhost",)))) is HTTPStatus.UNAUTHORIZED


def test_token_that_comes_later() -> None:
    """A WebSocket without a token may open, and may do nothing yet; health is a word."""
    assert CLOSED.check(LOCAL) is NO_ROLE
    assert CLOSED.check(AccessRequest("/healthz", ("localhost",))) is NO_ROLE
    assert CLOSED.check(AccessRequest("/healthz?token=wrong", ("localhost",))) is NO_ROLE
    assert CLOSED.check(AccessRequest(f"/healthz?token={OWNER}", ("localhost",))) == ALL_ROLES


def test_viewer_who_wants_to_speak() -> None:
    """Browsers add a viewer's cookie by themselves: a client may still send a speaker's token."""
    cookie = f"streamstt-8765={VIEWER}"
    assert CLOSED.check(replace(LOCAL, target="/audio", cookies=cookie)) is NO_ROLE
    assert (
        status(CLOSED.check(replace(LOCAL, target="/audio", cookies=cookie, is_websocket=False)))
        is HTTPStatus.FORBIDDEN
    )
    unknown = replace(LOCAL, target="/audio", cookies="streamstt-8765=of-yesterday-and-replaced")
    assert status(CLOSED.check(unknown)) is HTTPStatus.UNAUTHORIZED
    assert status(CLOSED.check_token(VIEWER, "/audio")) is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("token", "path", "expected"),
    [
        (VIEWER, "/captions", None),
        (VIEWER, "/transcript.txt", None),
        (VIEWER, "/audio", HTTPStatus.FORBIDDEN),
        (VIEWER, "/control", HTTPStatus.FORBIDDEN),
        (SPEAKER, "/audio", None),
        (SPEAKER, "/captions", HTTPStatus.FORBIDDEN),
        (SPEAKER, "/control", HTTPStatus.FORBIDDEN),
        (OWNER, "/captions", None),
        (OWNER, "/audio", None),
        (OWNER, "/control", None),
        ("x" * 32, "/captions", HTTPStatus.UNAUTHORIZED),
    ],
)
def test_roles(token: str, path: str, expected: HTTPStatus | None) -> None:
    """A viewer cannot speak or control, a speaker cannot read what others say; by whichever way the token comes."""
    assert status(CLOSED.check(replace(LOCAL, target=f"{path}?token={token}"))) is expected
    assert status(CLOSED.check_token(token, path)) is expected


@PROPERTY
@given(st.text(max_size=300))
@example("\ud800")
@example(VIEWER + "v" * 300)
@example(VIEWER[:-1])
def test_any_other_token(token: str) -> None:
    """No text but the token itself opens anything."""
    assert KEYS.roles(token) == (Role.VIEWER if token == VIEWER else NO_ROLE)


@PROPERTY
@given(
    st.builds(
        AccessRequest,
        target=st.text(max_size=30),
        hosts=st.tuples(st.text(max_size=20)),
        origins=st.lists(st.text(max_size=9), max_size=2).map(tuple),
        authorization=st.text(max_size=40),
        cookies=st.text(max_size=40),
        is_websocket=st.booleans(),
    )
)
def test_any_request(visit: AccessRequest) -> None:
    """Any request is decided on; none without a token gets a role."""
    assert not isinstance(CLOSED.check(visit), Role) or CLOSED.check(visit) is NO_ROLE
    OPEN.check(visit)


def test_tokens_do_not_show() -> None:
    """Neither keys nor a request show a token when they are printed."""
    shown = repr(CLOSED) + repr(AccessRequest("/", (), authorization=f"Bearer {VIEWER}", cookies=f"streamstt={VIEWER}"))
    assert VIEWER not in shown


@pytest.mark.parametrize(
    ("host", "needed"),
    [
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("localhost", False),
        ("LOCALHOST", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.1.5", True),
        ("desk.local", True),
        ("", True),
    ],
)
def test_where_a_token_is_demanded(host: str, needed: bool) -> None:
    """Wherever other machines may reach the daemon; on loopback when the settings ask for it."""
    assert requires_token(host, required=False) is needed
    assert requires_token(host, required=True)


# ---- addresses


@pytest.mark.parametrize(
    ("target", "rest"),
    [
        ("/?token=a", "./"),
        ("/overlay?token=a", "./overlay"),
        ("/overlay?lines=2&token=a&source=x%26y", "./overlay?lines=2&source=x%26y"),
        ("/?%74oken=a&token=b", "./"),
        ("//evil.example/?token=a", "./"),
        ("/\\evil.example?token=a", "./\\evil.example"),
    ],
)
def test_address_without_token(target: str, rest: str) -> None:
    """The rest of the address stays, and it leads nowhere else."""
    assert strip_token(target) == rest
    assert query_token(rest) is None


@pytest.mark.parametrize(
    "text", ["GET /?token={} HTTP/1.1", "'/captions?since=1&token={}'", "Authorization: Bearer {}"]
)
def test_logs_show_no_token(text: str) -> None:
    """What goes into a log has its tokens taken out, and the rest left."""
    assert redact(text.format(VIEWER)) == text.format("...")


def test_a_page_behind_a_proxy_that_changes_host_can_load() -> None:
    """Browsers send Origin with a page's scripts: they load, so that the page can say what is wrong."""
    foreign = {"hosts": ("127.0.0.1:8765",), "origins": ("http://captions.example",)}
    for path in ("/pages/captions/captions.js", "/connection"):
        assert OPEN.check(AccessRequest(path, **foreign)) == ALL_ROLES
        assert status(OPEN.check(AccessRequest(path, **foreign, is_websocket=True))) is HTTPStatus.FORBIDDEN
    for path in ("/transcript.txt", "/captions", "/", "/healthz"):
        assert status(OPEN.check(AccessRequest(path, **foreign))) is HTTPStatus.FORBIDDEN
