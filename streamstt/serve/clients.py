"""What is said with a client once its WebSocket is open: who it is, then captions to it, or audio from it."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import nullcontext
from typing import Protocol

from streamstt.audio.format import Resampler, Samples, from_s16le
from streamstt.captioning.remote_source import AudioOffer
from streamstt.concurrency import first
from streamstt.hub.hub import TOO_SLOW, Farewell, Hub, Outbox
from streamstt.hub.protocol import ClientError
from streamstt.serve.access import Guard, Refusal, Role
from streamstt.serve.control import Marker, answer
from streamstt.serve.requests import auth_token, is_end, parse_audio, parse_resume, wants_levels

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


async def identify(socket: Socket, guard: Guard, path: str, within_s: float) -> Role:
    """What a client may do that has shown no token yet: its first message has to be one.

    Raises:
        ClientError: No token came, a wrong one, or one that does not allow the path.
    """
    try:
        async with asyncio.timeout(within_s):
            token = auth_token(await socket.recv())
    except TimeoutError:
        raise ClientError("no_token", f"this daemon needs a token; none came within {within_s:g} s") from None
    if token is None:
        raise ClientError(
            "no_token", 'this daemon needs a token: as ?token=..., or {"type":"auth","token":"..."} first'
        )
    verdict = guard.admit(token, path)
    if isinstance(verdict, Refusal):
        raise ClientError("bad_token", verdict.text)
    return verdict


async def serve_viewer(socket: Socket, hub: Hub, target: str) -> None:
    """Sends captions until the client leaves, falls behind, or the daemon stops."""
    with hub.subscribe(parse_resume(target)) as outbox:
        outbox.pass_on(socket.write_now)
        levels = hub.levels.watch(lambda level: outbox.pass_by(level.frame))
        with levels if wants_levels(target) else nullcontext():
            await first(_send_all(socket, outbox), outbox.too_slow(), _ignore(socket))
        await part(socket, outbox.farewell)


async def serve_speaker(socket: Socket, hub: Hub, studio: Studio, target: str, idle_s: float) -> None:
    """Takes audio until the client ends it or leaves, and sends its captions."""
    offer = parse_audio(target)
    stream = studio.admit(offer)
    try:
        with hub.subscribe(source=stream.name) as outbox:
            outbox.pass_on(socket.write_now)
            audio = _take_audio(_Audio(socket, offer.rate, idle_s), stream)
            await first(_send_all(socket, outbox), outbox.too_slow(), to_its_end(audio, hub, outbox))
            await part(socket, outbox.farewell)
    finally:
        stream.leave()


async def serve_controller(socket: Socket, marker: Marker | None) -> None:
    """Answers requests until the client leaves."""
    while True:
        message = await socket.recv()
        await socket.send(await answer(message if isinstance(message, str) else "", marker))


async def part(socket: Socket, farewell: Farewell) -> None:
    """Closes a connection, if the client has not."""
    if farewell is TOO_SLOW:
        log.warning("client %s is too slow: closed; it can resume with since", socket.address)
    await socket.close(farewell.code, farewell.reason)


async def _send_all(socket: Socket, outbox: Outbox) -> None:
    """Sends what comes into the outbox until it is finished."""
    while (message := await outbox.get()) is not None:
        await socket.send(message if isinstance(message, str) else message.text)


async def _ignore(socket: Socket) -> None:
    """Ends when the client is gone (by its ConnectionClosed); a viewer has nothing to say."""
    while True:
        await socket.recv()


class _Audio:
    """The audio in a client's messages."""

    def __init__(self, socket: Socket, rate: int, idle_s: float) -> None:
        self._socket = socket
        self._idle_s = idle_s
        self._resampler = Resampler(rate)

    async def next(self) -> Samples | None:
        """The next 16 kHz audio; None when the client says that it was all.

        Raises:
            ClientError: It sends something else, or nothing for too long.
        """
        try:
            async with asyncio.timeout(self._idle_s):
                while not (message := await self._socket.recv()) or self._is_greeting(message):
                    pass  # an empty message is no audio
        except TimeoutError:
            raise ClientError("idle", f"no audio for {self._idle_s:g} s (server.audio_idle_s)") from None
        if isinstance(message, str):
            is_end(message)
            return None
        try:
            return self._resampler.push(from_s16le(message))
        except ValueError as problem:
            raise ClientError("bad_audio", str(problem), 1003) from problem

    def rest(self) -> Samples:
        """What the resampler still has."""
        return self._resampler.push(from_s16le(b""), last=True)

    @staticmethod
    def _is_greeting(message: str | bytes) -> bool:
        """A client may send its token where nobody asked for it."""
        return isinstance(message, str) and auth_token(message) is not None


async def to_its_end(audio: Coroutine[None, None, None], hub: Hub, outbox: Outbox) -> None:
    """Takes a client's audio, and has the outbox run dry behind its last caption."""
    await audio
    await hub.flush()
    outbox.finish()
    await asyncio.Future()  # the sender comes to its end first


async def _take_audio(audio: _Audio, stream: RemoteStream) -> None:
    """Passes a client's audio on until it leaves; when it says that it ends, until its last final is sent."""
    while (samples := await audio.next()) is not None:
        await stream.push(samples)
    await stream.push(audio.rest())
    await stream.finish()
