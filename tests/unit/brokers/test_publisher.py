"""The daemon's end of a bus: in order, nothing twice, nothing lost that is remembered."""

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
from tests.support.memory_broker import Shelf, turn_until


@asynccontextmanager
async def sending(hub: Hub, shelf: Shelf) -> AsyncIterator[BrokerPublisher]:
    sender = BrokerPublisher("shelf", shelf, hub)
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def numbers(shelf: Shelf, kind: str = "final") -> list[int]:
    return [entry.position.seq for entry in shelf.entries if entry.kind == kind]


async def test_everything_in_order() -> None:
    """A snapshot first, then every message with its number, and partials between."""
    hub, shelf = make_hub(), Shelf()
    hub.publish(final("before", number=1))
    async with sending(hub, shelf) as sender:
        await turn_until(lambda: numbers(shelf) == [1])
        hub.publish(Status("mic", State.SPEECH), partial("a", number=2))
        hub.publish(final("a b", number=2))
        await turn_until(lambda: numbers(shelf) == [1, 4])
        assert sender.delivered == 2
    assert shelf.entries[0].kind == "hello"
    places = [entry.position.seq for entry in shelf.entries]
    assert places == sorted(places)


async def test_what_has_arrived_is_not_sent_again() -> None:
    """Broken off in the middle of a batch, and begun anew: what arrived without an answer does not come twice."""
    hub, shelf = make_hub(), Shelf()
    for number in range(1, 9):
        hub.publish(final(f"w{number}", number=number))
    shelf.takes = 4  # a snapshot and three finals
    async with sending(hub, shelf) as sender:
        await turn_until(lambda: sender.failures == 1)
    assert numbers(shelf) == [1, 2, 3]
    shelf.takes = None
    async with sending(hub, shelf):
        await turn_until(lambda: numbers(shelf) == list(range(1, 9)))


async def test_another_session_on_the_bus() -> None:
    """What an earlier daemon left there says nothing of how far this one is."""
    shelf = Shelf()
    other = Hub(replace(ABOUT, session="old"), history=9, hello_history=9, queue=9)
    other.add_source(SourceInfo("mic", "Mic", ABOUT.started_at))
    for number in range(1, 6):
        other.publish(final("old", number=number))
    async with sending(other, shelf):
        await turn_until(lambda: len(numbers(shelf)) == 5)
    hub = make_hub()
    hub.publish(final("new"))
    async with sending(hub, shelf):
        await turn_until(lambda: len(numbers(shelf)) == 6)
    assert json.loads(shelf.texts[-1])["session"] == "run-1"


async def test_the_bus_is_away() -> None:
    """People are told; the sources' viewers are not bothered, and captions go on."""
    hub, shelf = make_hub(), Shelf()
    hub.publish(Status("mic", State.LISTENING))
    shelf.away = True
    async with sending(hub, shelf) as sender:
        await turn_until(lambda: sender.failures == 1)
        assert "do not reach the shelf (away)" in hub.notices[0].text
        assert json.loads(hub.statuses[0].text)["detail"] == ""


async def test_longer_away_than_history() -> None:
    """What is forgotten by then is never on the bus, and the snapshot says so."""
    hub, shelf = make_hub(history=3), Shelf()
    for number in range(1, 9):
        hub.publish(final("a", number=number))
    async with sending(hub, shelf):
        await turn_until(lambda: numbers(shelf) == [6, 7, 8])
    [first, *_] = [item for item in parse_entries(shelf.texts) if isinstance(item, Snapshot)]
    assert first.forgotten == 5


async def test_a_source_that_comes_is_told_before_its_captions() -> None:
    """A snapshot stands before what belongs to it."""
    hub, shelf = make_hub(), Shelf()
    async with sending(hub, shelf):
        await turn_until(lambda: len(shelf.entries) > 0)
        hub.add_source(SourceInfo("door", "Door", ABOUT.started_at))
        hub.publish(final("hello", source="door"))
        await turn_until(lambda: bool(numbers(shelf)))
    before = shelf.entries[: [e.kind for e in shelf.entries].index("final")]
    [last] = parse_entries([[e.text for e in before if e.kind == "hello"][-1]])
    assert isinstance(last, Snapshot)
    assert [source.name for source in last.sources] == ["mic", "door"]


async def test_the_daemon_stops() -> None:
    """All that was published arrives, and last that nobody is there any more."""
    hub, shelf = make_hub(), Shelf()
    sender = BrokerPublisher("shelf", shelf, hub)
    task = asyncio.create_task(sender.run())
    await turn_until(lambda: len(shelf.entries) > 0)
    hub.publish(final("last words"))
    hub.finish()
    await turn_until(task.done)
    assert numbers(shelf) == [1]
    [end] = parse_entries(shelf.texts[-1:])
    assert isinstance(end, Heartbeat)
    assert not end.online
