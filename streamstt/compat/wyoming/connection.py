"""What is said with one client of the Wyoming port."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from streamstt.compat.client_audio import Feed
from streamstt.compat.wyoming.messages import Transcript, describe, form_of, language_of, offer, transcript
from streamstt.compat.wyoming.wire import MAX_LINE, Parcel, pack, read_parcel
from streamstt.concurrency import first_completed
from streamstt.hub.hub import DONE, TOO_SLOW, CloseReason, Hub, Subscription
from streamstt.hub.protocol import ClientError, Message
from streamstt.server.endpoint import Studio, drain_audio

PART_S = 1.0  # a client that is sent away, and goes on sending, is listened to no longer


@dataclass(frozen=True, slots=True)
class Desk:
    """What all connections share.

    Attributes:
        hub: Where captions come from.
        studio: Where audio goes.
        languages: Codes that the model knows.
        idle_s: A connection without a word for so long is closed.
    """

    hub: Hub
    studio: Studio
    languages: Sequence[str]
    idle_s: float


class Client:
    """One connection.

    Attributes:
        speaks: Whether it is in the middle of a stream of audio, or waits for the words of one.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, desk: Desk) -> None:
        """Nothing is said yet.

        Args:
            reader: What it sends.
            writer: What it gets.
            desk: What all connections share.
        """
        self._reader = reader
        self._writer = writer
        self._desk = desk
        self._language = ""
        self.speaks = False

    async def serve(self) -> None:
        """Answers until the daemon stops.

        Raises:
            ClientError: It asks for what it cannot have.
            ConnectionError: It has gone.
        """
        farewell = DONE
        while farewell is DONE:
            parcel = await self._next()
            if parcel.type in {"audio-start", "audio-chunk"}:
                self.speaks = True
                farewell = await self._transcribe(parcel)
                self.speaks = False
            else:
                await self._reply(parcel)

    async def send(self, parcel: Parcel) -> None:
        """Sends, and waits while the client is far behind."""
        self._writer.write(pack(parcel))
        await self._writer.drain()

    def drop(self) -> None:
        """Cuts the connection; ``serve`` ends by that."""
        self._writer.transport.abort()

    async def part(self) -> None:
        """Ends the connection so that what was sent last arrives: closing it with unread audio would cut that off."""
        self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(PART_S):
                while await self._reader.read(MAX_LINE):
                    pass

    async def _next(self) -> Parcel:
        try:
            async with asyncio.timeout(self._desk.idle_s):
                parcel = await read_parcel(self._reader)
        except TimeoutError:
            text = f"nothing was said for {self._desk.idle_s:g} s (server.audio_idle_s)"
            raise ClientError("idle", text) from None
        if parcel is None:
            raise ConnectionAbortedError
        return parcel

    async def _reply(self, parcel: Parcel) -> None:
        """Answers what has nothing to do with audio; what is not known is passed over, as the protocol wants it."""
        match parcel.type:
            case "describe":
                await self.send(describe(self._desk.hub.daemon_info, self._desk.languages))
            case "ping":
                await self.send(Parcel("pong", {"text": parcel.data.get("text")}))
            case "transcribe":
                self._language = language_of(parcel.data)

    async def _transcribe(self, opening: Parcel) -> CloseReason:
        """Takes one stream of audio to its end, and tells what was said."""
        rate, channels = form_of(opening.data)
        stream = self._desk.studio.admit(offer(self._language, rate))
        try:
            feed = Feed(stream, self._desk.hub, rate, channels)
            with self._desk.hub.subscribe(source=stream.name) as outbox:
                audio = drain_audio(self._take_audio(opening, feed), self._desk.hub, outbox)
                await first_completed(self._tell(outbox), outbox.wait_too_slow(), audio)
                return outbox.close_reason
        finally:
            stream.close()

    async def _take_audio(self, parcel: Parcel, feed: Feed) -> None:
        while parcel.type != "audio-stop":
            if parcel.type == "audio-chunk":
                feed.form(*form_of(parcel.data))
                await feed.push(parcel.payload)
            elif parcel.type != "audio-start":
                await self._reply(parcel)
            parcel = await self._next()
        await feed.settle()

    async def _tell(self, outbox: Subscription) -> None:
        """Sends words as they are sure, then all of them."""
        language = {"language": self._language} if self._language else {}
        await self.send(Parcel("transcript-start", language))
        heard = Transcript()
        while (item := await outbox.get()) is not None:
            if isinstance(item, Message) and (chunk := heard.take(item.event)):
                await self.send(Parcel("transcript-chunk", {"text": chunk}))
        if outbox.close_reason is not TOO_SLOW:
            await self.send(transcript(heard.text, self._language))
            await self.send(Parcel("transcript-stop"))
