"""Redis: one stream for entries that are kept, and a short one for partials. The only module that imports redis.

``STREAM`` has finals, statuses, gaps and snapshots; ``STREAM:live`` has the newest partials and heartbeats. An entry
has the fields ``type``, ``source`` and ``message``. One connection writes to both, in order; one XREAD reads both.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from streamstt.brokers.base import BROKER_TIMEOUT_S, Batch, BrokerAddress, broker_error
from streamstt.brokers.messages import BrokerEntry, Position, parse_position
from streamstt.config.brokers import RedisSettings

MAX_LIVE_ENTRIES = 200  # approximate number of partials and heartbeats that Redis keeps: seconds of many sources
MAX_BATCH = 500  # entries per read: half a megabyte

StreamEntries = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]


class _Connection:
    """A connection to Redis."""

    def __init__(self, settings: RedisSettings, secret: str) -> None:
        self._address = BrokerAddress.parse(settings.url, 6379, "rediss")
        self._secret = secret
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        assert self._client is not None, "call connect() first"
        return self._client

    async def open(self) -> None:
        address = self._address
        async with translate_errors():
            self._client = Client(
                host=address.host,
                port=address.port,
                db=int(address.path or 0),
                username=address.user or None,
                password=self._secret or None,
                ssl=address.uses_tls,
                socket_timeout=BROKER_TIMEOUT_S,
                socket_connect_timeout=BROKER_TIMEOUT_S,
                single_connection_client=True,
                retry=Retry(NoBackoff(), 0),  # a retry by the library could write an entry twice
                protocol=2,
            )
            await self._client.ping()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client:
            with suppress(RedisError, OSError):
                await client.aclose()


@asynccontextmanager
async def translate_errors() -> AsyncIterator[None]:
    """Raises errors of the Redis client as ``BrokerError``."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise broker_error(error) from error


class RedisWriter:
    """The ``BrokerWriter`` of Redis."""

    def __init__(self, settings: RedisSettings, secret: str) -> None:
        """Starts disconnected; call ``connect``.

        Args:
            settings: The ``[redis]`` section.
            secret: Password; empty: none.
        """
        self._connection = _Connection(settings, secret)
        self._settings = settings
        self.name = f"Redis at {BrokerAddress.parse(settings.url, 6379, 'rediss')}"
        self.max_entries = settings.keep

    async def connect(self) -> None:
        """Connects; Redis creates a stream with its first entry."""
        await self._connection.open()

    async def close(self) -> None:
        """Closes the connection."""
        await self._connection.close()

    async def last_position(self) -> Position | None:
        """Returns the position of the newest entry of the stream."""
        async with translate_errors():
            newest = await self._connection.client.xrevrange(self._settings.stream, count=1)
        return parse_position((newest[0][1] or {}).get(b"message", b"")) if newest else None

    async def send(self, entries: Sequence[BrokerEntry]) -> None:
        """Sends all entries in one pipeline; Redis executes it in order, and has written them when it responds."""
        stream = self._settings.stream
        async with translate_errors():
            pipeline = self._connection.client.pipeline(transaction=False)
            for entry in entries:
                fields: dict[Any, Any] = {"type": entry.kind, "source": entry.source, "message": entry.text}
                name, limit = (stream, self.max_entries) if entry.is_kept else (f"{stream}:live", MAX_LIVE_ENTRIES)
                pipeline.xadd(name, fields, maxlen=limit, approximate=True)
                if entry.kind == "hello":  # once per snapshot is often enough
                    pipeline.xtrim(stream, minid=self._oldest_kept_id())
            await pipeline.execute()

    def _oldest_kept_id(self) -> int:
        return int((time.time() - 3600 * self._settings.keep_hours) * 1000)


class RedisReader:
    """The ``BrokerReader`` of Redis."""

    def __init__(self, settings: RedisSettings, secret: str) -> None:
        """Starts disconnected; call ``connect``.

        Args:
            settings: The ``[redis]`` section.
            secret: Password; empty: none.
        """
        self._connection = _Connection(settings, secret)
        self._main_stream, self._live_stream = settings.stream.encode(), f"{settings.stream}:live".encode()
        self._last_read_ids = {self._main_stream: b"0", self._live_stream: b"0"}
        self._catching_up = True
        self._gap = False
        self.name = f"Redis at {BrokerAddress.parse(settings.url, 6379, 'rediss')}"

    async def connect(self) -> None:
        """Connects, and checks whether entries were deleted since the last read."""
        await self._connection.open()
        self._catching_up = True
        if self._last_read_ids[self._main_stream] != b"0":
            async with translate_errors():
                first: Any = await self._connection.client.xrange(self._main_stream, count=1)
            self._gap = not first or _parse_entry_id(first[0][0]) > _parse_entry_id(
                self._last_read_ids[self._main_stream]
            )
            if self._gap:
                self._last_read_ids = {self._main_stream: b"0", self._live_stream: b"0"}

    async def close(self) -> None:
        """Closes the connection."""
        await self._connection.close()

    async def read(self, wait_s: float) -> Batch:
        """Reads both streams at once and merges them by time.

        While the main stream has more, partials are left for a later read.
        """
        block_ms = None if self._catching_up else max(1, int(wait_s * 1000))
        async with translate_errors():
            last_ids: Any = self._last_read_ids
            response = await self._connection.client.xread(last_ids, count=MAX_BATCH, block=block_ms)
        entries = dict(cast("StreamEntries", response or []))
        full = len(entries.get(self._main_stream, ())) == MAX_BATCH
        if full:
            entries.pop(self._live_stream, None)
        merged = []
        for rank, name in enumerate((self._main_stream, self._live_stream)):
            for entry_id, fields in entries.get(name, ()):
                self._last_read_ids[name] = entry_id
                merged.append(((_parse_entry_id(entry_id)[0], rank), fields.get(b"message", b"")))
        merged.sort(key=lambda pair: pair[0])  # stable: each stream keeps its own order
        batch = Batch([text for _, text in merged], full, self._catching_up, self._gap)
        self._catching_up, self._gap = full, False
        return batch


def _parse_entry_id(entry_id: bytes) -> tuple[int, int]:
    """Splits an entry's id: when it was written (ms since 1970), and its number within that millisecond."""
    written_ms, _, number = entry_id.partition(b"-")
    return int(written_ms), int(number or 0)
