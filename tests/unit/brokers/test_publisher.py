"""The publisher sends entries in order, none twice, and loses none that the hub remembers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from streamstt.brokers.messages import Heartbeat, Snapshot, parse_entries
from streamstt.brokers.publisher import BrokerPublisher
from streamstt.events import State, Status
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import SourceInfo
from tests.support.captions import ABOUT, final, make_hub, partial
from tests.support.memory_broker import MemoryBroker, run_until


@asynccontextmanager
async def publishing(hub: Hub, broker: MemoryBroker) -> AsyncIterator[BrokerPublisher]:
    publisher = BrokerPublisher("memory", broker, hub)
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def numbers(broker: MemoryBroker, kind: str = "final") -> list[int]:
    return [entry.position.seq for entry in broker.entries if entry.kind == kind]


async def test_everything_in_order() -> None:
    """The snapshot comes first, then every message with its number, with partials between."""
    hub, broker = make_hub(), MemoryBroker()
    hub.publish(final("before", number=1))
    async with publishing(hub, broker) as publisher:
        await run_until(lambda: numbers(broker) == [1])
        hub.publish(Status("mic", State.SPEECH), partial("a", number=2))
        hub.publish(final("a b", number=2))
        await run_until(lambda: numbers(broker) == [1, 4])
        assert publisher.delivered == 2
    assert broker.entries[0].kind == "hello"
    positions = [entry.position.seq for entry in broker.entries]
    assert positions == sorted(positions)


async def test_entries_that_arrived_are_not_sent_again() -> None:
    """After a connection that broke within a batch, entries that arrived unconfirmed are not sent twice."""
    hub, broker = make_hub(), MemoryBroker()
    for number in range(1, 9):
        hub.publish(final(f"w{number}", number=number))
    broker.remaining = 4  # a snapshot and three finals
    async with publishing(hub, broker) as publisher:
        await run_until(lambda: publisher.failures == 1)
    assert numbers(broker) == [1, 2, 3]
    broker.remaining = None
    async with publishing(hub, broker):
        await run_until(lambda: numbers(broker) == list(range(1, 9)))


async def test_another_session_on_the_broker() -> None:
    """Entries of an earlier session do not count as sent by this one."""
    broker = MemoryBroker()
    other = Hub(replace(ABOUT, session="old"), history=9, hello_history=9, queue=9)
    other.add_source(SourceInfo("mic", "Mic", ABOUT.started_at))
    for number in range(1, 6):
        other.publish(final("old", number=number))
    async with publishing(other, broker):
        await run_until(lambda: len(numbers(broker)) == 5)
    hub = make_hub()
    hub.publish(final("new"))
    async with publishing(hub, broker):
        await run_until(lambda: len(numbers(broker)) == 6)
    assert json.loads(broker.texts[-1])["session"] == "run-1"


async def test_an_unreachable_broker() -> None:
    """It is reported to operators, not to viewers, whose captions continue."""
    hub, broker = make_hub(), MemoryBroker()
    hub.publish(Status("mic", State.LISTENING))
    broker.unreachable = True
    async with publishing(hub, broker) as publisher:
        await run_until(lambda: publisher.failures == 1)
        assert "do not reach the memory broker (unreachable)" in hub.notices[0].text
        assert json.loads(hub.statuses[0].text)["detail"] == ""


async def test_unreachable_for_longer_than_history() -> None:
    """Finals that the hub has dropped meanwhile are never sent, and the snapshot says so."""
    hub, broker = make_hub(history=3), MemoryBroker()
    for number in range(1, 9):
        hub.publish(final("a", number=number))
    async with publishing(hub, broker):
        await run_until(lambda: numbers(broker) == [6, 7, 8])
    [first, *_] = [item for item in parse_entries(broker.texts) if isinstance(item, Snapshot)]
    assert first.forgotten == 5


async def test_a_new_source_is_announced_before_its_captions() -> None:
    """A snapshot precedes the entries it describes."""
    hub, broker = make_hub(), MemoryBroker()
    async with publishing(hub, broker):
        await run_until(lambda: len(broker.entries) > 0)
        hub.add_source(SourceInfo("door", "Door", ABOUT.started_at))
        hub.publish(final("hello", source="door"))
        await run_until(lambda: bool(numbers(broker)))
    before = broker.entries[: [e.kind for e in broker.entries].index("final")]
    [last] = parse_entries([[e.text for e in before if e.kind == "hello"][-1]])
    assert isinstance(last, Snapshot)
    assert [source.name for source in last.sources] == ["mic", "door"]


async def test_the_daemon_stops() -> None:
    """All that was published arrives, and the last entry says that the daemon has stopped."""
    hub, broker = make_hub(), MemoryBroker()
    publisher = BrokerPublisher("broker", broker, hub)
    task = asyncio.create_task(publisher.run())
    await run_until(lambda: len(broker.entries) > 0)
    hub.publish(final("last words"))
    hub.finish()
    await run_until(task.done)
    assert numbers(broker) == [1]
    [end] = parse_entries(broker.texts[-1:])
    assert isinstance(end, Heartbeat)
    assert not end.online
