"""What is said with a client once its WebSocket is open: who it is, then captions to it, or audio from it."""

import asyncio
import logging
from contextlib import nullcontext

from streamstt.audio.format import Resampler, Samples, from_s16le
from streamstt.concurrency import first
from streamstt.hub.hub import Hub, Outbox
from streamstt.hub.protocol import ClientError
from streamstt.server.access import Guard, Refusal, Role
from streamstt.server.control import Marker, answer
from streamstt.server.endpoint import RemoteStream, Socket, Studio, part, to_its_end
from streamstt.server.requests import auth_token, is_end, parse_audio, parse_resume, wants_levels

log = logging.getLogger(__name__)


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


async def _take_audio(audio: _Audio, stream: RemoteStream) -> None:
    """Passes a client's audio on until it leaves; when it says that it ends, until its last final is sent."""
    while (samples := await audio.next()) is not None:
        await stream.push(samples)
    await stream.push(audio.rest())
    await stream.finish()
