"""What is exchanged over an open WebSocket: a token first if needed, then captions to the client, or its audio."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import nullcontext

from streamstt.concurrency import first_completed
from streamstt.hub.hub import Hub, Subscription
from streamstt.hub.protocol import ClientError, to_frame, to_json
from streamstt.server.access import AccessPolicy, Refusal, Role
from streamstt.server.client_audio import ClientAudio, receive
from streamstt.server.control import CaptionControl, TranscriptControl, handle_command
from streamstt.server.endpoint import AudioIngest, WebSocket, close_connection, drain_audio
from streamstt.server.requests import (
    parse_auth_token,
    parse_resume,
    parse_source_request,
    require_end,
    wants_heartbeat,
    wants_levels,
    wants_revisions,
)

HEARTBEAT_S = 2.0  # a page takes a connection for dead after four times this
HEARTBEAT = to_frame(to_json({"type": "heartbeat"}))

log = logging.getLogger(__name__)


async def authenticate(socket: WebSocket, policy: AccessPolicy, path: str, timeout_s: float) -> Role:
    """Reads the token that a client has to send as its first message; returns its roles.

    Raises:
        ClientError: No token came, an unknown one, or one that does not allow the path.
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


async def serve_viewer(socket: WebSocket, hub: Hub, target: str, *, control: bool) -> None:
    """Sends captions until the client leaves, falls behind, or the daemon stops.

    Args:
        socket: The client.
        hub: Where captions are published.
        target: Path and query of its request.
        control: Whether the client may revise captions.
    """
    with hub.subscribe(parse_resume(target), control=control, revised=wants_revisions(target)) as subscription:
        subscription.set_direct_writer(socket.write_now)
        levels = hub.levels.subscribe(lambda level: subscription.send_ephemeral(level.frame))
        heartbeats = _heartbeats(subscription, target)
        with levels if wants_levels(target) else nullcontext():
            await first_completed(
                _send_all(socket, subscription), subscription.wait_too_slow(), _discard_input(socket), *heartbeats
            )
        await close_connection(socket, subscription.close_reason)


async def serve_speaker(socket: WebSocket, hub: Hub, ingest: AudioIngest, target: str, idle_s: float) -> None:
    """Receives audio until the client ends it or leaves, and sends its captions."""
    request = parse_source_request(target)
    source = ingest.add_remote_source(request)
    try:
        with hub.subscribe(source=source.name, revised=wants_revisions(target)) as subscription:
            subscription.set_direct_writer(socket.write_now)
            audio = _receive_audio(socket, ClientAudio(source, hub, request.rate), idle_s)
            await first_completed(
                _send_all(socket, subscription),
                subscription.wait_too_slow(),
                drain_audio(audio, hub, subscription),
                *_heartbeats(subscription, target),
            )
            await close_connection(socket, subscription.close_reason)
    finally:
        source.close()


async def serve_controller(socket: WebSocket, transcripts: TranscriptControl | None, captions: CaptionControl) -> None:
    """Answers requests until the client leaves."""
    while True:
        message = await socket.recv()
        await socket.send(await handle_command(message if isinstance(message, str) else "", transcripts, captions))


async def _send_all(socket: WebSocket, subscription: Subscription) -> None:
    """Sends what is published until the subscription is finished."""
    while (message := await subscription.get()) is not None:
        await socket.send(message if isinstance(message, str) else message.text)


def _heartbeats(subscription: Subscription, target: str) -> list[Coroutine[None, None, None]]:
    """Returns what sends signs of life, if the client has asked for them."""
    return [_send_heartbeats(subscription)] if wants_heartbeat(target) else []


async def _send_heartbeats(subscription: Subscription) -> None:
    """Sends a sign of life every few seconds: a page cannot ping, and would not notice that its connection is dead."""
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        subscription.send_ephemeral(HEARTBEAT)


async def _discard_input(socket: WebSocket) -> None:
    """Reads until the client has left (``ConnectionClosed``); what a viewer sends has no meaning."""
    while True:
        await socket.recv()


async def _receive_audio(socket: WebSocket, audio: ClientAudio, idle_s: float) -> None:
    """Passes a client's audio on until it leaves; when it says that it ends, until its last final is published."""
    while isinstance(message := await receive(socket, idle_s, ignore=_has_no_audio), bytes):
        if len(message) % 2:
            raise ClientError("bad_audio", f"{len(message)} bytes is not a whole number of 16-bit samples", 1003)
        await audio.push(message)
    require_end(message)
    await audio.drain()


def _has_no_audio(message: str | bytes) -> bool:
    """Returns whether a message is empty, or a token, which a client may send even if none is required."""
    return not message or (isinstance(message, str) and parse_auth_token(message) is not None)
