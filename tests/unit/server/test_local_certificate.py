"""The certificate for the local network: who may read it, how long it is valid, when it is replaced."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streamstt.config.server import ServerSettings
from streamstt.errors import ConfigError
from streamstt.server.certificate_files import LocalCertificate
from streamstt.server.local_certificate import (
    certificate_hosts,
    ensure_valid,
    fingerprint,
    valid_until,
)
from streamstt.server.tls import make_context, names_left_out

HOSTS = ["localhost", "127.0.0.1", "desk.local", "desk", "192.168.1.5"]
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> LocalCertificate:
    made = LocalCertificate.in_folder(tmp_path / "certificate")
    assert ensure_valid(made, HOSTS, NOW)
    return made


def test_only_the_owner_reads_it(files: LocalCertificate) -> None:
    """Folder and files are the owner's, the keys above all."""
    folder = files.key.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 4


def test_it_lasts_as_long_as_phones_allow(files: LocalCertificate) -> None:
    """Phones refuse certificates for more than 398 days."""
    assert timedelta(days=390) < valid_until(files.certificate) - NOW <= timedelta(days=398)
    assert valid_until(files.authority) - NOW > timedelta(days=3600)
    assert set(certificate_hosts(files.certificate)) == set(HOSTS)


def test_it_stays_while_it_is_right(files: LocalCertificate) -> None:
    """It is made once; an address that has gone does not matter."""
    assert not ensure_valid(files, HOSTS, NOW)
    assert not ensure_valid(files, HOSTS[:3], NOW + timedelta(days=300))


@pytest.mark.parametrize(
    ("hosts", "days"),
    [(HOSTS, 380), (HOSTS, 1000), ([*HOSTS, "10.1.2.3"], 1), ([*HOSTS, "other.local"], 1), (["fd00::7"], 1)],
)
def test_it_is_replaced(files: LocalCertificate, hosts: list[str], days: int) -> None:
    """When it expires, or the machine has another address, it is replaced; phones trust the new one already."""
    trusted = fingerprint(files.authority)
    assert ensure_valid(files, hosts, NOW + timedelta(days=days))
    assert fingerprint(files.authority) == trusted
    assert set(certificate_hosts(files.certificate)) == set(hosts)
    assert not ensure_valid(files, hosts, NOW + timedelta(days=days))


@pytest.mark.parametrize("host", ["203.0.113.9", "captions.example", "2001:db8:1::1"])
def test_an_authority_stays(files: LocalCertificate, host: str) -> None:
    """A public address or name, which the authority may not vouch for, is left out: phones trust it as it is."""
    before = {path: path.read_bytes() for path in files.key.parent.iterdir()}
    assert not ensure_valid(files, [*HOSTS, host], NOW)
    assert {path: path.read_bytes() for path in files.key.parent.iterdir()} == before


def test_addresses_of_one_network(tmp_path: Path) -> None:
    """An IPv6 address that changes every day needs another certificate, but not another authority."""
    files = LocalCertificate.in_folder(tmp_path / "certificate")
    assert ensure_valid(files, [*HOSTS, "2001:db8:0:1::aaaa"], NOW)
    trusted = fingerprint(files.authority)
    assert ensure_valid(files, [*HOSTS, "2001:db8:0:1:5:6:7:8"], NOW)
    assert "2001:db8:0:1:5:6:7:8" in certificate_hosts(files.certificate)
    assert not ensure_valid(files, [*HOSTS, "2001:db8:0:2::aaaa"], NOW)
    assert fingerprint(files.authority) == trusted


def test_a_new_authority_is_told(files: LocalCertificate, caplog: pytest.LogCaptureFixture) -> None:
    """Near its end an authority is replaced; that phones have to trust the new one is in the log."""
    trusted = fingerprint(files.authority)
    assert ensure_valid(files, HOSTS, NOW + timedelta(days=3400))
    assert fingerprint(files.authority) != trusted
    assert "phones have to trust" in caplog.text
    assert not ensure_valid(files, HOSTS, NOW + timedelta(days=3400))


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem", "server.key"])
@pytest.mark.parametrize("content", [None, "", "half writ"])
def test_a_lost_file(files: LocalCertificate, name: str, content: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is missing or broken is made again; what that means for phones is in the log."""
    path = files.key.parent / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    caplog.clear()
    assert ensure_valid(files, HOSTS, NOW)
    assert ("phones have to trust" in caplog.text) is name.startswith("ca.")
    assert not ensure_valid(files, HOSTS, NOW)


def test_no_place_for_it(tmp_path: Path) -> None:
    """A folder that cannot be made is an error that says what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="tls_certificate"):
        ensure_valid(LocalCertificate.in_folder(tmp_path / "file" / "certificate"), HOSTS, NOW)


def test_its_own_key() -> None:
    """A key for a certificate that is made is a mistake."""
    with pytest.raises(ValueError, match="leave tls_key out"):
        ServerSettings(tls_certificate="local", tls_key="key.pem")


def test_a_name_that_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A public name in the settings is certified from the beginning; one that is added later is told at each start."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    first = ServerSettings(tls_certificate="local", allowed_hosts=("captions.example",))
    make_context(first)
    assert not names_left_out(first)
    assert not caplog.text
    later = ServerSettings(tls_certificate="local", allowed_hosts=("captions.example", "Words.Example", "desk.local"))
    make_context(later)
    assert "not for words.example," in caplog.text
