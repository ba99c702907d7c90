"""``WS /v1/listen``: live transcription as Deepgram's clients speak it (developers.deepgram.com)."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from streamstt.captioning.remote_source import RemoteSourceRequest
from streamstt.compat.client_audio import Feed, as_object, hear
from streamstt.compat.deepgram.options import Options, parse_listen
from streamstt.compat.deepgram.results import Data, Moment, Results
from streamstt.concurrency import first_completed
from streamstt.hub.hub import Subscription
from streamstt.hub.protocol import ClientError, Message, to_json
from streamstt.server.endpoint import EndpointContext, RemoteStream, close_connection, drain_audio

DUE, FINALIZED, UNCHANGED = "due", "finalized", "unchanged"  # slips
REASONS = {"idle": (1011, "NET-0001"), "bad_message": (1008, "DATA-0000")}  # as Deepgram closes
MAX_REASON = 123  # bytes (RFC 6455, 5.5)


async def serve_deepgram(visitor: EndpointContext) -> None:
    """Takes audio until the client ends it or leaves, and sends results meanwhile; errors are told as Deepgram does."""
    try:
        await _serve(visitor)
    except ClientError as problem:
        code, name = REASONS.get(problem.code, (problem.close_code, problem.code))
        await visitor.socket.send(to_json({"type": "Error", "variant": name, "description": str(problem)}))
        await visitor.socket.close(code, f"{name}: {problem}".encode()[:MAX_REASON].decode(errors="ignore"))


async def _serve(visitor: EndpointContext) -> None:
    options = parse_listen(visitor.target)
    stream = visitor.ingest.admit(
        RemoteSourceRequest(options.name, options.rate, options.language, end_silence_ms=options.pause_ms)
    )
    try:
        with visitor.hub.subscribe(source=stream.name) as outbox:
            listening = _Listening(visitor, options, stream, outbox)
            audio = drain_audio(listening.take_audio(), visitor.hub, outbox)
            await first_completed(listening.send_results(), outbox.wait_too_slow(), audio)
    finally:
        stream.close()  # before the goodbye: whoever has read that finds the place free
    await close_connection(visitor.socket, outbox.close_reason)


class _Listening:
    """One client's. ``take_audio`` never sends: what it has to tell goes as a slip through the outbox, in order."""

    def __init__(self, visitor: EndpointContext, options: Options, stream: RemoteStream, outbox: Subscription) -> None:
        self._socket = visitor.socket
        self._idle_s = visitor.idle_s
        self._stream = stream
        self._outbox = outbox
        self._feed = Feed(stream, visitor.hub, options.rate, options.channels)
        self._results = Results(options, visitor.hub.daemon_info, str(uuid.uuid4()))
        self._sum = hashlib.sha256()
        self._created = datetime.now(UTC).isoformat(timespec="milliseconds")

    async def take_audio(self) -> None:
        """Passes audio on until the client says that it was all; returns when the last final waits to be sent."""
        while (message := await hear(self._socket, self._idle_s)) != b"":  # which is the former way to close
            if isinstance(message, bytes):
                self._sum.update(message)
                await self._feed.push(message)
                if self._results.due(self._now):
                    self._outbox.put_private(DUE)
            elif await self._is_over(as_object(message)):
                break
        await self._feed.settle()

    async def _is_over(self, wish: dict[str, Any]) -> bool:
        match wish.get("type"):
            case "CloseStream":
                return True
            case "Finalize":
                self._results.finalize()
                await self._feed.settle()
                self._outbox.put_private(FINALIZED)
            case "Configure":
                self._outbox.put_private(UNCHANGED)
            case "KeepAlive":
                pass
            case _:
                raise ClientError("bad_message", "type can be KeepAlive, Finalize or CloseStream")
        return False

    async def send_results(self) -> None:
        """Sends what comes into the outbox until it is finished, then the summary."""
        await self._outbox.get()  # our own hello
        while (item := await self._outbox.get()) is not None:
            for data in self._translate([item, *self._outbox.get_all_nowait()]):
                await self._socket.send(to_json(data))
        position = self._stream.position
        await self._socket.send(to_json(self._results.metadata(self._created, self._sum.hexdigest(), position)))

    @property
    def _now(self) -> Moment:
        return Moment(self._stream.position, self._stream.settled)

    def _translate(self, items: Sequence[Message | str]) -> list[Data]:
        told = self._results.take([item.event for item in items if isinstance(item, Message)], self._now)
        told += self._results.finalized() if FINALIZED in items else []
        return told + [self._results.unchanged() for item in items if item == UNCHANGED]
