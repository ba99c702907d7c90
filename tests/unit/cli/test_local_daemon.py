"""How listen and mark find the daemon of this machine."""

import ssl
from pathlib import Path

import pytest
import trustme
from typer.testing import CliRunner

from streamstt.cli.app import app
from streamstt.cli.local_daemon import DaemonAccess, find_daemon
from streamstt.errors import ConfigError
from streamstt.server.access import Role
from streamstt.server.local_certificate import ensure_valid, read_der
from streamstt.server.tls import local_certificate_in
from tests.support.certificates import issue_certificate

TOKENS = "viewer viewer-token-0123456789\nall all-token-0123456789abc\n"
VIEWER, CONTROL = "viewer-token-0123456789", "all-token-0123456789abc"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the user's settings and tokens are."""
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr("streamstt.cli.local_daemon.SERVICE_ENVIRONMENT", {"STATE_DIRECTORY": str(tmp_path / "none")})
    (tmp_path / "streamstt").mkdir()
    issue_certificate(trustme.CA(), tmp_path)
    return tmp_path


def write(here: Path, settings: str = "", tokens: str = TOKENS) -> None:
    (here / "streamstt" / "streamstt.toml").write_text(f"[server]\n{settings}\n")
    (here / "streamstt" / "tokens").write_text(tokens)


def find(url: str | None = None, token: str = "", ca: Path | None = None, role: Role = Role.VIEWER) -> DaemonAccess:
    return find_daemon(url, token, ca, None, role)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ("", "ws://127.0.0.1:8765"),
        ("port = 9000", "ws://127.0.0.1:9000"),
        ('host = "0.0.0.0"', "ws://127.0.0.1:8765"),
        ('host = "::"', "ws://[::1]:8765"),
        ('host = "192.0.2.7"', "ws://192.0.2.7:8765"),
        ('tls_certificate = "nope.pem"', "wss://127.0.0.1:8765"),
    ],
)
def test_address(settings: str, url: str, here: Path) -> None:
    """Without an address it is that of the settings, from this machine."""
    write(here, settings)
    assert find().url == url


def test_token(here: Path) -> None:
    """The token with the fewest roles that is enough, also if only an option of ``run`` made one necessary."""
    write(here, "require_token = true")
    assert find().token == VIEWER
    assert find(role=Role.CONTROL).token == CONTROL
    write(here)
    assert find().token == VIEWER
    (here / "streamstt" / "tokens").unlink()
    assert find().token == ""


def test_what_is_given_counts(here: Path) -> None:
    """A token or certificate that is given is used, in the address, too."""
    write(here, 'require_token = true\ntls_certificate = "chain.pem"')
    assert find(token="another-one").token == "another-one"
    assert find("https://127.0.0.1:8765/?token=another-one").token == "another-one"
    assert find(ca=here / "ca.pem").trust == here / "ca.pem"


@pytest.mark.parametrize("url", ["localhost", "8765", "127.0.0.1:8765", "http://localhost:8765/overlay", "[::1]"])
def test_own_address(url: str, here: Path) -> None:
    """An address of the daemon itself is as good as none."""
    write(here, "require_token = true")
    assert find(url) == DaemonAccess(url, VIEWER)


@pytest.mark.parametrize("url", ["desk", "8766", "localhost:80", "https://captions.example", "ws://127.0.0.1"])
def test_other_daemons(url: str, here: Path) -> None:
    """Another daemon gets neither the token nor the trust of one's own."""
    write(here, f'require_token = true\ntls_certificate = "{here / "chain.pem"}"')
    assert find(url) == DaemonAccess(url)


def test_certificate(here: Path) -> None:
    """The daemon's own certificate is trusted, whatever name is in it; an address without a scheme means TLS then."""
    write(here, f'tls_certificate = "{here / "chain.pem"}"\ntls_key = "{here / "key.pem"}"')
    access = find("localhost")
    assert access.url.startswith("wss://localhost:8765")
    assert isinstance(access.trust, ssl.SSLContext)
    assert access.trust.cert_store_stats()["x509"] == 1
    assert not access.trust.check_hostname
    assert access.trust.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("settings", ['tls_certificate = "local"', ""])
def test_certificate_for_the_local_network(settings: str, here: Path) -> None:
    """The authority of the certificate that the daemon makes is trusted, also if only --set asked the daemon for it."""
    write(here, settings)
    made = local_certificate_in(here / "streamstt")
    ensure_valid(made, ["localhost"])
    trust = find("https://localhost:8765").trust
    assert isinstance(trust, ssl.SSLContext)
    assert trust.get_ca_certs(binary_form=True) == [read_der(made.authority)]


def test_certificate_of_the_service(here: Path) -> None:
    """So is that of the system service."""
    write(here)
    made = local_certificate_in(here / "none")
    ensure_valid(made, ["localhost"])
    trust = find("https://localhost:8765").trust
    assert isinstance(trust, ssl.SSLContext)
    assert trust.get_ca_certs(binary_form=True) == [read_der(made.authority)]


def test_mark_wants_control(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``mark`` sends a token that allows it."""
    asked: list[str] = []

    async def request(_: str, __: object, *, token: str, ca: object) -> dict[str, str]:
        asked.append(token)
        return {"name": "weekly"}

    monkeypatch.setattr("streamstt.cli.mark.request_control", request)
    write(here, "require_token = true")
    assert CliRunner().invoke(app, ["mark", "Weekly"]).exit_code == 0
    assert asked == [CONTROL]


def test_no_certificate_yet(here: Path) -> None:
    """Without one that was made, the system's are trusted."""
    write(here, 'tls_certificate = "local"')
    assert find().trust is None


def test_wrong_settings(here: Path) -> None:
    """Wrong settings are an error where they are needed, and none where an address is given."""
    write(here, "prot = 1")
    with pytest.raises(ConfigError, match=r"server\.port"):
        find()
    assert find("desk") == DaemonAccess("desk")
    write(here, "port = 0")
    with pytest.raises(ConfigError, match="name the address"):
        find()
    write(here, "require_token = true", tokens="viewer short")
    with pytest.raises(ConfigError, match="token"):
        find()


def test_named_file(here: Path) -> None:
    """``--config`` names the settings."""
    (here / "other.toml").write_text("[server]\nport = 9100\n")
    assert find_daemon(None, "", None, here / "other.toml", Role.VIEWER).url == "ws://127.0.0.1:9100"
