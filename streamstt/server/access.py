"""Access rules: what a request may do, decided from its headers. Pure: no socket, no file, no clock.

Three checks, in this order. Is the request meant for this daemon (``Host``)? A name that an attacker points here (DNS
rebinding) is refused. Does a web page of another site make it (``Origin``)? Which roles does its token have?
"""

import hmac
import re
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import parse_qs, unquote

LOCAL_FILE_ORIGINS = ("null", "file://")  # what browsers send as Origin for a page that is a local file
HEALTH_PATH = "/healthz"  # responds without a token, with the status word alone
# What a browser needs to ask for a token, and to trust the certificate: files of the project, and a certificate.
PUBLIC_PATHS = frozenset(
    {
        *("/trust", "/ca.crt"),
        *("/pages/guests/guests.css", "/pages/captions/colors.css", "/pages/captions/controls.css"),
        *("/pages/shared/base.css", "/pages/shared/icon.svg"),
    }
)
MAX_TOKEN = 256  # characters
# Files of the project, and the report on a page's own connection: other sites' pages may load them, but not read them.
HARMLESS_PATHS = ("/pages/", "/connection")


class Role(Flag):
    """What a token allows."""

    VIEWER = auto()  # read captions, pages and transcripts
    SPEAKER = auto()  # send audio, and read its captions
    CONTROL = auto()  # control the daemon


