"""Bounds on clients."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.server.limits import ConnectionCounter, RateLimitedLog, TokenBucket, address_key, printable
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
    counter.add("c")
    assert "server.max_connections" in counter.over_limit_reason("c")
    assert not counter.over_limit_reason("c", margin=1)
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
    assert not counter.over_limit_reason("0", margin=-2), "an address without connections is not counted"


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
