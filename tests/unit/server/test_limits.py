"""Bounds on clients."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.server.limits import (
    ConnectionCounter,
    RateLimitedLog,
    ShortConnections,
    TokenBucket,
    address_key,
    printable,
)
from tests.support.drawing import PROPERTY


def test_bucket() -> None:
    """A burst at once, then so many a second, and never more than a burst saved up."""
    bucket = TokenBucket(2, 3)
    assert [bucket.consume(10.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.consume(10.5) for _ in range(2)] == [True, False]
    assert [bucket.consume(99.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.consume(999.0, 3.5)


@PROPERTY
@given(st.lists(st.floats(0, 10), max_size=50))
def test_bucket_holds_the_rate(pauses: list[float]) -> None:
    """However the attempts lie, no more get through than burst and rate allow."""
    bucket, now, passed = TokenBucket(5, 10), 0.0, 0
    for pause in pauses:
        now += pause
        passed += bucket.consume(now)
    assert passed <= 10 + 5 * now


def test_census() -> None:
    """One connection too many gets the name of the bound; when another ends, there is room."""
    counter = ConnectionCounter(3, 2)
    for address in ("a", "a", "b"):
        counter.add(address)
        assert not counter.over_limit_reason(address)
    assert "server.max_connections" in counter.over_limit_reason("c", more=1)
    counter.add("c")
    assert "server.max_connections" in counter.over_limit_reason("c")
    counter.remove("b")
    assert not counter.over_limit_reason("c")
    counter.add("a")
    counter.remove("c")
    assert "server.max_per_address" in counter.over_limit_reason("a")


def test_census_forgets() -> None:
    """Addresses that have left take no room."""
    counter = ConnectionCounter(3, 2)
    for number in range(1000):
        counter.add(f"{number}")
        counter.remove(f"{number}")
    assert counter.total == 0
    assert not counter.over_limit_reason("0", more=2)
    assert counter.over_limit_reason("0", more=3)


def test_idle_connections_make_room() -> None:
    """Beyond a bound, the connection that is idle longest is closed; without one, the new one. Busy ones stay."""
    short: ShortConnections[str] = ShortConnections()
    short.counter.max_total, short.counter.max_per_address = 4, 3
    for number, name in enumerate(("busy", "old", "young")):
        assert short.add(name, "hall", number / 10) is None
    short.set_busy("busy")
    assert short.add("more", "hall", 0.3) == "more", "nobody has been idle for long"
    short.remove("more", "hall")
    assert short.add("next", "hall", 5.0) == "old"
    short.remove("old", "hall")
    assert short.add("elsewhere", "b", 5.1) is None
    assert short.add("far", "c", 5.1) == "young", "the bound of all addresses"
    short.remove("young", "hall")
    short.set_idle("busy", "hall")
    assert short.add("last", "c", 5.2) == "busy", "it has got its response"


def test_one_connection_is_closed_once() -> None:
    """Its end is noticed later: until then, others are closed for more new ones, so the bound holds."""
    short: ShortConnections[str] = ShortConnections()
    short.counter.max_per_address = 2
    short.add("a", "hall", 0.0)
    short.add("b", "hall", 0.1)
    assert [short.add(name, "hall", 5.0) for name in "cde"] == ["a", "b", "e"]


def test_complaints() -> None:
    """A flood leaves few lines; the next line says how many there were."""
    complaints = RateLimitedLog(rate=1, burst=2)
    lines = [complaints.line_to_log(0.0, f"line {n}") for n in range(1000)]
    assert [line for line in lines if line] == ["line 0", "line 1"]
    assert complaints.line_to_log(1.0, "later") == "later (998 more like this were not logged)"
    assert complaints.line_to_log(2.0, "alone") == "alone"


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
    """What a client sends cannot forge a line of the log, or color a terminal."""
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= 200
