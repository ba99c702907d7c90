"""``WS /v1/realtime``: transcription sessions as OpenAI's Realtime clients speak them (developers.openai.com).

The committed words of a turn are told while it is still spoken: they are never withdrawn, which is what a ``delta``
promises. Names and terms to expect are the daemon's; ``prompt`` is passed over.
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
    """Takes audio until the client leaves, and tells of its turns; mistakes are told, and most cost nothing else."""
    # Of no source until the first audio comes: only then is it known in which language it is.
    with context.hub.subscribe(source="") as outbox:
        conversation = _RealtimeSession(context, outbox)
        try:
            await first_completed(
                conversation.send_events(),
                outbox.wait_too_slow(),
                conversation.receive_events(),
                conversation.complete_turns(),
            )
        except ClientError as problem:
            await context.socket.send(_encode_event(conversation.error_event(ApiError(str(problem), problem.code))))
            outbox.finish(CloseReason(problem.close_code, problem.code))
        finally:
            conversation.close()  # before the goodbye: whoever has read that finds the place free
    await close_connection(context.socket, outbox.close_reason)


class _RealtimeSession:
    """One client's. ``receive_events`` never sends: what it has to tell goes as a slip through the outbox, in order."""

    def __init__(self, context: EndpointContext, subscription: Subscription) -> None:
        self._context = context
        self._subscription = subscription
        former = BETA_PROTOCOL in context.socket.header("OpenAI-Beta")
        model = BETA_DEFAULT_MODEL if former else context.hub.daemon_info.model
        self._config = SessionConfig(former, model, parse_source_request(context.target).language)
        self._translator = TurnTranslator(beta=former)
        self._session_id = f"sess_{uuid.uuid4().hex[:20]}"
        self._stream: RemoteSource | None = None
        self._audio: ClientAudio | None = None
        self._ended_turns: asyncio.Queue[tuple[str, float]] = (
            asyncio.Queue()
        )  # no more than turns that wait for the engine

    def close(self) -> None:
        """The client is gone."""
        if self._stream:
            self._stream.close()

    def error_event(self, problem: ApiError, event_id: object = None) -> JsonObject:
        """An error as an event; ``event`` names the client's own that caused it."""
        named = event_id if isinstance(event_id, str) else None
        return self._translator.make_event("error", error=problem.data | {"event_id": named})

    async def receive_events(self) -> None:
        """Does what the client says, until it leaves.

        Raises:
            ClientError: It says nothing for too long, or cannot be heard.
        """
        while True:
            message = await receive(self._context.socket, self._context.idle_s)
            wish: JsonObject = {}
            try:
                wish = _parse_event(message)
                told = await self._handle_event(wish)
            except ApiError as problem:
                told = [self.error_event(problem, wish.get("event_id"))]
            self._queue_ended_turns()
            for data in told:
                self._subscription.put_private(_encode_event(data))

    async def send_events(self) -> None:
        """Sends what comes into the outbox until it is finished, then what there is to say of the last turns."""
        await self._subscription.get()  # our own hello
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
        """Waits for each turn that has ended until all of it is final, for ever."""
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
                text = f"{str(event.get('type'))[:60]!r} is not understood: this daemon only transcribes"
                raise ApiError(text, "unknown_event", "type")

    def _update_session(self, config: SessionConfig, event: JsonObject) -> list[JsonObject]:
        wishes = update_config(config, event.get("session"))
        if self._stream and (wishes.language, wishes.pause_ms) != (self._config.language, self._config.pause_ms):
            text = "language and silence_duration_ms can be set before the first audio only"
            raise ApiError(text, "session_is_set", "session")
        self._config = wishes
        self._translator.beta, self._translator.detects_turns = wishes.beta, wishes.detects_turns
        return [self._session_event("updated")]

    def _session_event(self, action: str) -> JsonObject:
        kind = f"transcription_session.{action}" if self._config.beta else f"session.{action}"
        return self._translator.make_event(kind, session=describe_session(self._config, self._session_id))

    def _open_audio(self) -> ClientAudio:
        """Where audio goes; the first makes the client a source."""
        if self._audio is None:
            named, wishes = parse_source_request(self._context.target, "openai"), self._config
            offer = replace(named, rate=SAMPLE_RATE_HZ, language=wishes.language, end_silence_ms=wishes.pause_ms)
            self._stream = self._context.ingest.add_remote_source(offer)
            self._subscription.source = self._stream.name
            self._audio = ClientAudio(self._stream, self._context.hub, SAMPLE_RATE_HZ)
        return self._audio

    async def _end_utterance(self) -> float:
        """What was said becomes final; the stream time (s) up to which there is audio."""
        if self._audio is None or self._stream is None:
            return 0.0
        await self._audio.end_utterance()
        return self._stream.position


def _encode_event(data: JsonObject) -> str:
    return to_json(data).encode(errors="replace").decode()  # half of a surrogate pair is no text


def _parse_event(message: str | bytes) -> JsonObject:
    try:
        return parse_json_object(message, "an event is a JSON object, with audio in base64")
    except ClientError as problem:
        raise ApiError(str(problem), "invalid_json") from problem


def _decode_audio(text: object) -> bytes:
    try:
        return b64decode(text if isinstance(text, str) else "?", validate=True)
    except (binascii.Error, ValueError) as problem:
        raise ApiError("audio must be base64 of 16-bit samples", "invalid_base64", "audio") from problem
