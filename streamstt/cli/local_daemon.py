"""How listen and mark find the daemon of this machine: by the settings that the daemon itself reads."""

import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from streamstt.client import Trust, captions_url
from streamstt.config.loader import load, state_folder
from streamstt.config.server import LOCAL_CERTIFICATE, ServerSettings, local_address
from streamstt.errors import ConfigError
from streamstt.server.access import Role, is_loopback, query_token, requires_token
from streamstt.server.tls import local_certificate_in
from streamstt.server.tokens import load_tokens, token_for, will_create_tokens

SERVICE_ENVIRONMENT = {"STATE_DIRECTORY": "/var/lib/streamstt"}  # of the system service; root can read it
CERTIFICATE_PATTERN = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DaemonAccess:
    """How to reach a daemon.

    Attributes:
        url: Address, as for ``client.captions_url``.
        token: Access token; empty: none.
        trust: Certificates to trust instead of the system's: a PEM file, or for the daemon's own a context.
    """

    url: str
    token: str = ""
    trust: Trust = None


def find_daemon(url: str | None, token: str, ca: Path | None, config: Path | None, role: Role) -> DaemonAccess:
    """Returns how to reach the daemon that is meant.

    Token and certificate of the settings are used for the daemon of this machine only, and if none are given.

    Args:
        url: Address that was given; None: the daemon that has these settings.
        token: Token that was given, or empty.
        ca: PEM file that was given.
        config: Configuration file that was given; None: the usual ones.
        role: What the token must allow.

    Raises:
        ConfigError: The settings are needed, and are wrong.
        ServerError: The address is invalid.
    """
    try:
        server = load(file=config).settings.server
    except ConfigError:
        if url is None or config:
            raise
        return DaemonAccess(url, token, ca)
    if url is None:
        url = _own_url(server)
    elif not _is_own(captions_url(url), server):
        return DaemonAccess(url, token, ca)
    elif "://" not in url and server.tls_certificate:
        url = captions_url(url).replace("ws:", "wss:", 1)
    token = token or query_token(url) or _own_token(server, role)
    is_encrypted = captions_url(url).startswith("wss:")
    return DaemonAccess(url, token, ca or (_own_certificate(server) if is_encrypted else None))


def _own_url(server: ServerSettings) -> str:
    if not server.port:
        raise ConfigError("the daemon picks a free port (server.port = 0); name the address that it has printed")
    return f"{'wss' if server.tls_certificate else 'ws'}://{local_address(server)}"


def _is_own(address: str, server: ServerSettings) -> bool:
    """Returns whether an address is that of a daemon with these settings on this machine."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    host = parts.hostname or ""
    return port == server.port and (is_loopback(host) or host == server.host)


def _own_token(server: ServerSettings, role: Role) -> str:
    """Returns a token of this machine's daemon; empty if it has none, as far as its settings tell.

    A daemon that was started with --host or --set has created tokens that the settings do not ask for.

    Raises:
        ConfigError: The settings require a token, and the file cannot be read.
    """
    guarded = server.model_copy(update={"require_token": True})
    for environ in (None, SERVICE_ENVIRONMENT):
        try:
            if not will_create_tokens(guarded, environ):
                tokens = load_tokens(guarded, environ)
                return token_for(tokens, role) if tokens else ""
        except ConfigError:
            if requires_token(server.host, server.require_token):
                raise
    return ""


def _own_certificate(server: ServerSettings) -> ssl.SSLContext | None:
    """Returns a context that trusts the daemon's certificate and no other, whatever names are in it.

    A daemon that was started with --set may have made one that the settings do not ask for.
    """
    if server.tls_certificate in {"", LOCAL_CERTIFICATE}:
        # The authority: the daemon may replace the certificate while a client follows it.
        folders = (state_folder(), state_folder(SERVICE_ENVIRONMENT))
        files = [local_certificate_in(folder).authority for folder in folders]
    else:
        files = [Path(server.tls_certificate).expanduser()]
    certificates = [certificate for file in files if (certificate := _read_certificate(file))]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata="\n".join(certificates))
    except (OSError, ValueError):
        return None  # the error of the connection tells what to do
    return context


def _read_certificate(file: Path) -> str:
    """Returns the first certificate in a PEM file; empty if there is none that can be read."""
    with suppress(OSError):
        certificate = CERTIFICATE_PATTERN.search(file.read_text(encoding="ascii", errors="replace"))
        return certificate[0] if certificate else ""
    return ""
