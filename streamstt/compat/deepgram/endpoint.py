"""``WS /v1/listen``: Deepgram's protocol for live transcription (developers.deepgram.com)."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from streamstt.captioning.remote_source import RemoteSource, RemoteSourceRequest
from streamstt.compat.deepgram.options import ListenOptions, parse_listen
from streamstt.compat.deepgram.results import JsonObject, ResultTranslator, StreamPosition
from streamstt.concurrency import first_completed
from streamstt.hub.hub import Subscription
from streamstt.hub.protocol import ClientError, Message, parse_json_object, to_json
from streamstt.server.client_audio import ClientAudio, receive
from streamstt.server.endpoint import EndpointContext, close_connection, drain_audio

# Control items that `receive_audio` puts into the subscription, among the events.
FLUSH, FINALIZED, CONFIGURE_FAILURE = "flush", "finalized", "configure_failure"
CLOSE_REASONS = {"idle": (1011, "NET-0001"), "bad_message": (1008, "DATA-0000")}  # by error code
MAX_CLOSE_REASON = 123  # bytes (RFC 6455, section 5.5)


async def serve_deepgram(context: EndpointContext) -> None:
    """Receives audio and sends results until the client ends the stream or disconnects; reports errors as Deepgram."""
    try:
        await _serve(context)
    except ClientError as error:
        code, name = CLOSE_REASONS.get(error.code, (error.close_code, error.code))
        await context.socket.send(to_json({"type": "Error", "variant": name, "description": str(error)}))
        await context.socket.close(code, f"{name}: {error}".encode()[:MAX_CLOSE_REASON].decode(errors="ignore"))


async def _serve(context: EndpointContext) -> None:
    options = parse_listen(context.target)
    stream = context.ingest.add_remote_source(
        RemoteSourceRequest(options.name, options.rate, options.language, end_silence_ms=options.pause_ms)
    )
    try:
        with context.hub.subscribe(source=stream.name) as subscription:
            session = _DeepgramSession(context, options, stream, subscription)
            audio = drain_audio(session.receive_audio(), context.hub, subscription)
            await first_completed(session.send_results(), subscription.wait_too_slow(), audio)
    finally:
        stream.close()  # before closing: a client that has seen the close can count on its slot being free
    await close_connection(context.socket, subscription.close_reason)


class _DeepgramSession:
    """Session of one client.

    Only ``send_results`` sends; ``receive_audio`` puts control items into the subscription, so that the order is kept.
    """

    def __init__(
        self, context: EndpointContext, options: ListenOptions, stream: RemoteSource, subscription: Subscription
    ) -> None:
        self._socket = context.socket
        self._idle_s = context.idle_s
        self._stream = stream
        self._subscription = subscription
        self._audio = ClientAudio(stream, context.hub, options.rate, options.channels)
        self._results = ResultTranslator(options, context.hub.daemon_info, str(uuid.uuid4()))
        self._digest = hashlib.sha256()
        self._created_at = datetime.now(UTC).isoformat(timespec="milliseconds")

    async def receive_audio(self) -> None:
        """Feeds audio to the source until the client ends the stream; returns when the last final waits to be sent."""
        # An empty message is Deepgram's old CloseStream.
        while (message := await receive(self._socket, self._idle_s)) != b"":
            if isinstance(message, bytes):
                self._digest.update(message)
                await self._audio.push(message)
                if self._results.has_output(self._stream_position):
                    self._subscription.put_private(FLUSH)
            elif await self._handle_control(parse_json_object(message, "text must be a JSON object; audio is binary")):
                break
        await self._audio.drain()

    async def _handle_control(self, message: dict[str, Any]) -> bool:
        match message.get("type"):
            case "CloseStream":
                return True
            case "Finalize":
                self._results.request_finalize()
                await self._audio.drain()
                self._subscription.put_private(FINALIZED)
            case "Configure":
                self._subscription.put_private(CONFIGURE_FAILURE)
            case "KeepAlive":
                pass
            case _:
                raise ClientError("bad_message", "type must be KeepAlive, Finalize or CloseStream")
        return False

    async def send_results(self) -> None:
        """Sends the translated items of the subscription until it is finished, then the metadata."""
        await self._subscription.get()  # our own hello is not sent
        while (item := await self._subscription.get()) is not None:
            for data in self._translate([item, *self._subscription.get_all_nowait()]):
                await self._socket.send(to_json(data))
        position = self._stream.position
        await self._socket.send(to_json(self._results.metadata(self._created_at, self._digest.hexdigest(), position)))

    @property
    def _stream_position(self) -> StreamPosition:
        return StreamPosition(self._stream.position, self._stream.settled)

    def _translate(self, items: Sequence[Message | str]) -> list[JsonObject]:
        results = self._results.translate(
            [item.event for item in items if isinstance(item, Message)], self._stream_position
        )
        results += self._results.finalize_reply() if FINALIZED in items else []
        return results + [self._results.configure_failure() for item in items if item == CONFIGURE_FAILURE]
