"""Redis: what is kept in one stream, partials in a short one beside it. The only import of redis.

``STREAM`` has finals, states, gaps and snapshots, ``STREAM:live`` the newest partials and signs of life. An entry has
the fields ``type``, ``source`` and ``message``. One connection writes to both, in order; one XREAD reads both.
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

MAX_LIVE_ENTRIES = 200  # partials and signs of life that Redis keeps, about: some seconds of many sources
MAX_BATCH = 500  # entries at once: half a megabyte

StreamEntries = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]


class _Connection:
    """One connection, opened and closed at will; what is done with it either works or is a ``BusError``."""

    def __init__(self, settings: RedisSettings, secret: str) -> None:
        self._address = BrokerAddress.parse(settings.url, 6379, "rediss")
        self._secret = secret
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        assert self._client is not None, "connect() comes first"  # a mistake of the caller
        return self._client

    async def open(self) -> None:
        where = self._address
        async with translate_errors():
            self._client = Client(
                host=where.host,
                port=where.port,
                db=int(where.path or 0),
                username=where.user or None,
                password=self._secret or None,
                ssl=where.uses_tls,
                socket_timeout=BROKER_TIMEOUT_S,
                socket_connect_timeout=BROKER_TIMEOUT_S,
                single_connection_client=True,
                retry=Retry(NoBackoff(), 0),  # what is sent again by the library could arrive twice
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
    """What goes wrong with Redis is a ``BusError``."""
    try:
        yield
    except (RedisError, OSError) as problem:
        raise broker_error(problem) from problem


class RedisWriter:
    """Implements ``Bus``."""

    def __init__(self, settings: RedisSettings, secret: str) -> None:
        """Connects nothing yet.

        Args:
            settings: The ``[redis]`` section.
            secret: Password, or empty.
        """
        self._connection = _Connection(settings, secret)
        self._settings = settings
        self.name = f"Redis at {BrokerAddress.parse(settings.url, 6379, 'rediss')}"
        self.max_entries = settings.keep

    async def connect(self) -> None:
        """Nothing has to be made: a stream begins with its first entry."""
        await self._connection.open()

    async def close(self) -> None:
        """Closes the connection."""
        await self._connection.close()

    async def last_position(self) -> Position | None:
        """The newest entry of the stream."""
        async with translate_errors():
            found = await self._connection.client.xrevrange(self._settings.stream, count=1)
        return parse_position((found[0][1] or {}).get(b"message", b"")) if found else None

    async def send(self, entries: Sequence[BrokerEntry]) -> None:
        """All in one go; Redis carries them out in order, and has written them when it answers."""
        stream = self._settings.stream
        async with translate_errors():
            pipeline = self._connection.client.pipeline(transaction=False)
            for entry in entries:
                fields: dict[Any, Any] = {"type": entry.kind, "source": entry.source, "message": entry.text}
                name, most = (stream, self.max_entries) if entry.is_kept else (f"{stream}:live", MAX_LIVE_ENTRIES)
                pipeline.xadd(name, fields, maxlen=most, approximate=True)
                if entry.kind == "hello":  # now and then is often enough
                    pipeline.xtrim(stream, minid=self._oldest_kept_id())
            await pipeline.execute()

    def _oldest_kept_id(self) -> int:
        return int((time.time() - 3600 * self._settings.keep_hours) * 1000)


class RedisReader:
    """Implements ``Feed``."""

    def __init__(self, settings: RedisSettings, secret: str) -> None:
        """Connects nothing yet.

        Args:
            settings: The ``[redis]`` section.
            secret: Password, or empty.
        """
        self._connection = _Connection(settings, secret)
        self._main_stream, self._live_stream = settings.stream.encode(), f"{settings.stream}:live".encode()
        self._last_read_ids = {self._main_stream: b"0", self._live_stream: b"0"}
        self._catching_up = True
        self._gap = False
        self.name = f"Redis at {BrokerAddress.parse(settings.url, 6379, 'rediss')}"

    async def connect(self) -> None:
        """Looks whether what was read last is still there."""
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
        """Both streams at once, what is kept first; while more of that waits, partials can wait too."""
        block = None if self._catching_up else max(1, int(wait_s * 1000))
        async with translate_errors():
            places: Any = self._last_read_ids
            found = await self._connection.client.xread(places, count=MAX_BATCH, block=block)
        entries = dict(cast("StreamEntries", found or []))
        full = len(entries.get(self._main_stream, ())) == MAX_BATCH
        if full:
            entries.pop(self._live_stream, None)
        merged = []
        for rank, name in enumerate((self._main_stream, self._live_stream)):
            for identity, fields in entries.get(name, ()):
                self._last_read_ids[name] = identity
                merged.append(((_parse_entry_id(identity)[0], rank), fields.get(b"message", b"")))
        merged.sort(key=lambda pair: pair[0])  # stable: each stream keeps its own order
        batch = Batch([text for _, text in merged], full, self._catching_up, self._gap)
        self._catching_up, self._gap = full, False
        return batch


def _parse_entry_id(entry_id: bytes) -> tuple[int, int]:
    """An entry's place: when it was written (ms since 1970), and its number then."""
    at, _, number = entry_id.partition(b"-")
    return int(at), int(number or 0)
