"""A client of another protocol, once its WebSocket is open."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from streamstt.hub.hub import Hub
from streamstt.serve.clients import Socket, Studio


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
