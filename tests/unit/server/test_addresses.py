"""Where other machines find this one."""

from dataclasses import dataclass

import pytest

from streamstt.server import addresses
from streamstt.server.addresses import network_addresses, own_names, page_addresses


@dataclass
class Entry:
    ip: str | tuple[str, int, int]


@dataclass
class Adapter:
    name: str
    ips: list[Entry]


ADAPTERS = [
    Adapter("lo", [Entry("127.0.0.1"), Entry(("::1", 0, 0))]),
    Adapter("docker0", [Entry("172.17.0.1")]),
    Adapter("eth0", [Entry(("fe80::1", 0, 2)), Entry(("fd00::5", 0, 0)), Entry("192.168.1.5")]),
    Adapter("wlan0", [Entry("10.0.0.7"), Entry("169.254.3.4")]),
]


@pytest.fixture(autouse=True)
def _interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses.ifaddr, "get_adapters", lambda: ADAPTERS)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("0.0.0.0", ["192.168.1.5", "10.0.0.7", "172.17.0.1"]),
        ("::", ["192.168.1.5", "10.0.0.7", "fd00::5", "172.17.0.1"]),
        ("192.168.1.5", ["192.168.1.5"]),
        ("desk.example", ["desk.example"]),
        ("127.0.0.1", []),
        ("::1", []),
        ("localhost", []),
    ],
)
def test_addresses(host: str, expected: list[str]) -> None:
    """Those that others can use, the most likely first: none of loopback, none without a router; containers' last."""
    assert network_addresses(host) == expected


def test_pages() -> None:
    """The addresses of the page: IPv6 only without IPv4, and with a certificate only what it is for."""
    assert page_addresses("http", "::", 8765)[:2] == ["http://192.168.1.5:8765/", "http://10.0.0.7:8765/"]
    assert page_addresses("https", "0.0.0.0", 443, ["10.0.0.7", "localhost"]) == ["https://10.0.0.7/"]
    assert page_addresses("https", "0.0.0.0", 8765, ["captions.example", "*.a.example", "localhost"]) == [
        "https://captions.example:8765/"
    ]
    assert len(page_addresses("https", "0.0.0.0", 8765, ["localhost"])) == 3, "rather with a warning than not at all"
    assert page_addresses("https", "127.0.0.1", 8765, ["192.168.1.5", "localhost"]) == [], "nobody else reaches it"


def test_only_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a network without IPv4, its addresses are shown in brackets."""
    monkeypatch.setattr(addresses.ifaddr, "get_adapters", lambda: [Adapter("eth0", [Entry(("fd00::5", 0, 0))])])
    assert page_addresses("http", "::", 8765) == ["http://[fd00::5]:8765/"]


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Desk.lan", ["desk.local", "desk"]),
        ("localhost", []),
        ("", []),
        ("schöner", []),
    ],
)
def test_names(monkeypatch: pytest.MonkeyPatch, name: str, names: list[str]) -> None:
    """The host name without its domain, and its name in the local network."""
    monkeypatch.setattr(addresses.socket, "gethostname", lambda: name)
    assert own_names() == names
