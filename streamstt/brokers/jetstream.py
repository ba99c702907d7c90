"""NATS JetStream: one stream that keeps the newest message of each subject. The only module that imports nats.

Each final, revision and gap has a subject of its own, so all are kept. Of partials, statuses, heartbeats and
snapshots the newest is kept:

    STREAM.final.SOURCE.SESSION-SEQ   STREAM.partial.SOURCE   STREAM.hello
    STREAM.gap.SOURCE.SESSION-SEQ     STREAM.status.SOURCE    STREAM.online
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import quote

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoServersError
from nats.js.api import ConsumerConfig, DeliverPolicy, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import BadRequestError, NotFoundError

from streamstt.brokers.base import BROKER_TIMEOUT_S, Batch, BrokerAddress, broker_error
from streamstt.brokers.messages import BrokerEntry, Position, StreamMissing, parse_position
from streamstt.config.brokers import NatsSettings

MAX_BATCH = 500  # entries per read: half a megabyte
PING_S = 2  # a second ping without an answer to the first: the connection is dead
UNIQUE_KINDS = {"final", "revised", "gap"}  # kinds of which every entry is kept


def display_name(settings: NatsSettings) -> str:
    """Returns the name of the server, for users."""
    return f"NATS at {BrokerAddress.parse(settings.url, 4222, 'tls')}"


@asynccontextmanager
async def translate_errors() -> AsyncIterator[None]:
    """Raises errors of the NATS client as ``BrokerError``."""
    try:
        yield
    except (Error, OSError, TimeoutError) as error:
        raise broker_error(error) from error


class _Connection:
    """A connection to NATS. The library must not reconnect by itself: a reader has to set where it continues."""

    def __init__(self, settings: NatsSettings, secret: str) -> None:
        self._address = BrokerAddress.parse(settings.url, 4222, "tls")
        self._secret = secret
        self._client: Client | None = None
        self._last_error: Exception | None = None

    async def open(self) -> JetStreamContext:
        address = self._address
        options: dict[str, Any] = {"tls": ssl.create_default_context()} if address.uses_tls else {}
        if address.user:
            options |= {"user": address.user, "password": self._secret}
        elif self._secret:
            options["token"] = self._secret
        self._last_error = None
        async with translate_errors():
            try:
                self._client = await nats.connect(
                    f"{'tls' if address.uses_tls else 'nats'}://{address}",
                    allow_reconnect=False,
                    max_reconnect_attempts=1,  # counts here too: by default it tries for two minutes before it says so
                    reconnect_time_wait=0,
                    connect_timeout=int(BROKER_TIMEOUT_S),
                    ping_interval=PING_S,
                    max_outstanding_pings=1,
                    error_cb=self._on_error,
                    **options,
                )
            except NoServersError as error:
                raise (self._last_error or error) from error
        return self._client.jetstream(timeout=BROKER_TIMEOUT_S)

    async def _on_error(self, error: Exception) -> None:
        self._last_error = error

    @property
    def client(self) -> Client:
        """The client.

        Raises:
            BrokerError: It is not connected.
        """
        if self._client is None or not self._client.is_connected:
            raise broker_error(self._last_error or ConnectionError("the connection is lost"))
        return self._client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client:
            with suppress(Error, OSError, TimeoutError):
                await client.close()


class NatsWriter:
    """The ``BrokerWriter`` of NATS JetStream."""

    def __init__(self, settings: NatsSettings, secret: str) -> None:
        """Starts disconnected; call ``connect``.

        Args:
            settings: The ``[nats]`` section.
            secret: Password, or token if the URL has no user; empty: none.
        """
        self._connection = _Connection(settings, secret)
        self._settings = settings
        self._js: JetStreamContext | None = None
        self.name = display_name(settings)
        self.max_entries = settings.keep

    async def connect(self) -> None:
        """Connects, and creates the stream, or updates its limits."""
        self._js = await self._connection.open()
        settings = self._settings
        stream = StreamConfig(
            name=settings.stream,
            subjects=[f"{settings.stream}.>"],
            max_msgs=settings.keep,
            max_msgs_per_subject=1,
            max_age=3600.0 * settings.keep_hours,
            storage=StorageType.FILE,
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
        )
        async with translate_errors():
            try:
                await self._js.add_stream(stream)
            except BadRequestError:  # it exists, with other limits
                await self._js.update_stream(stream)

    async def close(self) -> None:
        """Closes the connection."""
        self._js = None
        await self._connection.close()

    async def last_position(self) -> Position | None:
        """Returns the position of the newest message of any subject; those published before it have arrived, too."""
        async with translate_errors():
            try:
                message = await self._context.get_last_msg(self._settings.stream, ">")
            except NotFoundError:
                return None
        return parse_position(message.data or b"")

    async def send(self, entries: Sequence[BrokerEntry]) -> None:
        """Sends entries one after the other; waits for the confirmation of those that are kept."""
        async with translate_errors():
            for entry in entries:
                subject, data = f"{self._settings.stream}.{_make_subject(entry)}", entry.text.encode()
                if entry.kind in UNIQUE_KINDS:
                    message_id = f"{entry.position.session}/{entry.position.seq}"  # by which NATS drops duplicates
                    await self._context.publish(subject, data, headers={"Nats-Msg-Id": message_id})
                elif entry.is_kept:
                    await self._context.publish(subject, data)
                else:
                    await self._connection.client.publish(subject, data)

    @property
    def _context(self) -> JetStreamContext:
        assert self._js is not None, "call connect() first"
        _ = self._connection.client  # raises if the connection is lost
        return self._js


def _make_subject(entry: BrokerEntry) -> str:
    """Returns the subject without the stream's name. A dot in a source's name is escaped, as it separates tokens."""
    if not entry.source:
        return entry.kind
    unique = f".{entry.position.session}-{entry.position.seq}" if entry.kind in UNIQUE_KINDS else ""
    return f"{entry.kind}.{quote(entry.source, safe='').replace('.', '%2E')}{unique}"


class NatsReader:
    """The ``BrokerReader`` of NATS JetStream."""

    def __init__(self, settings: NatsSettings, secret: str) -> None:
        """Starts disconnected; call ``connect``.

        Args:
            settings: The ``[nats]`` section.
            secret: Password, or token if the URL has no user; empty: none.
        """
        self._connection = _Connection(settings, secret)
        self._stream = settings.stream
        self._subscription: JetStreamContext.PushSubscription | None = None
        self._last_read_seq = 0  # sequence number in the stream
        self._newest_seq = 0  # sequence number of the last message when we connected
        self._gap = False
        self._just_connected = True
        self.name = display_name(settings)

    async def connect(self) -> None:
        """Connects, checks whether entries were deleted since the last read, and subscribes to those that follow.

        Raises:
            StreamMissing: No daemon has created the stream yet.
            BrokerError: NATS cannot be reached, or refuses.
        """
        js = await self._connection.open()
        async with translate_errors():
            try:
                state = (await js.stream_info(self._stream)).state
            except NotFoundError as error:
                raise StreamMissing(f"no daemon has created the stream {self._stream} yet") from error
            self._newest_seq, self._just_connected = state.last_seq, True
            self._gap = bool(self._last_read_seq) and not state.first_seq - 1 <= self._last_read_seq <= state.last_seq
            if self._gap:
                self._last_read_seq = 0
            start = ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._last_read_seq + 1
            )
            self._subscription = await js.subscribe(
                f"{self._stream}.>", stream=self._stream, ordered_consumer=True, config=start
            )

    async def close(self) -> None:
        """Closes the connection."""
        self._subscription = None
        await self._connection.close()

    async def read(self, wait_s: float) -> Batch:
        """Returns the entries that have arrived; waits for the first one only."""
        assert self._subscription is not None, "call connect() first"
        just_connected, self._just_connected = self._just_connected, False
        is_backlog = self._last_read_seq < self._newest_seq
        if just_connected and not is_backlog:
            return Batch(is_backlog=True, gap=self._gap)  # nothing waits
        first = await self._next_message(wait_s)
        messages = [first] if first else []
        while messages and len(messages) < MAX_BATCH and self._subscription.pending_msgs:
            following = await self._next_message(wait_s)
            messages += [following] if following else []
        if not messages:
            self._newest_seq = self._last_read_seq  # the backlog has been deleted meanwhile
            return Batch(is_backlog=is_backlog)
        last = messages[-1].metadata
        self._last_read_seq = last.sequence.stream
        # Not last.num_pending: the server miscounts if messages replace each other while a reader connects.
        batch = Batch([m.data for m in messages], self._last_read_seq < self._newest_seq, is_backlog, self._gap)
        self._gap = False
        return batch

    async def _next_message(self, wait_s: float) -> Msg | None:
        assert self._subscription is not None
        _ = self._connection.client  # raises if the connection is lost
        async with translate_errors():
            with suppress(TimeoutError):
                message = await self._subscription.next_msg(timeout=wait_s)
                _raise_if_cancelled()
                return message
        return None


def _raise_if_cancelled() -> None:
    """Raises a cancellation that was lost.

    Before Python 3.12, ``asyncio.wait_for``, which the library uses, loses it if a message arrives at that moment.
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError
