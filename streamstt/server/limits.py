"""Bounds on clients: rates, connection counts, log lines about them. The caller brings the clock, but for the log."""

import logging
import resource
import time
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any, Generic, TypeVar

from streamstt.server.access import redact

log = logging.getLogger(__name__)

# Connections for pages and their files: each is needed for a moment, but a hall of phones opens hundreds at once.
MAX_SHORT, MAX_SHORT_PER_ADDRESS = 3000, 2000
REQUEST_S = 1.0  # a connection without its first request for longer may be closed in favor of a new one
RESERVED_FDS = 256  # file descriptors for audio, files, the model, and connections that are being refused


def raise_fd_limit(connections: int) -> int:
    """Raises the process's limit of open files as far as it may; returns how many connections fit.

    Without free descriptors, accepting fails for all clients; with some, one connection too many gets a response.

    Args:
        connections: Number of simultaneous connections that are wanted.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVED_FDS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    fit = max(16, soft - RESERVED_FDS)
    log.warning("only %d open files are allowed (ulimit -n): %d connections at once, not %d", soft, fit, connections)
    return fit


class TokenBucket:
    """A token bucket: ``rate`` units per second, and up to ``burst`` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._available = burst
        self._updated_at: float | None = None

    def consume(self, now: float, amount: float = 1) -> bool:
        """Takes an amount if it is available; returns whether it was.

        Args:
            now: Time of a monotonic clock, in seconds.
            amount: Units; more than ``burst`` are never available.
        """
        self._available = min(
            self._burst, self._available + self._rate * (now - (now if self._updated_at is None else self._updated_at))
        )
        self._updated_at = now
        if amount > self._available:
            return False
        self._available -= amount
        return True


class ConnectionCounter:
    """Counts open connections of one kind, in all and by address.

    Attributes:
        max_total: Connections at once.
        max_per_address: Connections at once from one address.
    """

    def __init__(self, max_total: int, max_per_address: int) -> None:
        """Starts with no connection; arguments as the attributes."""
        self.max_total, self.max_per_address = max_total, max_per_address
        self._counts: Counter[str] = Counter()

    def add(self, address: str) -> None:
        """Counts a new connection from an address."""
        self._counts[address] += 1

    def remove(self, address: str) -> None:
        """Counts the end of a connection from an address."""
        self._counts[address] -= 1
        if self._counts[address] <= 0:
            del self._counts[address]

    @property
    def total(self) -> int:
        """Number of open connections."""
        return self._counts.total()

    def over_limit_reason(self, address: str, more: int = 0) -> str:
        """Returns why there are too many connections; empty if there are not.

        Args:
            address: Where they come from.
            more: Number of connections that are not counted yet.
        """
        if self.total + more > self.max_total:
            return f"{self.max_total} clients are connected already (server.max_connections)"
        if self._counts[address] + more > self.max_per_address:
            return f"{self.max_per_address} clients from {address} are connected already (server.max_per_address)"
        return ""

    def is_crowded(self, address: str) -> bool:
        """Returns whether more than half of the connections are taken, in all or from one address."""
        return 2 * self.total > self.max_total or 2 * self._counts[address] > self.max_per_address


T = TypeVar("T", bound=Hashable)


class ShortConnections(Generic[T]):
    """Bounds the connections that pages and their files are loaded over; the idle ones make room for new ones.

    Attributes:
        counter: Counts them.
    """

    def __init__(self) -> None:
        self.counter = ConnectionCounter(MAX_SHORT, MAX_SHORT_PER_ADDRESS)
        # Address of each, and from when on it may be closed; the one that is idle longest first.
        self._idle: dict[T, tuple[str, float]] = {}

    def add(self, connection: T, address: str, now: float) -> T | None:
        """Counts a new connection; returns the one to close in exchange, which may be itself.

        Args:
            connection: The connection.
            address: Where it comes from.
            now: Time of a monotonic clock, in seconds.
        """
        self.counter.add(address)
        self._idle[connection] = address, now + REQUEST_S
        if not self.counter.over_limit_reason(address):
            return None
        any_address = self.counter.total > self.counter.max_total
        idle = (c for c, (a, until) in self._idle.items() if now > until and (any_address or a == address))
        closed = next(idle, connection)
        del self._idle[closed]
        return closed

    def remove(self, connection: T, address: str) -> None:
        """Counts the end of a connection, or that it has become a long one."""
        self._idle.pop(connection, None)
        self.counter.remove(address)

    def set_busy(self, connection: T) -> None:
        """Notes that a connection is serving a request."""
        self._idle.pop(connection, None)

    def set_idle(self, connection: T, address: str) -> None:
        """Notes that a connection has got its response: it may be closed at any time."""
        self._idle[connection] = address, 0.0


class RateLimitedLog:
    """Lets only some lines of a flood into the log, each with the number of lines left out before it."""

    def __init__(self, rate: float = 0.2, burst: float = 20) -> None:
        """Starts before the first line.

        Args:
            rate: Lines per second.
            burst: Lines at once.
        """
        self._bucket = TokenBucket(rate, burst)
        self._suppressed = 0

    def line_to_log(self, now: float, text: str) -> str | None:
        """Returns the line to log now, or None if it is left out."""
        if not self._bucket.consume(now):
            self._suppressed += 1
            return None
        more = f" ({self._suppressed} more like this were not logged)" if self._suppressed else ""
        self._suppressed = 0
        return text + more


@dataclass(slots=True)
class ConnectionPolicy:
    """What all connections share: their counts, how much each may send, and a limit on log lines about them.

    Attributes:
        counter: Counts WebSockets, and uploads while they are served.
        messages_per_s: Maximum number of small messages per second from one audio client.
        short: Counts all other connections, from their first byte to their last.
        abuse_log: Limits the log lines that clients can cause.
    """

    counter: ConnectionCounter
    messages_per_s: float
    short: ShortConnections[Any] = field(default_factory=ShortConnections)
    abuse_log: RateLimitedLog = field(default_factory=RateLimitedLog)

    def log_abuse(self, address: str, text: str) -> None:
        """Logs what a client did wrong, unless much was logged already."""
        line = self.abuse_log.line_to_log(time.monotonic(), f"client {address}: {printable(redact(text))}")
        if line:
            log.info("%s", line)


def address_key(address: str) -> str:
    """Returns the key under which an address is counted: for IPv6 the /64 that one household gets."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"


def printable(text: str, max_chars: int = 200) -> str:
    """Returns a client's text for the log: one short line without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text[:max_chars])
