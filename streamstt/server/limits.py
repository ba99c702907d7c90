"""How much strangers may do: rates, counts, and how often the log speaks of them. Pure: the caller brings the clock."""

import logging
import resource
from collections import Counter
from ipaddress import IPv6Address, ip_address

log = logging.getLogger(__name__)

RESERVE = 256  # descriptors for audio, files, the model, and connections that are being turned away


def room_for(connections: int) -> int:
    """Raises the process's own limit of open files as far as it may, and returns how many connections fit.

    Without room, accepting fails for everybody, again and again; with it, one too many is answered.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    fit = max(16, soft - RESERVE)
    log.warning("only %d open files are allowed (ulimit -n): %d connections at once, not %d", soft, fit, connections)
    return fit


class Bucket:
    """A token bucket: ``rate`` units a second, and up to ``burst`` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._at: float | None = None

    def take(self, now: float, amount: float = 1) -> bool:
        """Takes an amount if it is there; whether it was.

        Args:
            now: Seconds of a clock that never goes back.
            amount: How much; more than ``burst`` is never there.
        """
        self._level = min(self._burst, self._level + self._rate * (now - (now if self._at is None else self._at)))
        self._at = now
        if amount > self._level:
            return False
        self._level -= amount
        return True


class Census:
    """Counts who is here, in all and from each address."""

    def __init__(self, most: int, most_from_one: int) -> None:
        """Nobody is here.

        Args:
            most: Connections at once.
            most_from_one: The same from one address.
        """
        self.most, self.most_from_one = most, most_from_one
        self._from: Counter[str] = Counter()

    def enter(self, address: str) -> None:
        """Somebody comes from an address."""
        self._from[address] += 1

    def leave(self, address: str) -> None:
        """One of them goes."""
        self._from[address] -= 1
        if self._from[address] <= 0:
            del self._from[address]

    @property
    def total(self) -> int:
        """How many are here."""
        return self._from.total()

    def crowded(self, address: str, spare: int = 0) -> str:
        """Why one that has entered from an address is one too many; empty if it is not.

        Args:
            address: Where it comes from.
            spare: So many more than the bound are let in, to be told why they cannot stay.
        """
        if self.total > self.most + spare:
            return f"{self.most} clients are connected already (server.max_connections)"
        if self._from[address] > self.most_from_one + spare:
            return f"{self.most_from_one} clients from {address} are connected already (server.max_per_address)"
        return ""


class Complaints:
    """Lines for the log, of which a flood lets only some through, each with how many were left out before it."""

    def __init__(self, rate: float = 0.2, burst: float = 20) -> None:
        """Has said nothing.

        Args:
            rate: Lines a second.
            burst: Lines at once.
        """
        self._bucket = Bucket(rate, burst)
        self._silent = 0

    def line(self, now: float, text: str) -> str | None:
        """What to log now, or None."""
        if not self._bucket.take(now):
            self._silent += 1
            return None
        more = f" ({self._silent} more like this were not logged)" if self._silent else ""
        self._silent = 0
        return text + more


def address_key(address: str) -> str:
    """What counts as one address: of IPv6 the /64 that one household gets."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"


def printable(text: str, most: int = 200) -> str:
    """A stranger's text for the log: on one line, without control characters, not long."""
    return "".join(c if c.isprintable() else "?" for c in text[:most])
