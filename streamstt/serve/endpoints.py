"""WebSocket paths beside the native ones, and what serves them: protocols that existing clients speak."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from streamstt.config_compat import Compat
from streamstt.serve.clients import Socket, Studio
from streamstt.serve.hub import Hub


@dataclass(frozen=True, slots=True)
class Visitor:
    """A client whose WebSocket is open, and what it may use.

    Attributes:
        socket: It.
        target: Path and query that it asked for.
        hub: Where its captions come from.
        studio: Where its audio goes.
        idle_s: Without audio for so long it is closed.
    """

    socket: Socket
    target: str
    hub: Hub
    studio: Studio
    idle_s: float


Endpoint = Callable[[Visitor], Awaitable[None]]


def make_endpoints(settings: Compat) -> Mapping[str, Endpoint]:
    """The endpoints that are switched on, by path; each path needs an entry in ``access.NEEDED``."""
    del settings  # none is built yet
    return {}
