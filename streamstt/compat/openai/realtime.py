"""``WS /v1/realtime``: transcription sessions of OpenAI's Realtime protocol (developers.openai.com).

The stable words of a turn are sent while it is still being spoken: they are never withdrawn, which is what a ``delta``
promises. The vocabulary is a setting of the daemon; ``prompt`` is ignored.
"""

import asyncio
import binascii
import uuid
from base64 import b64decode
from dataclasses import replace

from streamstt.captioning.remote_source import RemoteSource
from streamstt.compat.openai.errors import ApiError, JsonObject
from streamstt.compat.openai.session import (
    BETA_DEFAULT_MODEL,
    SAMPLE_RATE_HZ,
    SessionConfig,
    describe_session,
    update_config,
)
from streamstt.compat.openai.turns import TurnTranslator
from streamstt.concurrency import first_completed
from streamstt.hub.hub import CloseReason, Subscription
from streamstt.hub.protocol import ClientError, parse_json_object, to_json
from streamstt.server.client_audio import ClientAudio, receive
from streamstt.server.endpoint import EndpointContext, close_connection
from streamstt.server.requests import parse_source_request

BETA_PROTOCOL = "realtime=v1"  # in the header OpenAI-Beta


async def serve_realtime(context: EndpointContext) -> None:
    """Receives audio and sends turns until the client disconnects; most errors are reported without closing."""
    # The source is added with the first audio: only then are its language and pause known.
    with context.hub.subscribe(source="") as subscription:
        session = _RealtimeSession(context, subscription)
        try:
            await first_completed(
                session.send_events(),
                subscription.wait_too_slow(),
                session.receive_events(),
                session.complete_turns(),
            )
        except ClientError as error:
            await context.socket.send(_encode_event(session.error_event(ApiError(str(error), error.code))))
            subscription.finish(CloseReason(error.close_code, error.code))
        finally:
            session.close()  # before closing: a client that has seen the close can count on its slot being free
    await close_connection(context.socket, subscription.close_reason)


