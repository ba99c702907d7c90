"""TLS from a certificate and a key, which can be replaced while the daemon runs; it can make both by itself."""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path

from streamstt.config.loader import state_folder
from streamstt.config.server import LOCAL_CERTIFICATE, ServerSettings
from streamstt.errors import ConfigError
from streamstt.server.addresses import network_addresses, own_names
from streamstt.server.certificate_files import LocalCertificate

log = logging.getLogger(__name__)

RENEW_S = 600.0  # how often it looks whether the machine has another address
OWN_HOSTS = ("localhost", "127.0.0.1", "::1")


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
    if problem := names_left_out(settings):
        log.warning("%s", problem)
    return context


def require_certificate(settings: ServerSettings) -> None:
    """Checks the certificate of the settings; one that streamstt makes need not be there, and is not made.

    Raises:
        ConfigError: As in ``make_context``, or one could not be made.
    """
    files = local_certificate(settings)
    if not files:
        make_context(settings)
    elif not files.certificate.is_file():
        there = next(folder for folder in files.certificate.parents if folder.exists())
        if not os.access(there, os.W_OK):
            raise ConfigError(f"cannot make a certificate in {files.certificate.parent}: {there} cannot be written")


def local_certificate(settings: ServerSettings) -> LocalCertificate | None:
    """Returns the files of the certificate that streamstt makes; None if the settings name another, or none."""
    if settings.tls_certificate != LOCAL_CERTIFICATE:
        return None
    return local_certificate_in(state_folder())


def local_certificate_in(folder: Path) -> LocalCertificate:
    """Returns the files of the certificate that the daemon with this state folder makes."""
    return LocalCertificate.in_folder(folder / "certificate")


def renew_local_certificate(settings: ServerSettings) -> bool:
    """Makes the local certificate if it is missing, expires soon, or lacks an address; returns whether it did.

    Raises:
        ConfigError: It cannot be written.
    """
    files = local_certificate(settings)
    if not files:
        return False
    from streamstt.server.local_certificate import ensure_valid  # noqa: PLC0415 - see certificate_files.py

    # All of the machine, wherever this daemon listens: another one, and the command, use the same certificate.
    addresses = [*network_addresses("::"), *network_addresses(settings.host)]
    return ensure_valid(files, [*OWN_HOSTS, *own_names(), *addresses, *_wanted_names(settings)])


def names_left_out(settings: ServerSettings) -> str:
    """Returns a sentence about names in the settings that the local certificate is not for; empty if there are none."""
    files = local_certificate(settings)
    if not files or not (missing := set(_wanted_names(settings)) - set(_certificate_hosts(files.certificate))):
        return ""
    return (
        f"the certificate is not for {', '.join(sorted(missing))}, which its authority may not vouch for; "
        f"to begin again with an authority that may, delete {files.key.parent}; phones have to trust that one then"
    )


def _wanted_names(settings: ServerSettings) -> list[str]:
    return [name.lower().strip("[]") for name in settings.allowed_hosts]


def certificate_files(settings: ServerSettings) -> tuple[Path, Path]:
    """Returns the files of the certificate and the key."""
    if files := local_certificate(settings):
        return files.certificate, files.key
    certificate = Path(settings.tls_certificate).expanduser()
    return certificate, Path(settings.tls_key).expanduser() if settings.tls_key else certificate


def names_in_certificate(settings: ServerSettings) -> list[str] | None:
    """Returns the names and addresses that the certificate is for; None without TLS."""
    return _certificate_hosts(certificate_files(settings)[0]) if settings.tls_certificate else None


def _certificate_hosts(certificate: Path) -> list[str]:
    from streamstt.server.local_certificate import certificate_hosts  # noqa: PLC0415 - see certificate_files.py

    return certificate_hosts(certificate)


def reload_certificate(context: ssl.SSLContext, settings: ServerSettings) -> None:
    """Reads the files again: new connections get the new certificate, open ones keep theirs.

    Raises:
        ConfigError: As in ``make_context``; the old certificate stays in use.
    """
    # A load that fails half-way would leave the context in use with a certificate and the key of another.
    make_context(settings)
    _load_certificate(context, settings)


class CertificateRenewal:
    """Keeps the certificate that streamstt makes valid, and for the addresses that the machine has."""

    def __init__(self, context: ssl.SSLContext, settings: Callable[[], ServerSettings]) -> None:
        """Begins on the running event loop.

        Args:
            context: Gets each new certificate.
            settings: Returns the settings in force.
        """
        self._context = context
        self._settings = settings
        self._loaded = self._version()
        self._schedule()

    def stop(self) -> None:
        """Renews nothing any more."""
        self._timer.cancel()

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(RENEW_S, self._check)

    def _check(self) -> None:
        self._schedule()
        try:
            renew_local_certificate(self._settings())
            if (version := self._version()) != self._loaded:
                _load_certificate(self._context, self._settings())
                self._loaded = version
                log.info("the certificate for the local network was renewed")
        except ConfigError as error:
            log.error("%s", error)

    def _version(self) -> int:
        """Returns a number that changes when the certificate does, also if a command has renewed it."""
        files = local_certificate(self._settings())
        try:
            return files.certificate.stat().st_mtime_ns if files else 0
        except OSError:
            return 0


def _load_certificate(context: ssl.SSLContext, settings: ServerSettings) -> None:
    renew_local_certificate(settings)
    certificate, key = certificate_files(settings)
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
