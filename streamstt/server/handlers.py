"""What is said with a client once its WebSocket is open: who it is, then captions to it, or audio from it."""

import asyncio
import logging
from contextlib import nullcontext

from streamstt.audio.format import Resampler, Samples, from_s16le
from streamstt.concurrency import first_completed
from streamstt.hub.hub import Hub, Subscription
from streamstt.hub.protocol import ClientError
from streamstt.server.access import AccessPolicy, Refusal, Role
from streamstt.server.control import TranscriptControl, handle_command
from streamstt.server.endpoint import AudioIngest, RemoteStream, WebSocket, close_connection, drain_audio
from streamstt.server.requests import parse_auth_token, parse_resume, parse_source_request, require_end, wants_levels

log = logging.getLogger(__name__)


async def authenticate(socket: WebSocket, policy: AccessPolicy, path: str, timeout_s: float) -> Role:
    """What a client may do that has shown no token yet: its first message has to be one.

    Raises:
        ClientError: No token came, a wrong one, or one that does not allow the path.
    """
    try:
        async with asyncio.timeout(timeout_s):
            token = parse_auth_token(await socket.recv())
    except TimeoutError:
        raise ClientError("no_token", f"this daemon needs a token; none came within {timeout_s:g} s") from None
    if token is None:
        raise ClientError(
            "no_token", 'this daemon needs a token: as ?token=..., or {"type":"auth","token":"..."} first'
        )
    verdict = policy.check_token(token, path)
    if isinstance(verdict, Refusal):
        raise ClientError("bad_token", verdict.text)
    return verdict


async def serve_viewer(socket: WebSocket, hub: Hub, target: str) -> None:
    """Sends captions until the client leaves, falls behind, or the daemon stops."""
    with hub.subscribe(parse_resume(target)) as outbox:
        outbox.set_direct_writer(socket.write_now)
        levels = hub.levels.subscribe(lambda level: outbox.send_ephemeral(level.frame))
        with levels if wants_levels(target) else nullcontext():
            await first_completed(_send_all(socket, outbox), outbox.wait_too_slow(), _discard_input(socket))
        await close_connection(socket, outbox.close_reason)


async def serve_speaker(socket: WebSocket, hub: Hub, ingest: AudioIngest, target: str, idle_s: float) -> None:
    """Takes audio until the client ends it or leaves, and sends its captions."""
    offer = parse_source_request(target)
    stream = ingest.add_remote_source(offer)
    try:
        with hub.subscribe(source=stream.name) as outbox:
            outbox.set_direct_writer(socket.write_now)
            audio = _forward_audio(_AudioReader(socket, offer.rate, idle_s), stream)
            await first_completed(_send_all(socket, outbox), outbox.wait_too_slow(), drain_audio(audio, hub, outbox))
            await close_connection(socket, outbox.close_reason)
    finally:
        stream.close()


async def serve_controller(socket: WebSocket, transcripts: TranscriptControl | None) -> None:
    """Answers requests until the client leaves."""
    while True:
        message = await socket.recv()
        await socket.send(await handle_command(message if isinstance(message, str) else "", transcripts))


async def _send_all(socket: WebSocket, subscription: Subscription) -> None:
    """Sends what comes into the outbox until it is finished."""
    while (message := await subscription.get()) is not None:
        await socket.send(message if isinstance(message, str) else message.text)


async def _discard_input(socket: WebSocket) -> None:
    """Ends when the client is gone (by its ConnectionClosed); a viewer has nothing to say."""
    while True:
        await socket.recv()


class _AudioReader:
    """The audio in a client's messages."""

    def __init__(self, socket: WebSocket, rate: int, idle_s: float) -> None:
        self._socket = socket
        self._idle_s = idle_s
        self._resampler = Resampler(rate)

    async def read(self) -> Samples | None:
        """The next 16 kHz audio; None when the client says that it was all.

        Raises:
            ClientError: It sends something else, or nothing for too long.
        """
        try:
            async with asyncio.timeout(self._idle_s):
                while not (message := await self._socket.recv()) or self._is_auth_message(message):
                    pass  # an empty message is no audio
        except TimeoutError:
            raise ClientError("idle", f"no audio for {self._idle_s:g} s (server.audio_idle_s)") from None
        if isinstance(message, str):
            require_end(message)
            return None
        try:
            return self._resampler.push(from_s16le(message))
        except ValueError as problem:
            raise ClientError("bad_audio", str(problem), 1003) from problem

    def flush(self) -> Samples:
        """What the resampler still has."""
        return self._resampler.push(from_s16le(b""), last=True)

    @staticmethod
    def _is_auth_message(message: str | bytes) -> bool:
        """A client may send its token where nobody asked for it."""
        return isinstance(message, str) and parse_auth_token(message) is not None


async def _forward_audio(audio: _AudioReader, stream: RemoteStream) -> None:
    """Passes a client's audio on until it leaves; when it says that it ends, until its last final is sent."""
    while (samples := await audio.read()) is not None:
        await stream.push(samples)
    await stream.push(audio.flush())
    await stream.drain()