class _RealtimeSession:
    """Session of one client.

    Only ``send_events`` sends; the other tasks put their messages, or the id of a turn that is complete, into the
    subscription, so that the order is kept.
    """

    def __init__(self, context: EndpointContext, subscription: Subscription) -> None:
        self._context = context
        self._subscription = subscription
        beta = BETA_PROTOCOL in context.socket.header("OpenAI-Beta")
        model = BETA_DEFAULT_MODEL if beta else context.hub.daemon_info.model
        self._config = SessionConfig(beta, model, parse_source_request(context.target).language)
        self._translator = TurnTranslator(beta=beta)
        self._session_id = f"sess_{uuid.uuid4().hex[:20]}"
        self._stream: RemoteSource | None = None
        self._audio: ClientAudio | None = None
        # Bounded by the number of turns that wait for the engine.
        self._ended_turns: asyncio.Queue[tuple[str, float]] = asyncio.Queue()

    def close(self) -> None:
        """Removes the client's source."""
        if self._stream:
            self._stream.close()

    def error_event(self, error: ApiError, event_id: object = None) -> JsonObject:
        """Makes an error event; ``event_id`` is that of the client's event that caused it."""
        client_event_id = event_id if isinstance(event_id, str) else None
        return self._translator.make_event("error", error=error.data | {"event_id": client_event_id})

    async def receive_events(self) -> None:
        """Handles the client's events until it disconnects.

        Raises:
            ClientError: The client is idle for too long, or its audio is invalid.
        """
        while True:
            message = await receive(self._context.socket, self._context.idle_s)
            event: JsonObject = {}
            try:
                event = _parse_event(message)
                replies = await self._handle_event(event)
            except ApiError as error:
                replies = [self.error_event(error, event.get("event_id"))]
            self._queue_ended_turns()
            for data in replies:
                self._subscription.put_private(_encode_event(data))

    async def send_events(self) -> None:
        """Sends the translated items of the subscription until it is finished, then completes the last turns."""
        await self._subscription.get()  # our own hello is not sent
        await self._send_all([self._session_event("created")])
        while (item := await self._subscription.get()) is not None:
            if not isinstance(item, str):
                await self._send_all(self._translator.translate(item.event))
            elif item.startswith("{"):
                await self._context.socket.send(item)
            else:
                await self._send_all(self._translator.complete_turn(item))
            self._queue_ended_turns()
        await self._send_all(self._translator.close(self._stream.position if self._stream else 0.0))

    async def complete_turns(self) -> None:
        """Waits, for each turn that has ended, until all of it is final; runs until cancelled."""
        while True:
            item, end = await self._ended_turns.get()
            if self._stream:
                await self._stream.wait_until_final(end)
            await self._context.hub.flush()
            self._subscription.put_private(item)

    async def _send_all(self, events: list[JsonObject]) -> None:
        for data in events:
            await self._context.socket.send(_encode_event(data))

    def _queue_ended_turns(self) -> None:
        for ended in self._translator.pop_ended():
            self._ended_turns.put_nowait(ended)

    async def _handle_event(self, event: JsonObject) -> list[JsonObject]:
        match event.get("type"):
            case "input_audio_buffer.append":
                await self._open_audio().push(_decode_audio(event.get("audio")))
                return []
            case "input_audio_buffer.commit":
                return self._translator.commit(await self._end_utterance())
            case "input_audio_buffer.clear":
                return self._translator.clear(await self._end_utterance())
            case "session.update" if not self._config.beta:
                return self._update_session(self._config, event)
            case "transcription_session.update":
                return self._update_session(replace(self._config, beta=True), event)
            case _:
                text = f"{str(event.get('type'))[:60]!r} is not supported: this daemon only transcribes"
                raise ApiError(text, "unknown_event", "type")

    def _update_session(self, config: SessionConfig, event: JsonObject) -> list[JsonObject]:
        updated = update_config(config, event.get("session"))
        if self._stream and (updated.language, updated.pause_ms) != (self._config.language, self._config.pause_ms):
            text = "language and silence_duration_ms can only be set before the first audio"
            raise ApiError(text, "session_is_set", "session")
        self._config = updated
        self._translator.beta, self._translator.detects_turns = updated.beta, updated.detects_turns
        return [self._session_event("updated")]

    def _session_event(self, action: str) -> JsonObject:
        kind = f"transcription_session.{action}" if self._config.beta else f"session.{action}"
        return self._translator.make_event(kind, session=describe_session(self._config, self._session_id))

    def _open_audio(self) -> ClientAudio:
        """Returns the client's audio input; adds the source on the first call."""
        if self._audio is None:
            request = replace(
                parse_source_request(self._context.target, "openai"),
                rate=SAMPLE_RATE_HZ,
                language=self._config.language,
                end_silence_ms=self._config.pause_ms,
            )
            self._stream = self._context.ingest.add_remote_source(request)
            self._subscription.source = self._stream.name
            self._audio = ClientAudio(self._stream, self._context.hub, SAMPLE_RATE_HZ)
        return self._audio

    async def _end_utterance(self) -> float:
        """Ends the utterance, so that it becomes final; returns the stream time (s) of the end of the audio."""
        if self._audio is None or self._stream is None:
            return 0.0
        await self._audio.end_utterance()
        return self._stream.position


def _encode_event(data: JsonObject) -> str:
    return to_json(data).encode(errors="replace").decode()  # a lone surrogate cannot be encoded


def _parse_event(message: str | bytes) -> JsonObject:
    try:
        return parse_json_object(message, "an event must be a JSON object, with audio in base64")
    except ClientError as error:
        raise ApiError(str(error), "invalid_json") from error


def _decode_audio(text: object) -> bytes:
    try:
        return b64decode(text if isinstance(text, str) else "?", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError("audio must be base64 of 16-bit samples", "invalid_base64", "audio") from error
