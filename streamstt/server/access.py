"""Who may do what, decided from what a request says of itself. Pure: no socket, no file, no clock.

Three questions, in this order. Is the request meant for this daemon (``Host``)? A name that an attacker lets point here
(DNS rebinding) is not. Does a web page from elsewhere make it (``Origin``)? And who is it (token)?
"""

import hmac
import re
from dataclasses import dataclass, field
from enum import Flag, auto
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import parse_qs, unquote

LOCAL_FILE_ORIGINS = ("null", "file://")  # what browsers send as Origin of a page that is a local file
PUBLIC_PATH = "/healthz"  # the one path that answers without a token, with a word
MAX_TOKEN = 256  # characters; more is no token


class Role(Flag):
    """What a token allows."""

    VIEWER = auto()  # read captions, pages and transcripts
    SPEAKER = auto()  # send audio, and read its captions
    CONTROL = auto()  # change what the daemon does


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
"""Paths of other programs' protocols; their clients know no first message with a token."""
REQUIRED_ROLES = NATIVE_PATHS | COMPAT_PATHS
"""The role that a path asks for; any other path asks for ``Role.VIEWER``."""


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The tokens that are accepted.

    Attributes:
        tokens: Each with its roles; never shown.
        location: Where they are kept, for people.
    """

    tokens: tuple[tuple[str, Role], ...] = field(repr=False)
    location: str

    def roles(self, token: str) -> Role:
        """What a token allows; takes as long for a wrong one as for a right one."""
        given = token[:MAX_TOKEN].encode(errors="surrogatepass")
        found = NO_ROLE
        for known, roles in self.tokens:
            if hmac.compare_digest(known.encode(), given):
                found |= roles
        return found


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request, as far as access is concerned.

    Attributes:
        target: Path and query.
        hosts: Every ``Host`` header; there should be one.
        origins: Every ``Origin`` header; browsers send one, programs none.
        authorization: The ``Authorization`` header, or empty.
        cookies: The ``Cookie`` header, or empty.
        local_address: The address of this machine that the client has reached.
        is_websocket: Whether it asks for a WebSocket, over which a token may come later.
    """

    target: str
    hosts: tuple[str, ...]
    origins: tuple[str, ...] = ()
    authorization: str = field(default="", repr=False)
    cookies: str = field(default="", repr=False)
    local_address: str = "127.0.0.1"
    is_websocket: bool = False

    @property
    def path(self) -> str:
        """Without the query, percent signs resolved."""
        return unquote(self.target.partition("?")[0])

    @property
    def has_explicit_token(self) -> bool:
        """Whether it says a token itself; a cookie comes along by itself."""
        return self.authorization.lower().startswith(("bearer ", "token ")) or query_token(self.target) is not None

    def token(self, cookie_name: str) -> str | None:
        """The token in header, query or the cookie of this name, the first that there is."""
        scheme, _, bearer = self.authorization.partition(" ")
        if scheme.lower() in {"bearer", "token"} and bearer.strip():
            return bearer.strip()
        if asked := query_token(self.target):
            return asked
        pairs = (part.strip().partition("=") for part in self.cookies.split(";"))
        return next((value for name, _, value in pairs if name == cookie_name and value), None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request gets nothing, as HTTP says it."""

    status: HTTPStatus
    text: str


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The rules in force.

    Attributes:
        token_set: The tokens; None: everybody may do everything.
        hosts: Names and addresses allowed in ``Host`` beside loopback and the address that was reached; lower case.
        origins: Origins of pages from elsewhere that may connect, as browsers send them; lower case.
        secure: Whether the daemon itself speaks TLS, so that its own pages come by https only.
        cookie_name: Name of the cookie in which a browser keeps the token.
    """

    token_set: TokenSet | None
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    secure: bool = False
    cookie_name: str = "streamstt"

    def check(self, request: AccessRequest) -> Role | Refusal:
        """What the visitor may do, or why it gets nothing.

        ``NO_ROLE`` is a WebSocket that has to send its token as the first message, or a request for a word of health.
        """
        return self._check_host(request) or self._check_origin(request) or self._authenticate(request)

    def check_token(self, token: str, path: str) -> Role | Refusal:
        """What a token allows, if that is enough for the path."""
        roles = ALL_ROLES if self.token_set is None else self.token_set.roles(token)
        if not roles:
            return Refusal(HTTPStatus.UNAUTHORIZED, "This token is not known here; it may have been replaced.")
        needed = REQUIRED_ROLES.get(path, Role.VIEWER)
        if needed not in roles:
            return Refusal(
                HTTPStatus.FORBIDDEN, f"This token does not allow {path}: it needs the role {_role_name(needed)}."
            )
        return roles

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
            return None  # a program, or a page that was opened by typing its address
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
        token = request.token(self.cookie_name)
        if token is not None:
            known = self.check_token(token, request.path)
            may_ask = request.is_websocket and not request.has_explicit_token and request.path not in COMPAT_PATHS
            if may_ask and getattr(known, "status", None) is HTTPStatus.FORBIDDEN:
                return NO_ROLE  # a viewer's page that wants to speak sends a speaker's token first
            return NO_ROLE if request.path == PUBLIC_PATH and isinstance(known, Refusal) else known
        if (request.is_websocket and request.path not in COMPAT_PATHS) or request.path == PUBLIC_PATH:
            return NO_ROLE
        return Refusal(
            HTTPStatus.UNAUTHORIZED, "This needs a token: add ?token=... to the address. The daemon's owner has it."
        )


def requires_token(host: str, required: bool) -> bool:
    """Whether a daemon on this address wants tokens: always where other machines can reach it."""
    return required or not is_loopback(host.lower())


def query_token(target: str) -> str | None:
    """The token in an address, if there is one."""
    try:
        values = parse_qs(target.partition("?")[2], max_num_fields=20).get("token")
    except ValueError:
        return None
    return values[-1] if values else None


def strip_token(target: str) -> str:
    """The same address without the token, relative to the page's folder: a proxy may have added to the path."""
    path, _, query = target.partition("?")
    rest = "&".join(part for part in query.split("&") if part and unquote(part.partition("=")[0]) != "token")
    return f"./{path.rpartition('/')[2]}" + (f"?{rest}" if rest else "")


def redact(text: str) -> str:
    """A text for logs: what follows ``token=`` or ``Bearer`` is taken out."""
    return re.sub(r"(?i)(token(?:=|%3d)|bearer\s+)[^\s&\"']+", r"\1...", text)


def parse_host(header: str) -> str | None:
    """The name or address in a ``Host`` header, in lower case and without brackets; None if it is malformed."""
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?", header.strip().lower())
    if not match:
        return None
    return _normalize_host(match[1] or match[2].removesuffix("."))


def is_loopback(name: str) -> bool:
    """Whether a name or address can only be this machine."""
    address = _parse_address(name)
    return address.is_loopback if address else name == "localhost"


def _normalize_host(name: str) -> str:
    """An address in its one shortest form; a name as it is."""
    return str(_parse_address(name) or name)


def _parse_address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _role_name(role: Role) -> str:
    return (role.name or "").lower()
