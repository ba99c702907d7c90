"""How a real NATS server treats readers: its counts are wrong, and it deletes messages about to be read."""

import asyncio
from pathlib import Path

import pytest

from streamstt.brokers.jetstream import NatsReader, NatsWriter
from streamstt.brokers.messages import BrokerEntry, BrokerError, Position
from streamstt.config.brokers import NatsSettings
from tests.support.brokers import SECRET, Broker


async def write(bus: NatsWriter) -> None:
    """Writes partials that replace each other as fast as possible, and a final now and then."""
    seq = 0
    while True:
        batch = []
        for _ in range(20):
            seq += 1
            kind = "final" if seq % 50 == 0 else "partial"
            batch.append(BrokerEntry(kind, f"mic{seq % 3}", Position("s", seq), f'{{"seq":{seq},"session":"s"}}'))
        await bus.send(batch)
        await asyncio.sleep(0)


async def read(feed: NatsReader) -> None:
    """Reads everything until it is cancelled."""
    while True:
        await feed.read(1.0)


async def test_a_reader_catches_up_while_others_write(tmp_path: Path) -> None:
    """A reader that connects while messages are being replaced soon reports that it has caught up."""
    with Broker("nats", tmp_path / "broker") as broker:
        settings = NatsSettings(url=broker.url)
        bus = NatsWriter(settings, SECRET)
        await bus.connect()
        writing = asyncio.create_task(write(bus))
        for _ in range(15):
            feed = NatsReader(settings, SECRET)
            await asyncio.sleep(0.02)
            await feed.connect()
            async with asyncio.timeout(90):
                batches = [await feed.read(1.0)]
                while batches[-1].more_waiting:
                    batches.append(await feed.read(1.0))
            assert sum(len(batch.texts) for batch in batches) > 0
            await feed.close()
        assert not writing.done()
        writing.cancel()
        await bus.close()


async def test_a_reader_can_always_be_stopped(tmp_path: Path) -> None:
    """A reader can be cancelled at any moment, even when a message is just arriving."""
    with Broker("nats", tmp_path / "broker") as broker:
        settings = NatsSettings(url=broker.url)
        bus, feed = NatsWriter(settings, SECRET), NatsReader(settings, SECRET)
        await bus.connect()
        await feed.connect()
        writing = asyncio.create_task(write(bus))
        for turns in range(150):
            reading = asyncio.create_task(read(feed))
            for _ in range(turns % 30):
                await asyncio.sleep(0)
            reading.cancel()
            done, _ = await asyncio.wait([reading], timeout=90)
            assert done, f"the reader was not cancelled after {turns} turns"
        writing.cancel()
        await feed.close()
        await bus.close()


async def test_no_server() -> None:
    """That no server answers is said at once, with the reason."""
    feed = NatsReader(NatsSettings(url="nats://127.0.0.1:1"), SECRET)
    async with asyncio.timeout(60):
        with pytest.raises(BrokerError, match="refused"):
            await feed.connect()
