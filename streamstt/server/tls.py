"""TLS from a certificate and a key, which can be replaced while the daemon runs."""

import ssl
from pathlib import Path

from streamstt.config.server import ServerSettings
from streamstt.errors import ConfigError


def make_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """Makes a context with the certificate of the settings; returns None if they have none.

    Raises:
        ConfigError: A file cannot be read, is not PEM, or certificate and key do not belong together.
    """
    if not settings.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_certificate(context, settings)
    return context


def reload_certificate(context: ssl.SSLContext, settings: ServerSettings) -> None:
    """Reads the files again: new connections get the new certificate, open ones keep theirs.

    Raises:
        ConfigError: As in ``make_context``; the old certificate stays in use.
    """
    # A load that fails half-way would leave the context in use with a certificate and the key of another.
    make_context(settings)
    _load_certificate(context, settings)


def _load_certificate(context: ssl.SSLContext, settings: ServerSettings) -> None:
    certificate = Path(settings.tls_certificate).expanduser()
    key = Path(settings.tls_key).expanduser() if settings.tls_key else certificate
    for path in (certificate, key):
        if not path.is_file():
            raise ConfigError(f"there is no file {path} (server.tls_certificate, server.tls_key)")
    try:
        # An encrypted key is an error: a daemon cannot ask for a passphrase.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        hint = "both must be PEM, not encrypted, and belong together"
        raise ConfigError(f"TLS cannot use {certificate} with {key}: {error.reason or error}; {hint}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"TLS cannot read {certificate} or {key}: {error}") from error
