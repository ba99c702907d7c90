"""The edge's end of a bus: its hub tells viewers what the daemon's would, whatever is cut, repeated or late."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streamstt.brokers.messages import Heartbeat, Position, Snapshot, make_entry, parse_entries
from streamstt.brokers.publisher import BrokerPublisher
from streamstt.brokers.replica import HubReplica
from streamstt.brokers.subscriber import BrokerSubscriber
from streamstt.events import Event, Final, Gap, State, Status
from streamstt.hub.history import Resume
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import DaemonInfo, Message, SourceInfo, encode
from streamstt.hub.subscription import RESTARTED
from tests.support.captions import ABOUT, final, make_hub, partial
from tests.support.memory_broker import Shelf, turn_until

NOBODY = DaemonInfo("1.0", "", "", "", "", "")
SOURCES = (SourceInfo("mic", "Mic", ABOUT.started_at), SourceInfo("door", "Door", ABOUT.started_at))


def edge_hub(history: int = 100) -> Hub:
    return Hub(NOBODY, history=history, hello_history=50, queue=1000)


async def written(hub: Hub, events: Sequence[Event], cuts: Sequence[int]) -> list[str]:
    """What is on a broker when a daemon has published all, with connections that broke after so many entries."""
    shelf = Shelf()
    shelf.max_entries = 20  # snapshots are frequent
    waiting = list(events)
    needed = {0, *[n for n, event in enumerate(events, 1) if isinstance(event, Final | Status)][-1:]}
    for cut in [*cuts, None]:
        shelf.takes = cut
        task = asyncio.create_task((sender := BrokerPublisher("shelf", shelf, hub)).run())
        while waiting and not sender.failures:
            hub.publish(waiting.pop(0))
            for _ in range(12):
                await asyncio.sleep(0)
        if cut is None:
            await turn_until(lambda: {e.position.seq for e in shelf.entries} >= needed)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return shelf.texts


def greeting(hub: Hub, resume: Resume) -> dict[str, Any]:
    with hub.subscribe(resume, counted=False) as outbox:
        return dict(json.loads(waiting_in(outbox)[0]))


def waiting_in(outbox: Any) -> list[str]:
    """What waits, as text; takes it away."""
    found = [m.text if isinstance(m, Message) else m for m in outbox._pending.values()]
    outbox._pending.clear()
    return found


def event_of(kind: str, source: str, number: int) -> Event:
    match kind:
        case "final":
            return final(f"words {number}", source=source, number=number)
        case "partial":
            return partial(f"words {number}", source, number)
        case "gap":
            return Gap(source, number, number + 1)
    return Status(source, State.SPEECH if number % 2 else State.LISTENING)


EVENTS = st.lists(
    st.tuples(st.sampled_from(["final", "partial", "gap", "status"]), st.sampled_from(["mic", "door"])), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.lists(st.integers(1, 10), max_size=3), st.data())
async def test_an_edge_is_as_good_as_the_daemon(
    kinds: list[tuple[str, str]], cuts: list[int], data: st.DataObject
) -> None:
    """However the daemon's connection breaks, and however the edge reads (in pieces, some of them again): its viewers
    get what is kept once and in order, and who comes back with ``since`` is told what the daemon would tell."""
    daemon, hub = make_hub(sources=("mic", "door")), edge_hub()
    texts = await written(daemon, [event_of(k, s, n) for n, (k, s) in enumerate(kinds)], cuts)
    relay = HubReplica(hub)
    relay.apply(parse_entries(texts[:1]))
    got: list[str] = []
    with hub.subscribe(Resume(0, ABOUT.session)) as outbox:
        at = 0
        while at < len(texts):
            size = data.draw(st.integers(1, 9))
            back = data.draw(st.integers(0, 4))
            relay.apply(parse_entries(texts[max(0, at - back) : at + size]))
            at += size
            got += waiting_in(outbox)
    messages = [json.loads(text) for text in got]
    finals = [m["seq"] for m in messages if m["type"] == "final"]
    assert finals == [n for n, (kind, _) in enumerate(kinds, 1) if kind == "final"]
    numbers = [m["seq"] for m in messages]
    assert numbers == sorted(numbers)
    since = data.draw(st.integers(0, daemon.seq))
    resume = Resume(since, ABOUT.session)
    ours, theirs = greeting(hub, resume), greeting(daemon, resume)
    assert {**ours, "seq": 0} == {**theirs, "seq": 0}
    if kinds and kinds[-1][0] in {"final", "status"}:
        assert hub.seq == daemon.seq


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.data())
async def test_a_broker_that_has_forgotten_the_beginning(kinds: list[tuple[str, str]], data: st.DataObject) -> None:
    """An edge that starts late has what the broker still keeps; who misses more is told that it is gone."""
    daemon, hub = make_hub(sources=("mic", "door")), edge_hub()
    texts = await written(daemon, [event_of(k, s, n) for n, (k, s) in enumerate(kinds)], ())
    start = data.draw(st.integers(0, len(texts)))
    relay = HubReplica(hub)
    relay.apply(parse_entries(texts[start:]))
    if hub.daemon_info.session != ABOUT.session:
        return  # no snapshot is left: nobody may say whose captions these are
    since = data.draw(st.integers(0, daemon.seq))
    ours, theirs = (greeting(h, Resume(since, ABOUT.session)) for h in (hub, daemon))
    assert theirs["history"][len(theirs["history"]) - len(ours["history"]) :] == ours["history"]
    if ours["history"] != theirs["history"]:
        assert ours["gap_in_history"]


def entries(session: str, started_at: str, *events: Event, first: int = 1) -> list[str]:
    about = replace(ABOUT, session=session, started_at=started_at)
    found = [Snapshot(about, SOURCES[:1], first - 1).to_entry()]
    found += [make_entry(encode(event, seq).data, session) for seq, event in enumerate(events, first)]
    return [entry.text for entry in found]


def test_the_daemon_is_started_again() -> None:
    """Viewers are asked to come back, as the daemon's are: in the same session nothing is missing; in a new one the
    numbers are new, and what a viewer had is of another run."""
    hub = edge_hub()
    relay = HubReplica(hub)
    relay.apply(parse_entries(entries("s", "1", final("a"), final("b", number=2))))
    with hub.subscribe(Resume(2, "s")) as outbox:
        relay.apply(parse_entries(entries("s", "2", final("c", number=3), first=3)))
        assert outbox.close_reason is RESTARTED
    back = greeting(hub, Resume(2, "s"))
    assert [f["text"] for f in back["history"]] == ["c"]
    assert "gap_in_history" not in back
    with hub.subscribe(Resume(3, "s")) as outbox:
        relay.apply(parse_entries(entries("new", "3", final("d"))))
        assert outbox.close_reason is RESTARTED
    assert greeting(hub, Resume(3, "s"))["gap_in_history"]
    assert [f["text"] for f in greeting(hub, Resume())["history"]] == ["d"]


def test_a_late_partial_of_an_earlier_moment() -> None:
    """A partial that is overtaken by its final is dropped: what is final stays the last word."""
    hub = edge_hub()
    relay = HubReplica(hub)
    texts = entries("s", "1", partial("a"), final("a b"))
    relay.apply(parse_entries([texts[0], texts[2]]))
    with hub.subscribe(Resume(2, "s")) as outbox:
        relay.apply(parse_entries(texts[1:2]))
        assert [json.loads(text)["type"] for text in waiting_in(outbox)] == ["hello"]


def test_sources_that_come_and_go() -> None:
    """``hello`` of the edge names those that the daemon has now."""
    hub = edge_hub()
    relay = HubReplica(hub)
    both, one = Snapshot(ABOUT, SOURCES, 0), Snapshot(ABOUT, SOURCES[:1], 0)
    relay.apply(parse_entries([both.to_entry().text]))
    assert [s["name"] for s in greeting(hub, Resume())["sources"]] == ["mic", "door"]
    relay.apply(parse_entries([one.to_entry().text]))
    assert [s["name"] for s in greeting(hub, Resume())["sources"]] == ["mic"]


def test_captions_that_will_never_come() -> None:
    """A daemon was away from its broker for longer than it remembers: viewers learn that something is missing."""
    hub = edge_hub()
    relay = HubReplica(hub)
    relay.apply(parse_entries(entries("s", ABOUT.started_at, final("a"))))
    about = replace(ABOUT, session="s")
    relay.apply(parse_entries([Snapshot(about, SOURCES[:1], 1, forgotten=5).to_entry().text]))
    relay.apply(parse_entries([make_entry(encode(final("f", number=6), 6).data, "s").text]))
    assert greeting(hub, Resume(1, "s"))["gap_in_history"]
    assert "gap_in_history" not in greeting(hub, Resume(5, "s"))


def test_notices_of_the_edge_have_no_number_of_their_own() -> None:
    """What the edge itself says must not take a number that the daemon will give to a caption."""
    hub = edge_hub()
    relay = HubReplica(hub)
    relay.apply(parse_entries(entries("s", "1", Status("mic", State.SPEECH))))
    with hub.subscribe(Resume(1, "s")) as outbox:
        waiting_in(outbox)
        hub.notify("broker", "Captions are interrupted.")
        [told] = [json.loads(text) for text in waiting_in(outbox)]
        assert (told["seq"], told["detail"]) == (1, "Captions are interrupted.")
        relay.apply(parse_entries([make_entry(encode(final("a"), 2).data, "s").text]))
        assert [json.loads(text)["seq"] for text in waiting_in(outbox)] == [2]


def test_states_that_are_told_again_have_one_number() -> None:
    """The state of each source reaches a viewer that comes later, though the edge told them all at once."""
    hub = edge_hub()
    relay = HubReplica(hub)
    relay.apply(parse_entries([Snapshot(ABOUT, SOURCES, 0).to_entry().text]))
    said = [Status("mic", State.SPEECH), Status("door", State.LOST)]
    relay.apply(parse_entries([make_entry(encode(event, seq).data, "run-1").text for seq, event in enumerate(said, 1)]))
    hub.notify("broker", "Captions are interrupted.")
    with hub.subscribe() as outbox:
        _, *states = [json.loads(text) for text in waiting_in(outbox)]
    assert {state["source"]: state["state"] for state in states} == {"mic": "speech", "door": "lost"}


async def test_a_reader_catches_up_before_it_tells_anything() -> None:
    """An old run and the present one are read together: viewers are not led through what is over."""
    hub, shelf = edge_hub(), Shelf()
    for text in entries("old", "1", final("x")) + entries("s", "2", final("a"), final("b", number=2)):
        kind, place = json.loads(text)["type"], Position(json.loads(text)["session"], json.loads(text)["seq"])
        shelf.entries.append(replace(Heartbeat(place, online=True).to_entry(), kind=kind, text=text))
    task = asyncio.create_task(BrokerSubscriber(shelf, hub).run())
    await turn_until(lambda: len(hub.finals) > 0)
    assert [f.text for f in hub.finals] == ["a", "b"]
    shelf.away = True
    await turn_until(lambda: any("lost its connection" in n.text for n in hub.notices))
    task.cancel()
