"""What is said with one client of the Wyoming port."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from streamstt.compat.wyoming.messages import (
    TranscriptBuilder,
    make_info,
    make_source_request,
    make_transcript,
    parse_format,
    parse_language,
)
from streamstt.compat.wyoming.wire import MAX_LINE, WyomingEvent, encode_event, read_event
from streamstt.concurrency import first_completed
from streamstt.hub.hub import DONE, TOO_SLOW, CloseReason, Hub, Subscription
from streamstt.hub.protocol import ClientError, Message
from streamstt.server.client_audio import ClientAudio
from streamstt.server.endpoint import AudioIngest, drain_audio

CLOSE_TIMEOUT_S = 1.0  # a client that is sent away, and goes on sending, is listened to no longer


@dataclass(frozen=True, slots=True)
class WyomingContext:
    """What all connections share.

    Attributes:
        hub: Where captions come from.
        ingest: Where audio goes.
        languages: Codes that the model knows.
        idle_s: A connection without a word for so long is closed.
    """

    hub: Hub
    ingest: AudioIngest
    languages: Sequence[str]
    idle_s: float


class WyomingConnection:
    """One connection.

    Attributes:
        busy: Whether it is in the middle of a stream of audio, or waits for the words of one.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: WyomingContext) -> None:
        """Nothing is said yet.

        Args:
            reader: What it sends.
            writer: What it gets.
            context: What all connections share.
        """
        self._reader = reader
        self._writer = writer
        self._context = context
        self._language = ""
        self.busy = False

    async def serve(self) -> None:
        """Answers until the daemon stops.

        Raises:
            ClientError: It asks for what it cannot have.
            ConnectionError: It has gone.
        """
        farewell = DONE
        while farewell is DONE:
            parcel = await self._next_event()
            if parcel.type in {"audio-start", "audio-chunk"}:
                self.busy = True
                farewell = await self._transcribe(parcel)
                self.busy = False
            else:
                await self._reply(parcel)

    async def send(self, event: WyomingEvent) -> None:
        """Sends, and waits while the client is far behind."""
        self._writer.write(encode_event(event))
        await self._writer.drain()

    def abort(self) -> None:
        """Cuts the connection; ``serve`` ends by that."""
        self._writer.transport.abort()

    async def close_gracefully(self) -> None:
        """Ends the connection so that what was sent last arrives: closing it with unread audio would cut that off."""
        self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while await self._reader.read(MAX_LINE):
                    pass

    async def _next_event(self) -> WyomingEvent:
        try:
            async with asyncio.timeout(self._context.idle_s):
                parcel = await read_event(self._reader)
        except TimeoutError:
            text = f"nothing was said for {self._context.idle_s:g} s (server.audio_idle_s)"
            raise ClientError("idle", text) from None
        if parcel is None:
            raise ConnectionAbortedError
        return parcel

    async def _reply(self, event: WyomingEvent) -> None:
        """Answers what has nothing to do with audio; what is not known is passed over, as the protocol wants it."""
        match event.type:
            case "describe":
                await self.send(make_info(self._context.hub.daemon_info, self._context.languages))
            case "ping":
                await self.send(WyomingEvent("pong", {"text": event.data.get("text")}))
            case "transcribe":
                self._language = parse_language(event.data)

    async def _transcribe(self, first_event: WyomingEvent) -> CloseReason:
        """Takes one stream of audio to its end, and tells what was said."""
        rate, channels = parse_format(first_event.data)
        stream = self._context.ingest.add_remote_source(make_source_request(self._language, rate))
        try:
            feed = ClientAudio(stream, self._context.hub, rate, channels)
            with self._context.hub.subscribe(source=stream.name) as outbox:
                audio = drain_audio(self._receive_audio(first_event, feed), self._context.hub, outbox)
                await first_completed(self._send_transcript(outbox), outbox.wait_too_slow(), audio)
                return outbox.close_reason
        finally:
            stream.close()

    async def _receive_audio(self, event: WyomingEvent, audio: ClientAudio) -> None:
        while event.type != "audio-stop":
            if event.type == "audio-chunk":
                audio.set_format(*parse_format(event.data))
                await audio.push(event.payload)
            elif event.type != "audio-start":
                await self._reply(event)
            event = await self._next_event()
        await audio.drain()

    async def _send_transcript(self, subscription: Subscription) -> None:
        """Sends words as they are sure, then all of them."""
        language = {"language": self._language} if self._language else {}
        await self.send(WyomingEvent("transcript-start", language))
        heard = TranscriptBuilder()
        while (item := await subscription.get()) is not None:
            if isinstance(item, Message) and (chunk := heard.update(item.event)):
                await self.send(WyomingEvent("transcript-chunk", {"text": chunk}))
        if subscription.close_reason is not TOO_SLOW:
            await self.send(make_transcript(heard.text, self._language))
            await self.send(WyomingEvent("transcript-stop"))
