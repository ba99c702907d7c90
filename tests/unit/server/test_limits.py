"""How much strangers may do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.server.limits import Bucket, Census, Complaints, address_key, printable
from tests.support.drawing import PROPERTY


def test_bucket() -> None:
    """A burst at once, then so many a second, and never more than a burst saved up."""
    bucket = Bucket(2, 3)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(10.5) for _ in range(2)] == [True, False]
    assert [bucket.take(99.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(999.0, 3.5)


@PROPERTY
@given(st.lists(st.floats(0, 10), max_size=50))
def test_bucket_holds_the_rate(pauses: list[float]) -> None:
    """However the attempts lie, no more get through than burst and rate allow."""
    bucket, now, passed = Bucket(5, 10), 0.0, 0
    for pause in pauses:
        now += pause
        passed += bucket.take(now)
    assert passed <= 10 + 5 * now


def test_census() -> None:
    """Who is one too many is told which bound it meets; when another leaves, there is room."""
    census = Census(3, 2)
    for address in ("a", "a", "b"):
        census.enter(address)
        assert not census.crowded(address)
    census.enter("c")
    assert "server.max_connections" in census.crowded("c")
    assert not census.crowded("c", spare=1)
    census.leave("b")
    assert not census.crowded("c")
    census.enter("a")
    census.leave("c")
    assert "server.max_per_address" in census.crowded("a")


def test_census_forgets() -> None:
    """Addresses that have left take no room."""
    census = Census(3, 2)
    for number in range(1000):
        census.enter(f"{number}")
        census.leave(f"{number}")
    assert census.total == 0
    assert not census.crowded("0", spare=-2), "nobody is counted from an address that was left"


def test_complaints() -> None:
    """A flood leaves few lines; the next line says how many there were."""
    complaints = Complaints(rate=1, burst=2)
    lines = [complaints.line(0.0, f"line {n}") for n in range(1000)]
    assert [line for line in lines if line] == ["line 0", "line 1"]
    assert complaints.line(1.0, "later") == "later (998 more like this were not logged)"
    assert complaints.line(2.0, "alone") == "alone"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.168.1.5", "192.168.1.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.168.1.5", "192.168.1.5"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_one_address(address: str, key: str) -> None:
    """IPv6 gives every household 2**64 addresses: they count as one."""
    assert address_key(address) == key


@PROPERTY
@given(st.text())
def test_log_lines_stay_lines(text: str) -> None:
    """What a stranger sends cannot forge a line of the log, or colour a terminal."""
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= 200
