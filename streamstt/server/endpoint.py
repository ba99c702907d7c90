"""What protocols over WebSocket share: the open socket, what their clients may use, and how they end.

Other protocols are given to the server as ``Extensions``; it does not import them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streamstt.captioning.remote_source import RemoteSource, RemoteSourceRequest
from streamstt.hub.hub import TOO_SLOW, CloseReason, Hub, Subscription
from streamstt.server.control import TranscriptControl
from streamstt.server.http.request import NO_API, Api
from streamstt.server.http.response import Response, untranslated
from streamstt.transcripts.archive import SessionSet

log = logging.getLogger(__name__)


class WebSocket(Protocol):
    """An open WebSocket.

    Attributes:
        address: Address of the client.
    """

    address: str

    def header(self, name: str) -> str:
        """Returns the first header of the request with this name; empty if there is none."""
        ...

    async def recv(self) -> str | bytes:
        """Waits for the next message; cancelling it loses none."""
        ...

    async def send(self, message: str, /) -> None:
        """Sends a message; waits while the client is far behind."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Sends a close frame, and waits for the end of the connection."""
        ...

    def write_now(self, frames: bytes) -> bool:
        """Sends whole frames at once; returns False if the client is behind, and nothing was sent."""
        ...


class AudioIngest(Protocol):
    """Accepts remote sources: what the server needs of the caption pipeline."""

    def add_remote_source(self, request: RemoteSourceRequest) -> RemoteSource:
        """Adds a source for a client's audio.

        Raises:
            ClientError: There are too many sources, or the language is unknown.
        """
        ...


async def close_connection(socket: WebSocket, reason: CloseReason) -> None:
    """Closes a WebSocket, if the client has not."""
    if reason is TOO_SLOW:
        log.warning("client %s is too slow: closed; it can resume with since", socket.address)
    await socket.close(reason.code, reason.reason)


async def drain_audio(audio: Coroutine[None, None, None], hub: Hub, subscription: Subscription) -> None:
    """Receives all of a client's audio, then ends its subscription after the last caption; never returns.

    Args:
        audio: Receives the audio.
        hub: Where its captions are published.
        subscription: The client's captions.
    """
    await audio
    await hub.flush()
    subscription.finish()
    await asyncio.Future()  # the task that sends what waits ends first


@dataclass(frozen=True, slots=True)
class EndpointContext:
    """A client whose WebSocket is open, and what its endpoint may use.

    Attributes:
        socket: The WebSocket.
        target: Path and query of its request.
        hub: Where captions come from.
        ingest: Where the client's audio goes.
        idle_s: Time without audio after which the client is disconnected, in seconds.
    """

    socket: WebSocket
    target: str
    hub: Hub
    ingest: AudioIngest
    idle_s: float


Endpoint = Callable[[EndpointContext], Awaitable[None]]
"""Serves a client of another protocol until it leaves."""


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the server serves besides captions, audio and pages; all of it is optional.

    Attributes:
        transcripts: Starts new sets of transcripts; None: no transcripts are kept.
        session_sets: Returns the sets to which this run has written.
        endpoints: Other protocols over WebSocket, by path.
        api: Third-party HTTP APIs.
        unavailable: Returns a response for paths that cannot be served here, or not now; None: the path is served.
        translate_error: Phrases an error as the clients of its path expect it.
    """

    transcripts: TranscriptControl | None = None
    session_sets: Callable[[], Sequence[SessionSet]] = tuple
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    api: Api = NO_API
    unavailable: Callable[[str], Response | None] = lambda _: None
    translate_error: Callable[[str, Response], Response] = untranslated


NO_EXTENSIONS = Extensions()
