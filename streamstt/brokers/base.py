"""The interface of brokers. Knows no broker's protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote, urlsplit

from streamstt.brokers.messages import BrokerEntry, BrokerError, Position
from streamstt.errors import causes, describe_os_error

BROKER_TIMEOUT_S = 5.0  # a broker that does not respond for longer is unreachable


class BrokerWriter(Protocol):
    """Writes captions to a broker. Every method but ``close`` raises ``BrokerError`` if it fails.

    Attributes:
        name: Name of the broker, for users.
        max_entries: Approximate number of entries that it keeps; 0: none.
    """

    name: str
    max_entries: int

    async def connect(self) -> None:
        """Connects, and creates the stream if the broker needs one."""
        ...

    async def close(self) -> None:
        """Closes the connection, if there is one."""
        ...

    async def last_position(self) -> Position | None:
        """Returns the position of the last entry that arrived; None if there is none."""
        ...

    async def send(self, entries: Sequence[BrokerEntry]) -> None:
        """Sends entries in order; returns when the broker has confirmed those that it keeps."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Result of one read from a broker.

    Attributes:
        texts: Entries, in order.
        more_waiting: Whether more can be read at once.
        is_backlog: Whether they were there before the reader connected; then they do not show that the daemon runs.
        gap: Whether entries before these are missing because the broker has deleted them.
    """

    texts: Sequence[str | bytes] = ()
    more_waiting: bool = False
    is_backlog: bool = False
    gap: bool = False


class BrokerReader(Protocol):
    """Reads captions from a broker; remembers across connections how far it has read.

    Attributes:
        name: Name of the broker, for users.
    """

    name: str

    async def connect(self) -> None:
        """Connects; the next ``read`` continues after the last entry that was read.

        Raises:
            BrokerError: It cannot be reached, or refuses.
        """
        ...

    async def close(self) -> None:
        """Closes the connection, if there is one."""
        ...

    async def read(self, wait_s: float) -> Batch:
        """Waits for the next entries.

        Args:
            wait_s: Longest wait, in seconds; then the batch is empty.

        Raises:
            BrokerError: The connection is lost.
        """
        ...


def broker_error(error: Exception) -> BrokerError:
    """Converts an exception of a client library; if an OS error caused it, the message is that of the OS error."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno:
            return BrokerError(describe_os_error(cause))
        if isinstance(cause, TimeoutError):
            return BrokerError(f"no answer within {BROKER_TIMEOUT_S:g} s")
    return BrokerError(str(error).removeprefix("nats: ").rstrip(".") or type(error).__name__)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Address of a broker, without a password.

    Attributes:
        host: Name or IP address.
        port: TCP port.
        user: User name; empty: none.
        path: Path of the URL without slashes at its ends.
        uses_tls: Whether to connect with TLS.
    """

    host: str
    port: int
    user: str
    path: str
    uses_tls: bool

    @classmethod
    def parse(cls, url: str, default_port: int, tls_scheme: str) -> "BrokerAddress":
        """Parses a URL.

        Args:
            url: A URL that the settings have validated.
            default_port: Port to use if it has none.
            tls_scheme: The scheme that means TLS.
        """
        parts = urlsplit(url)
        user = unquote(parts.username or "")
        return cls(
            parts.hostname or "", parts.port or default_port, user, parts.path.strip("/"), parts.scheme == tls_scheme
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
