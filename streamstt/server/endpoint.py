"""A client of another protocol, once its WebSocket is open."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from streamstt.audio.format import Samples
from streamstt.captioning.remote_source import AudioOffer
from streamstt.hub.hub import TOO_SLOW, Farewell, Hub, Outbox
from streamstt.server.control import Marker
from streamstt.server.http.request import NO_API, Api
from streamstt.server.http.response import Answer

log = logging.getLogger(__name__)


class Socket(Protocol):
    """An open WebSocket."""

    address: str

    def header(self, name: str) -> str:
        """A header of its request, the first of this name; empty if there is none."""
        ...

    async def recv(self) -> str | bytes:
        """The next message; cancelling it loses none."""
        ...

    async def send(self, message: str, /) -> None:
        """Sends, and waits while the client is far behind."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Says goodbye."""
        ...

    def write_now(self, frames: bytes) -> bool:
        """Sends frames at once, or not at all."""
        ...


class RemoteStream(Protocol):
    """A client's audio on its way to captions."""

    @property
    def name(self) -> str:
        """Name of the source that it became."""
        ...

    @property
    def position(self) -> float:
        """Stream time up to which audio has come, in seconds."""
        ...

    @property
    def settled(self) -> bool:
        """Whether all that was said is in finals."""
        ...

    async def push(self, samples: Samples) -> None:
        """Takes 16 kHz audio; waits when the engine is far behind."""
        ...

    async def finish(self) -> None:
        """No more audio comes, for good or for a while; returns when the last final is published."""
        ...

    def pause(self) -> None:
        """What was said so far is complete: it becomes final soon."""
        ...

    async def heard(self, until: float) -> None:
        """Returns when all that was said before a stream time (s) is published as final."""
        ...

    def leave(self) -> None:
        """The client is gone; what it said and is not final yet is still captioned for the others."""
        ...


class Studio(Protocol):
    """Takes in remote sources."""

    def admit(self, offer: AudioOffer) -> RemoteStream:
        """Makes a source of a client.

        Raises:
            ClientError: There are too many, or the language is unknown.
        """
        ...


async def part(socket: Socket, farewell: Farewell) -> None:
    """Closes a connection, if the client has not."""
    if farewell is TOO_SLOW:
        log.warning("client %s is too slow: closed; it can resume with since", socket.address)
    await socket.close(farewell.code, farewell.reason)


async def to_its_end(audio: Coroutine[None, None, None], hub: Hub, outbox: Outbox) -> None:
    """Takes a client's audio, and has the outbox run dry behind its last caption."""
    await audio
    await hub.flush()
    outbox.finish()
    await asyncio.Future()  # the sender comes to its end first


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


@dataclass(frozen=True, slots=True)
class Services:
    """All of it is optional.

    Attributes:
        marker: What begins new sets of transcripts; None: none are kept.
        endpoints: Other protocols over WebSocket, by path.
        api: Other programs' HTTP.
        elsewhere: Why a path is not served here, or not now; None of it: it is.
    """

    marker: Marker | None = None
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    api: Api = NO_API
    elsewhere: Callable[[str], Answer | None] = lambda _: None


NONE = Services()
