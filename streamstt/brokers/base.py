"""What the rest of the program knows of a broker, whichever it is."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote, urlsplit

from streamstt.brokers.messages import BrokerEntry, BrokerError, Position

BROKER_TIMEOUT_S = 5.0  # a broker that does not answer for so long is away


class BrokerWriter(Protocol):
    """A broker that captions go to. Every method but ``close`` raises ``BrokerError`` if it is away or refuses.

    Attributes:
        name: For people.
        max_entries: How many entries it keeps, about; 0: it keeps none.
    """

    name: str
    max_entries: int

    async def connect(self) -> None:
        """Connects, and makes what is missing there."""
        ...

    async def close(self) -> None:
        """Closes the connection, if there is one."""
        ...

    async def last_position(self) -> Position | None:
        """The last entry that arrived; None: none is known of."""
        ...

    async def send(self, entries: Sequence[BrokerEntry]) -> None:
        """Sends in order; returns when those that are to be kept are."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """What came from a broker.

    Attributes:
        texts: Entries, in their order.
        more_waiting: More waits there.
        is_backlog: They were there before they were asked for: no sign that anybody lives.
        gap: Before these, some are missing that the broker has deleted.
    """

    texts: Sequence[str | bytes] = ()
    more_waiting: bool = False
    is_backlog: bool = False
    gap: bool = False


class BrokerReader(Protocol):
    """A broker that captions come from; knows how far it has been read, across connections."""

    name: str

    async def connect(self) -> None:
        """Connects; what is read next is what follows."""
        ...

    async def close(self) -> None:
        """Closes the connection, if there is one."""
        ...

    async def read(self, wait_s: float) -> Batch:
        """What comes next; nothing after so many seconds without."""
        ...


def broker_error(error: Exception) -> BrokerError:
    """What a client library raised, for people: the system's own words where those are behind it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return BrokerError(os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror))
        if isinstance(cause, TimeoutError):
            return BrokerError(f"no answer within {BROKER_TIMEOUT_S:g} s")
        cause = cause.__cause__ or cause.__context__
    return BrokerError(str(error).removeprefix("nats: ").rstrip(".") or type(error).__name__)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker is, from an address without a password."""

    host: str
    port: int
    user: str
    path: str
    uses_tls: bool

    @classmethod
    def parse(cls, url: str, default_port: int, tls_scheme: str) -> "BrokerAddress":
        """Takes an address apart.

        Args:
            url: Checked by the settings.
            default_port: If it names none.
            tls_scheme: The scheme that means TLS.
        """
        parts = urlsplit(url)
        user = unquote(parts.username or "")
        return cls(
            parts.hostname or "", parts.port or default_port, user, parts.path.strip("/"), parts.scheme == tls_scheme
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
