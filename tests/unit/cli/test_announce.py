"""What a started daemon prints: addresses that others can use, and a code that a phone reads."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from streamstt.cli import run
from streamstt.config.settings import Settings
from streamstt.server import addresses, guests
from tests.support.qr_code import read_terminal

LAN = "http://192.168.1.5:8765/"
VIEWER, OWNER = "v" * 32, "o" * 32


def announced(
    monkeypatch: pytest.MonkeyPatch, address: str, *, new: bool = False, terminal: bool = True, **server: object
) -> str:
    """Returns what is printed on a terminal, or to a file."""
    console = Console(file=io.StringIO(), width=100, force_terminal=terminal, color_system="truecolor", _environ={})
    monkeypatch.setattr(run, "out", console)
    monkeypatch.setattr(addresses, "network_addresses", lambda host: [] if host == "127.0.0.1" else ["192.168.1.5"])
    monkeypatch.setattr(guests, "resolvable_name", lambda: "desk.local")
    run.announce(Settings.model_validate({"server": server}), new, address)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    file = tmp_path / "tokens"
    file.write_text(f"all {OWNER}\nviewer {VIEWER}\n")
    return str(file)


def test_on_the_network(monkeypatch: pytest.MonkeyPatch, tokens: str) -> None:
    """The code has the guests' token, each time; the text only if it is new."""
    shown = announced(monkeypatch, LAN, host="0.0.0.0", token_file=tokens)
    assert shown.splitlines()[:4] == [
        f"Captions: {LAN}",
        f"Overlay:  {LAN}overlay",
        "Also at:  http://desk.local:8765/",
        "Also at:  http://localhost:8765/",
    ]
    assert read_terminal(shown, 100, dark_background=True) == f"{LAN}?token={VIEWER}"
    assert VIEWER not in shown
    assert f"Captions: {LAN}?token={VIEWER}" in announced(monkeypatch, LAN, new=True, host="0.0.0.0", token_file=tokens)


def test_only_the_owners_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a token for guests, the code has none: the page asks for it."""
    file = tmp_path / "tokens"
    file.write_text(f"{OWNER}\n")
    shown = announced(monkeypatch, LAN, host="0.0.0.0", token_file=str(file))
    assert read_terminal(shown, 100, dark_background=True) == LAN


def test_in_a_log(monkeypatch: pytest.MonkeyPatch, tokens: str) -> None:
    """Without a terminal there is neither a code nor a token."""
    shown = announced(monkeypatch, LAN, new=True, terminal=False, host="0.0.0.0", token_file=tokens)
    assert LAN in shown
    assert VIEWER not in shown
    assert "█" not in shown


def test_on_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loopback address there is nothing for phones."""
    shown = announced(monkeypatch, "http://127.0.0.1:8765/", host="127.0.0.1")
    assert shown.splitlines() == ["Captions: http://127.0.0.1:8765/", "Overlay:  http://127.0.0.1:8765/overlay"]
    assert "rust" not in announced(monkeypatch, "https://127.0.0.1:8765/", tls_certificate="local")


def test_a_certificate_to_trust(monkeypatch: pytest.MonkeyPatch, tokens: str) -> None:
    """With a certificate of its own, it says where phones learn to trust it."""
    address = LAN.replace("http", "https")
    shown = announced(monkeypatch, address, host="0.0.0.0", token_file=tokens, tls_certificate="local")
    assert f"Trust:    {address}trust" in shown
