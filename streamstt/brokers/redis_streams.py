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

from streamstt.brokers.base import TIMEOUT_S, Address, Batch, trouble
from streamstt.brokers.messages import Entry, Position, place_of
from streamstt.config.brokers import Redis

LIVE = 200  # partials and signs of life that Redis keeps, about: some seconds of many sources
COUNT = 500  # entries at once: half a megabyte

Streams = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]


class _Connection:
    """One connection, opened and closed at will; what is done with it either works or is a ``BusError``."""

    def __init__(self, settings: Redis, secret: str) -> None:
        self._address = Address.read(settings.url, 6379, "rediss")
        self._secret = secret
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        assert self._client is not None, "connect() comes first"  # noqa: S101 - a mistake of the caller
        return self._client

    async def open(self) -> None:
        where = self._address
        async with translated():
            self._client = Client(
                host=where.host,
                port=where.port,
                db=int(where.path or 0),
                username=where.user or None,
                password=self._secret or None,
                ssl=where.secure,
                socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S,
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
async def translated() -> AsyncIterator[None]:
    """What goes wrong with Redis is a ``BusError``."""
    try:
        yield
    except (RedisError, OSError) as problem:
        raise trouble(problem) from problem


class RedisBus:
    """Implements ``Bus``."""

    def __init__(self, settings: Redis, secret: str) -> None:
        """Connects nothing yet.

        Args:
            settings: The ``[redis]`` section.
            secret: Password, or empty.
        """
        self._connection = _Connection(settings, secret)
        self._settings = settings
        self.name = f"Redis at {Address.read(settings.url, 6379, 'rediss')}"
        self.keep = settings.keep

    async def connect(self) -> None:
        """Nothing has to be made: a stream begins with its first entry."""
        await self._connection.open()

    async def close(self) -> None:
        """Closes the connection."""
        await self._connection.close()

    async def last(self) -> Position | None:
        """The newest entry of the stream."""
        async with translated():
            found = await self._connection.client.xrevrange(self._settings.stream, count=1)
        return place_of((found[0][1] or {}).get(b"message", b"")) if found else None

    async def send(self, entries: Sequence[Entry]) -> None:
        """All in one go; Redis carries them out in order, and has written them when it answers."""
        stream = self._settings.stream
        async with translated():
            pipeline = self._connection.client.pipeline(transaction=False)
            for entry in entries:
                fields: dict[Any, Any] = {"type": entry.kind, "source": entry.source, "message": entry.text}
                name, most = (stream, self.keep) if entry.is_kept else (f"{stream}:live", LIVE)
                pipeline.xadd(name, fields, maxlen=most, approximate=True)
                if entry.kind == "hello":  # now and then is often enough
                    pipeline.xtrim(stream, minid=self._oldest())
            await pipeline.execute()

    def _oldest(self) -> int:
        return int((time.time() - 3600 * self._settings.keep_hours) * 1000)


class RedisFeed:
    """Implements ``Feed``."""

    def __init__(self, settings: Redis, secret: str) -> None:
        """Connects nothing yet.

        Args:
            settings: The ``[redis]`` section.
            secret: Password, or empty.
        """
        self._connection = _Connection(settings, secret)
        self._kept, self._live = settings.stream.encode(), f"{settings.stream}:live".encode()
        self._read_to = {self._kept: b"0", self._live: b"0"}
        self._behind = True
        self._gap = False
        self.name = f"Redis at {Address.read(settings.url, 6379, 'rediss')}"

    async def connect(self) -> None:
        """Looks whether what was read last is still there."""
        await self._connection.open()
        self._behind = True
        if self._read_to[self._kept] != b"0":
            async with translated():
                first: Any = await self._connection.client.xrange(self._kept, count=1)
            self._gap = not first or _order(first[0][0]) > _order(self._read_to[self._kept])
            if self._gap:
                self._read_to = {self._kept: b"0", self._live: b"0"}

    async def close(self) -> None:
        """Closes the connection."""
        await self._connection.close()

    async def read(self, wait_s: float) -> Batch:
        """Both streams at once, what is kept first; while more of that waits, partials can wait too."""
        block = None if self._behind else max(1, int(wait_s * 1000))
        async with translated():
            places: Any = self._read_to
            found = await self._connection.client.xread(places, count=COUNT, block=block)
        entries = dict(cast("Streams", found or []))
        full = len(entries.get(self._kept, ())) == COUNT
        if full:
            entries.pop(self._live, None)
        merged = []
        for rank, name in enumerate((self._kept, self._live)):
            for identity, fields in entries.get(name, ()):
                self._read_to[name] = identity
                merged.append(((_order(identity)[0], rank), fields.get(b"message", b"")))
        merged.sort(key=lambda pair: pair[0])  # stable: each stream keeps its own order
        batch = Batch([text for _, text in merged], full, self._behind, self._gap)
        self._behind, self._gap = full, False
        return batch


def _order(identity: bytes) -> tuple[int, int]:
    """An entry's place: when it was written (ms since 1970), and its number then."""
    at, _, number = identity.partition(b"-")
    return int(at), int(number or 0)
