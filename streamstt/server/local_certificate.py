"""A certificate for the local network: an authority of this machine, and its certificate for the machine's addresses.

Phones trust the authority once, so it stays as long as it is valid. It can only vouch for names and addresses of local
networks, and for those of this machine when it was made: a stolen key is of no use elsewhere. The certificate is
replaced when it expires or the machine gets another address that the authority may vouch for. This module is imported
only where there is such a certificate.
"""

import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from streamstt.errors import ConfigError
from streamstt.server.certificate_files import LocalCertificate

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 397  # phones refuse certificates for longer
RENEW_DAYS = 30  # before the end
CLOCK_SKEW = timedelta(days=1)  # a phone's clock may be behind
LOCAL_NETWORKS = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"),
    *("fc00::/7", "fe80::/10", "::1/128"),
)
LOCAL_NAMES = ("local", "localhost")

log = logging.getLogger(__name__)


def ensure_valid(files: LocalCertificate, hosts: Iterable[str], now: datetime | None = None) -> bool:
    """Makes the certificate, unless there is one for these hosts; returns whether it did.

    The authority is made only if there is none that is valid. Hosts that it may not vouch for are left out.

    Args:
        files: Where they are kept.
        hosts: Names and addresses of this machine.
        now: The time; None: the present.

    Raises:
        ConfigError: A file cannot be written.
    """
    now, wanted = now or datetime.now(UTC), list(dict.fromkeys(hosts))
    try:
        authority, key = _load_authority(files, now) or _make_authority(files, wanted, now)
        wanted = [host for host in wanted if _may_certify(authority, host)]
        if _is_current(files, authority, wanted, now):
            return False
        _issue(files, authority, key, wanted, now)
    except OSError as error:
        hint = "it needs a folder that it may write to, or your own certificate (server.tls_certificate)"
        raise ConfigError(f"cannot make a certificate in {files.key.parent}: {error.strerror}; {hint}") from error
    return True


def certificate_hosts(path: Path) -> list[str]:
    """Returns the names and addresses that a certificate is for; none if it has none, or cannot be read."""
    with suppress(OSError, ValueError, x509.ExtensionNotFound):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [*map(str, names.get_values_for_type(x509.IPAddress)), *names.get_values_for_type(x509.DNSName)]
    return []


def read_der(path: Path) -> bytes:
    """Returns a certificate as phones install it (DER).

    Raises:
        OSError: It cannot be read.
    """
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return certificate.public_bytes(serialization.Encoding.DER)


def fingerprint(path: Path) -> str:
    """Returns the SHA-256 fingerprint of a certificate, as phones show it."""
    return x509.load_pem_x509_certificate(path.read_bytes()).fingerprint(hashes.SHA256()).hex(":").upper()


def valid_until(path: Path) -> datetime:
    """Returns when a certificate expires."""
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _load_authority(
    files: LocalCertificate, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """Returns the authority and its key; None if there is none that is valid for as long as a certificate."""
    with suppress(FileNotFoundError, ValueError):
        certificate = x509.load_pem_x509_certificate(files.authority.read_bytes())
        key = serialization.load_pem_private_key(files.authority_key.read_bytes(), None)
        fits = isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key()
        if fits and certificate.not_valid_after_utc > now + timedelta(days=CERTIFICATE_DAYS):
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return certificate, key
    return None


def _is_current(files: LocalCertificate, authority: x509.Certificate, hosts: list[str], now: datetime) -> bool:
    """Returns whether the certificate is the authority's, for all hosts, and far from its end."""
    with suppress(FileNotFoundError, ValueError, InvalidSignature):
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        certificate.verify_directly_issued_by(authority)
        return (
            certificate.public_key() == key.public_key()
            and set(hosts) <= set(certificate_hosts(files.certificate))
            and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - timedelta(days=RENEW_DAYS)
        )
    return False


def _make_authority(
    files: LocalCertificate, hosts: list[str], now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    if files.authority.exists() or files.authority_key.exists():
        why = "the authority in %s is damaged, incomplete or about to expire"
        log.warning(f"{why}: a new one is made, and phones have to trust that", files.authority.parent)
    key = ec.generate_private_key(ec.SECP256R1())
    label = next((host for host in hosts if not _address(host) and host not in LOCAL_NAMES), "this machine")
    name = _name(f"streamstt on {label}, {now:%Y-%m-%d %H:%M:%S}")
    addresses = [ip_network(network) for network in LOCAL_NETWORKS]
    addresses += [_own_network(address) for host in hosts if (address := _address(host)) and not _is_local(host)]
    domains = [*LOCAL_NAMES, *(host for host in hosts if not _address(host) and not _is_local(host))]
    permitted = [*map(x509.IPAddress, addresses), *map(x509.DNSName, domains)]
    builder = (
        _builder(name, key, now, AUTHORITY_DAYS)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
    )
    certificate = builder.sign(key, hashes.SHA256())
    _write(files.authority_key, _pem(key))
    _write(files.authority, certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _issue(
    files: LocalCertificate,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    hosts: list[str],
    now: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.IPAddress(address) if (address := _address(host)) else x509.DNSName(host) for host in hosts]
    certificate = (
        _builder(_name("streamstt"), key, now, CERTIFICATE_DAYS)
        .issuer_name(authority.subject)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write(files.key, _pem(key))
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now - CLOCK_SKEW + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _own_network(address: IPv4Address | IPv6Address) -> IPv4Network | IPv6Network:
    """Returns what an authority may vouch for to cover an address: of IPv6 the /64, in which it changes every day."""
    return ip_network((address, 64 if address.version == 6 else 32), strict=False)


def _may_certify(authority: x509.Certificate, host: str) -> bool:
    """Returns whether an authority's name constraints allow a host."""
    try:
        constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return False
    networks = [ip_network(str(name.value)) for name in constraints if isinstance(name, x509.IPAddress)]
    domains = [name.value for name in constraints if isinstance(name, x509.DNSName)]
    if address := _address(host):
        return any(address in network for network in networks)
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _is_local(host: str) -> bool:
    address = _address(host)
    if address:
        return any(address in ip_network(network) for network in LOCAL_NETWORKS)
    return host.rpartition(".")[2] in LOCAL_NAMES


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, kind, serialization.NoEncryption())


def _write(path: Path, content: bytes) -> None:
    """Replaces a file that only its owner may read, at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(f"{path.suffix}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
