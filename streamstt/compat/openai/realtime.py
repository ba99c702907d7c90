"""``WS /v1/realtime``: transcription sessions as OpenAI's Realtime clients speak them (developers.openai.com).

The committed words of a turn are told while it is still spoken: they are never withdrawn, which is what a ``delta``
promises. Names and terms to expect are the daemon's; ``prompt`` is passed over.
"""

import asyncio
import binascii
import uuid
from base64 import b64decode
from dataclasses import replace

from streamstt.compat.client_audio import Feed, as_object, hear
from streamstt.compat.openai.errors import ApiError, Data
from streamstt.compat.openai.session import FORMER_DEFAULT, RATE, Wishes, described, updated
from streamstt.compat.openai.turns import Turns
from streamstt.concurrency import first_completed
from streamstt.hub.hub import CloseReason, Subscription
from streamstt.hub.protocol import ClientError, to_json
from streamstt.server.endpoint import EndpointContext, RemoteStream, close_connection
from streamstt.server.requests import parse_source_request

BETA = "realtime=v1"  # in the header OpenAI-Beta


async def serve_realtime(visitor: EndpointContext) -> None:
    """Takes audio until the client leaves, and tells of its turns; mistakes are told, and most cost nothing else."""
    # Of no source until the first audio comes: only then is it known in which language it is.
    with visitor.hub.subscribe(source="") as outbox:
        conversation = _Conversation(visitor, outbox)
        try:
            await first_completed(
                conversation.send(), outbox.wait_too_slow(), conversation.listen(), conversation.complete_all()
            )
        except ClientError as problem:
            await visitor.socket.send(_text(conversation.error(ApiError(str(problem), problem.code))))
            outbox.finish(CloseReason(problem.close_code, problem.code))
        finally:
            conversation.leave()  # before the goodbye: whoever has read that finds the place free
    await close_connection(visitor.socket, outbox.close_reason)


class _Conversation:
    """One client's. ``listen`` never sends: what it has to tell goes as a slip through the outbox, in order."""

    def __init__(self, visitor: EndpointContext, outbox: Subscription) -> None:
        self._visitor = visitor
        self._outbox = outbox
        former = BETA in visitor.socket.header("OpenAI-Beta")
        model = FORMER_DEFAULT if former else visitor.hub.daemon_info.model
        self._wishes = Wishes(former, model, parse_source_request(visitor.target).language)
        self._turns = Turns(former=former)
        self._name = f"sess_{uuid.uuid4().hex[:20]}"
        self._stream: RemoteStream | None = None
        self._feed: Feed | None = None
        self._ended: asyncio.Queue[tuple[str, float]] = asyncio.Queue()  # no more than turns that wait for the engine

    def leave(self) -> None:
        """The client is gone."""
        if self._stream:
            self._stream.close()

    def error(self, problem: ApiError, event: object = None) -> Data:
        """An error as an event; ``event`` names the client's own that caused it."""
        named = event if isinstance(event, str) else None
        return self._turns.event("error", error=problem.data | {"event_id": named})

    async def listen(self) -> None:
        """Does what the client says, until it leaves.

        Raises:
            ClientError: It says nothing for too long, or cannot be heard.
        """
        while True:
            message = await hear(self._visitor.socket, self._visitor.idle_s)
            wish: Data = {}
            try:
                wish = _wish(message)
                told = await self._do(wish)
            except ApiError as problem:
                told = [self.error(problem, wish.get("event_id"))]
            self._note_ended()
            for data in told:
                self._outbox.put_private(_text(data))

    async def send(self) -> None:
        """Sends what comes into the outbox until it is finished, then what there is to say of the last turns."""
        await self._outbox.get()  # our own hello
        await self._tell([self._session_event("created")])
        while (item := await self._outbox.get()) is not None:
            if not isinstance(item, str):
                await self._tell(self._turns.take(item.event))
            elif item.startswith("{"):
                await self._visitor.socket.send(item)
            else:
                await self._tell(self._turns.complete(item))
            self._note_ended()
        await self._tell(self._turns.close(self._stream.position if self._stream else 0.0))

    async def complete_all(self) -> None:
        """Waits for each turn that has ended until all of it is final, for ever."""
        while True:
            item, end = await self._ended.get()
            if self._stream:
                await self._stream.wait_until_final(end)
            await self._visitor.hub.flush()
            self._outbox.put_private(item)

    async def _tell(self, events: list[Data]) -> None:
        for data in events:
            await self._visitor.socket.send(_text(data))

    def _note_ended(self) -> None:
        for ended in self._turns.ended():
            self._ended.put_nowait(ended)

    async def _do(self, wish: Data) -> list[Data]:
        match wish.get("type"):
            case "input_audio_buffer.append":
                await self._open().push(_audio(wish.get("audio")))
                return []
            case "input_audio_buffer.commit":
                return self._turns.commit(await self._pause())
            case "input_audio_buffer.clear":
                return self._turns.clear(await self._pause())
            case "session.update" if not self._wishes.former:
                return self._update(self._wishes, wish)
            case "transcription_session.update":
                return self._update(replace(self._wishes, former=True), wish)
            case _:
                text = f"{str(wish.get('type'))[:60]!r} is not understood: this daemon only transcribes"
                raise ApiError(text, "unknown_event", "type")

    def _update(self, before: Wishes, wish: Data) -> list[Data]:
        wishes = updated(before, wish.get("session"))
        if self._stream and (wishes.language, wishes.pause_ms) != (self._wishes.language, self._wishes.pause_ms):
            text = "language and silence_duration_ms can be set before the first audio only"
            raise ApiError(text, "session_is_set", "session")
        self._wishes = wishes
        self._turns.former, self._turns.detects = wishes.former, wishes.detects
        return [self._session_event("updated")]

    def _session_event(self, what: str) -> Data:
        kind = f"transcription_session.{what}" if self._wishes.former else f"session.{what}"
        return self._turns.event(kind, session=described(self._wishes, self._name))

    def _open(self) -> Feed:
        """Where audio goes; the first makes the client a source."""
        if self._feed is None:
            named, wishes = parse_source_request(self._visitor.target, "openai"), self._wishes
            offer = replace(named, rate=RATE, language=wishes.language, end_silence_ms=wishes.pause_ms)
            self._stream = self._visitor.ingest.admit(offer)
            self._outbox.source = self._stream.name
            self._feed = Feed(self._stream, self._visitor.hub, RATE)
        return self._feed

    async def _pause(self) -> float:
        """What was said becomes final; the stream time (s) up to which there is audio."""
        if self._feed is None or self._stream is None:
            return 0.0
        await self._feed.pause()
        return self._stream.position


def _text(data: Data) -> str:
    return to_json(data).encode(errors="replace").decode()  # half of a surrogate pair is no text


def _wish(message: str | bytes) -> Data:
    try:
        return as_object(message, "an event is a JSON object, with audio in base64")
    except ClientError as problem:
        raise ApiError(str(problem), "invalid_json") from problem


def _audio(text: object) -> bytes:
    try:
        return b64decode(text if isinstance(text, str) else "?", validate=True)
    except (binascii.Error, ValueError) as problem:
        raise ApiError("audio must be base64 of 16-bit samples", "invalid_base64", "audio") from problem