NO_ROLE = Role(0)
ALL_ROLES = Role.VIEWER | Role.SPEAKER | Role.CONTROL
NATIVE_PATHS = {"/captions": Role.VIEWER, "/audio": Role.SPEAKER, "/control": Role.CONTROL}
COMPAT_PATHS = {
    "/vosk": Role.SPEAKER,
    "/v1/listen": Role.SPEAKER,
    "/v1/realtime": Role.SPEAKER,
    "/v1/audio/transcriptions": Role.SPEAKER,
    "/v1/models": Role.SPEAKER,
}
"""Paths of other protocols; their clients cannot send a token as the first message."""
REQUIRED_ROLES = NATIVE_PATHS | COMPAT_PATHS
"""The role that a path requires; any other path requires ``Role.VIEWER``."""


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The tokens that are accepted.

    Attributes:
        tokens: Each with its roles; kept out of ``repr``.
        location: Where they are kept, for people.
    """

    tokens: tuple[tuple[str, Role], ...] = field(repr=False)
    location: str

    def roles(self, token: str) -> Role:
        """Returns the roles of a token, in the same time for an unknown one as for a known one."""
        candidate = token[:MAX_TOKEN].encode(errors="surrogatepass")
        granted = NO_ROLE
        for known, roles in self.tokens:
            if hmac.compare_digest(known.encode(), candidate):
                granted |= roles
        return granted


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """The parts of a request that the access rules need.

    Attributes:
        target: Path and query.
        hosts: Every ``Host`` header; there should be one.
        origins: Every ``Origin`` header; browsers send one, programs none.
        authorization: The ``Authorization`` header, or empty.
        cookies: The ``Cookie`` header, or empty.
        local_address: Address of this machine that the client has connected to.
        is_websocket: Whether it asks for a WebSocket, which may send its token later.
        is_navigation: Whether a person opens it in a browser.
        over_limit: Why the client may not open one more WebSocket; empty: it may.
    """

    target: str
    hosts: tuple[str, ...]
    origins: tuple[str, ...] = ()
    authorization: str = field(default="", repr=False)
    cookies: str = field(default="", repr=False)
    local_address: str = "127.0.0.1"
    is_websocket: bool = False
    is_navigation: bool = False
    over_limit: str = ""

    @property
    def path(self) -> str:
        """The path without the query, percent-decoded."""
        return unquote(self.target.partition("?")[0])

    @property
    def has_explicit_token(self) -> bool:
        """Whether it has a token besides the cookie, which browsers add by themselves."""
        return self.authorization.lower().startswith(("bearer ", "token ")) or query_token(self.target) is not None

    def token(self, cookie_name: str) -> str | None:
        """Returns the token of the ``Authorization`` header, the query, or the cookie of this name, in this order."""
        scheme, _, bearer = self.authorization.partition(" ")
        if scheme.lower() in {"bearer", "token"} and bearer.strip():
            return bearer.strip()
        if token := query_token(self.target):
            return token
        pairs = (part.strip().partition("=") for part in self.cookies.split(";"))
        return next((value for name, _, value in pairs if name == cookie_name and value), None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The HTTP status and text with which a request is refused, and whether another token would help."""

    status: HTTPStatus
    text: str
    needs_token: bool = False


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The access rules in force.

    Attributes:
        token_set: The tokens; None: no token is needed, and everything is allowed.
        hosts: Lower-case names and addresses allowed in ``Host`` besides loopback and the address connected to.
        origins: Lower-case origins of other sites' pages that may connect, as browsers send them.
        secure: Whether the daemon itself uses TLS, so that its own pages are loaded by https only.
        cookie_name: Name of the cookie in which a browser keeps the token.
    """

    token_set: TokenSet | None
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    secure: bool = False
    cookie_name: str = "streamstt"

    def check(self, request: AccessRequest) -> Role | Refusal:
        """Returns the roles of a request, or why it is refused.

        ``NO_ROLE`` is a WebSocket that must send its token as the first message, or a request for a public path.
        """
        return self._check_host(request) or self._check_origin(request) or self._authenticate(request)

    def check_token(self, token: str, path: str) -> Role | Refusal:
        """Returns the roles of a token, or why it is refused for a path."""
        roles = ALL_ROLES if self.token_set is None else self.token_set.roles(token)
        if not roles:
            text = "This token is not known here; it may have been replaced."
            return Refusal(HTTPStatus.UNAUTHORIZED, text, needs_token=True)
        needed = REQUIRED_ROLES.get(path, Role.VIEWER)
        if needed not in roles:
            text = f"This token does not allow {path}: it needs the role {_role_name(needed)}."
            return Refusal(HTTPStatus.FORBIDDEN, text, needs_token=True)
        return roles

    def connection_problem(self, request: AccessRequest, origin: str) -> str:
        """Returns why a page that was let in cannot open a WebSocket; empty if nothing is wrong.

        Args:
            request: An ordinary request of the page, which has no ``Origin``.
            origin: Where the page was opened.
        """
        if request.over_limit:
            return f"{request.over_limit}."
        if not origin or not self._check_origin(replace(request, origins=(origin,), is_websocket=True)):
            return ""
        return (
            f"This page was opened at {origin[:80]}, but the caption server is asked for {request.hosts[0]}: a proxy "
            "in between must pass on the header Host (nginx: proxy_set_header Host $http_host)."
        )

    def _check_host(self, request: AccessRequest) -> Refusal | None:
        name = parse_host(request.hosts[0]) if len(request.hosts) == 1 else None
        if name is None:
            return Refusal(HTTPStatus.BAD_REQUEST, "A request needs one Host header, with a name or an address.")
        if is_loopback(name) or name in self.hosts or name == _normalize_host(request.local_address):
            return None
        hint = "if people reach this machine by that name, add it to server.allowed_hosts"
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, f"Host {name[:80]!r} is not this daemon; {hint}.")

    def _check_origin(self, request: AccessRequest) -> Refusal | None:
        if not request.origins:
            return None  # a program, or an address that was typed into a browser
        if not request.is_websocket and request.path.startswith(HARMLESS_PATHS):
            return None  # a page behind a proxy that changes Host has to load before it can say so
        origin = request.origins[0].lower()
        own = {
            f"{scheme}://{request.hosts[0].lower()}" for scheme in (("https",) if self.secure else ("http", "https"))
        }
        if len(request.origins) == 1 and origin in own | self.origins:
            return None
        hint = "if this one may, add it to server.allowed_origins (a local file: file)"
        return Refusal(
            HTTPStatus.FORBIDDEN, f"Pages from elsewhere ({origin[:80]!r}) may not read captions or speak; {hint}."
        )

    def _authenticate(self, request: AccessRequest) -> Role | Refusal:
        if self.token_set is None:
            return ALL_ROLES
        is_public = request.path == HEALTH_PATH or request.path in PUBLIC_PATHS
        token = request.token(self.cookie_name)
        if token is not None:
            verdict = self.check_token(token, request.path)
            may_ask = request.is_websocket and not request.has_explicit_token and request.path not in COMPAT_PATHS
            if may_ask and getattr(verdict, "status", None) is HTTPStatus.FORBIDDEN:
                return NO_ROLE  # a viewer's page that wants to send audio sends a speaker's token first
            return NO_ROLE if is_public and isinstance(verdict, Refusal) else verdict
        if (request.is_websocket and request.path not in COMPAT_PATHS) or is_public:
            return NO_ROLE
        text = "This needs a token: add ?token=... to the address. The daemon's owner has it."
        return Refusal(HTTPStatus.UNAUTHORIZED, text, needs_token=True)


def requires_token(host: str, required: bool) -> bool:
    """Returns whether a daemon on this address requires tokens: always if other machines can reach it."""
    return required or not is_loopback(host.lower())


def query_token(target: str) -> str | None:
    """Returns the token in the query of a target; None if there is none."""
    try:
        values = parse_qs(target.partition("?")[2], max_num_fields=20).get("token")
    except ValueError:
        return None
    return values[-1] if values else None


def strip_token(target: str) -> str:
    """Returns a target without its token, relative to the page's folder: a proxy may have changed the path."""
    path, _, query = target.partition("?")
    rest = "&".join(part for part in query.split("&") if part and unquote(part.partition("=")[0]) != "token")
    return f"./{path.rpartition('/')[2]}" + (f"?{rest}" if rest else "")


def redact(text: str) -> str:
    """Removes tokens from a text for logs: what follows ``token=`` or ``Bearer``."""
    return re.sub(r"(?i)(token(?:=|%3d)|bearer\s+)[^\s&\"']+", r"\1...", text)


def parse_host(header: str) -> str | None:
    """Returns the name or address in a ``Host`` header, lower case, without brackets; None if it is malformed."""
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?", header.strip().lower())
    if not match:
        return None
    return _normalize_host(match[1] or match[2].removesuffix("."))


def is_loopback(name: str) -> bool:
    """Returns whether a name or address always means this machine."""
    address = _parse_address(name)
    return address.is_loopback if address else name == "localhost"


def _normalize_host(name: str) -> str:
    """Returns an address in its shortest form, a name as it is."""
    return str(_parse_address(name) or name)


def _parse_address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _role_name(role: Role) -> str:
    return (role.name or "").lower()
