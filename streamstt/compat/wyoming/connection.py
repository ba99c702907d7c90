"""A connection of a Wyoming client: receives audio, sends transcripts."""

import asyncio
from collections.abc import Callable, Sequence
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

CLOSE_TIMEOUT_S = 1.0  # limit for reading what a closed client still sends


@dataclass(frozen=True, slots=True)
class WyomingContext:
    """What all connections share.

    Attributes:
        hub: Publishes the captions.
        ingest: Adds sources.
        languages: Returns the language codes of the model.
        idle_s: A connection is closed after this long without an event (s).
    """

    hub: Hub
    ingest: AudioIngest
    languages: Callable[[], Sequence[str]]
    idle_s: float


class WyomingConnection:
    """A connection with one client; serves its audio streams one after the other.

    Attributes:
        busy: Whether an audio stream, or its transcript, is in progress.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: WyomingContext) -> None:
        """Starts idle; call ``serve``.

        Args:
            reader: Stream from the client.
            writer: Stream to the client.
            context: What all connections share.
        """
        self._reader = reader
        self._writer = writer
        self._context = context
        self._language = ""
        self.busy = False

    async def serve(self) -> None:
        """Serves the client until the daemon stops.

        Raises:
            ClientError: An event is invalid, or the client is idle for too long.
            ConnectionError: The client has disconnected.
        """
        close_reason = DONE
        while close_reason is DONE:
            event = await self._next_event()
            if event.type in {"audio-start", "audio-chunk"}:
                self.busy = True
                close_reason = await self._transcribe(event)
                self.busy = False
            else:
                await self._reply(event)

    async def send(self, event: WyomingEvent) -> None:
        """Sends an event; waits while the client is far behind."""
        self._writer.write(encode_event(event))
        await self._writer.drain()

    def abort(self) -> None:
        """Aborts the connection, which ends ``serve``."""
        self._writer.transport.abort()

    async def close_gracefully(self) -> None:
        """Closes the connection so that the last event arrives: closing with unread audio would reset it."""
        self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while await self._reader.read(MAX_LINE):
                    pass

    async def _next_event(self) -> WyomingEvent:
        try:
            async with asyncio.timeout(self._context.idle_s):
                event = await read_event(self._reader)
        except TimeoutError:
            text = f"no event for {self._context.idle_s:g} s (server.audio_idle_s)"
            raise ClientError("idle", text) from None
        if event is None:
            raise ConnectionAbortedError
        return event

    async def _reply(self, event: WyomingEvent) -> None:
        """Replies to an event that is not audio; unknown ones are ignored, as the protocol demands."""
        match event.type:
            case "describe":
                await self.send(make_info(self._context.hub.daemon_info, self._context.languages()))
            case "ping":
                await self.send(WyomingEvent("pong", {"text": event.data.get("text")}))
            case "transcribe":
                self._language = parse_language(event.data)

    async def _transcribe(self, first_event: WyomingEvent) -> CloseReason:
        """Receives one audio stream and sends its transcript; returns why the subscription ended."""
        rate, channels = parse_format(first_event.data)
        stream = self._context.ingest.add_remote_source(make_source_request(self._language, rate))
        try:
            client_audio = ClientAudio(stream, self._context.hub, rate, channels)
            with self._context.hub.subscribe(source=stream.name) as subscription:
                audio = drain_audio(self._receive_audio(first_event, client_audio), self._context.hub, subscription)
                await first_completed(self._send_transcript(subscription), subscription.wait_too_slow(), audio)
                return subscription.close_reason
        finally:
            stream.close()

    async def _receive_audio(self, event: WyomingEvent, audio: ClientAudio) -> None:
        while event.type != "audio-stop":
            if event.type == "audio-chunk":
                audio.set_format(*parse_format(event.data))
                await audio.push(event.payload)
                await asyncio.sleep(0)  # the sender has a turn: it may have results for this position
            elif event.type != "audio-start":
                await self._reply(event)
            event = await self._next_event()
        await audio.drain()

    async def _send_transcript(self, subscription: Subscription) -> None:
        """Sends words once they are stable, then the whole transcript."""
        language = {"language": self._language} if self._language else {}
        await self.send(WyomingEvent("transcript-start", language))
        builder = TranscriptBuilder()
        while (item := await subscription.get()) is not None:
            if isinstance(item, Message) and (chunk := builder.update(item.event)):
                await self.send(WyomingEvent("transcript-chunk", {"text": chunk}))
        if subscription.close_reason is not TOO_SLOW:
            await self.send(make_transcript(builder.text, self._language))
            await self.send(WyomingEvent("transcript-stop"))
