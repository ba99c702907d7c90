"""The edge's hub sends viewers what the daemon's would, whatever is cut off, repeated or late at the broker."""

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
from streamstt.hub.revisions import Correction
from streamstt.hub.subscription import RESTARTED
from tests.support.captions import ABOUT, final, make_hub, partial
from tests.support.memory_broker import MemoryBroker, run_until

PLACEHOLDER = DaemonInfo("1.0", "", "", "", "", "")
SOURCES = (SourceInfo("mic", "Mic", ABOUT.started_at), SourceInfo("door", "Door", ABOUT.started_at))


def edge_hub(history: int = 100) -> Hub:
    return Hub(PLACEHOLDER, history=history, hello_history=50, queue=1000)


async def publish_all(hub: Hub, events: Sequence[Event | Correction], cuts: Sequence[int]) -> list[str]:
    """Returns a broker's entries after a daemon published all, over connections that broke after ``cuts`` entries."""
    broker = MemoryBroker()
    broker.max_entries = 20  # snapshots are frequent
    waiting = list(events)
    needed = {0, *[n for n, event in enumerate(events, 1) if isinstance(event, Final | Status | Correction)][-1:]}
    for cut in [*cuts, None]:
        broker.remaining = cut
        task = asyncio.create_task((publisher := BrokerPublisher("broker", broker, hub)).run())
        while waiting and not publisher.failures:
            event = waiting.pop(0)
            if isinstance(event, Correction):
                hub.revise(event)
            else:
                hub.publish(event)
            for _ in range(12):
                await asyncio.sleep(0)
        if cut is None:
            await run_until(lambda: {e.position.seq for e in broker.entries} >= needed)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return broker.texts


def hello(hub: Hub, resume: Resume) -> dict[str, Any]:
    with hub.subscribe(resume, counted=False) as subscription:
        return dict(json.loads(take_pending(subscription)[0]))


def take_pending(subscription: Any) -> list[str]:
    """Removes the messages that wait in a subscription, and returns their texts."""
    texts = [m.text if isinstance(m, Message) else m for m in subscription._pending.values()]
    subscription._pending.clear()
    return texts


def event_of(kind: str, source: str, number: int) -> Event:
    match kind:
        case "final":
            return final(f"words {number}", source=source, number=number)
        case "partial":
            return partial(f"words {number}", source, number)
        case "gap":
            return Gap(source, number, number + 1)
    return Status(source, State.SPEECH if number % 2 else State.LISTENING)


def events_of(kinds: Sequence[tuple[str, str]]) -> list[Event | Correction]:
    """Makes events; the numbers of captions are those of their messages. A revision changes an earlier final."""
    events: list[Event | Correction] = []
    for number, (kind, source) in enumerate(kinds, 1):
        if kind == "revised":
            earlier = [event for event in events if isinstance(event, Final)]
            revised = earlier[number % len(earlier)]
            events.append(Correction(revised.id, f"corrected {number}", hidden=number % 3 == 0))
        else:
            events.append(event_of(kind, source, number))
    return events


KINDS = st.tuples(st.sampled_from(["final", "revised", "partial", "gap", "status"]), st.sampled_from(["mic", "door"]))
EVENTS = st.lists(KINDS, max_size=40).map(lambda kinds: [("final", "mic"), *kinds] if kinds else kinds)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.lists(st.integers(1, 10), max_size=3), st.data())
async def test_an_edge_is_as_good_as_the_daemon(
    kinds: list[tuple[str, str]], cuts: list[int], data: st.DataObject
) -> None:
    """However the daemon's connection breaks, and however the edge reads (in pieces, some of them again), its viewers
    receive kept messages once and in order, and one that resumes receives the same hello as from the daemon."""
    daemon, hub = make_hub(sources=("mic", "door")), edge_hub()
    texts = await publish_all(daemon, events_of(kinds), cuts)
    replica = HubReplica(hub)
    replica.apply(parse_entries(texts[:1]))
    received: list[str] = []
    with hub.subscribe(Resume(0, ABOUT.session)) as subscription:
        position = 0
        while position < len(texts):
            size = data.draw(st.integers(1, 9))
            repeated = data.draw(st.integers(0, 4))
            replica.apply(parse_entries(texts[max(0, position - repeated) : position + size]))
            position += size
            received += take_pending(subscription)
    messages = [json.loads(text) for text in received]
    finals = [m["seq"] for m in messages if m["type"] == "final"]
    assert finals == [n for n, (kind, _) in enumerate(kinds, 1) if kind == "final"]
    numbers = [m["seq"] for m in messages]
    assert numbers == sorted(numbers)
    since = data.draw(st.integers(0, daemon.seq))
    resume = Resume(since, ABOUT.session)
    edge_hello, daemon_hello = hello(hub, resume), hello(daemon, resume)
    assert {**edge_hello, "seq": 0} == {**daemon_hello, "seq": 0}
    if kinds and kinds[-1][0] in {"final", "revised", "status"}:
        assert hub.seq == daemon.seq


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.data())
async def test_a_broker_that_has_forgotten_the_beginning(kinds: list[tuple[str, str]], data: st.DataObject) -> None:
    """An edge that starts late has what the broker still keeps; a viewer that misses more learns of the gap."""
    daemon, hub = make_hub(sources=("mic", "door")), edge_hub()
    texts = await publish_all(daemon, events_of(kinds), ())
    start = data.draw(st.integers(0, len(texts)))
    replica = HubReplica(hub)
    replica.apply(parse_entries(texts[start:]))
    if hub.daemon_info.session != ABOUT.session:
        return  # no snapshot is left that names the daemon
    since = data.draw(st.integers(0, daemon.seq))
    at_edge, at_daemon = (hello(h, Resume(since, ABOUT.session)) for h in (hub, daemon))
    assert at_daemon["history"][len(at_daemon["history"]) - len(at_edge["history"]) :] == at_edge["history"]
    if at_edge["history"] != at_daemon["history"]:
        assert at_edge["gap_in_history"]


def entries(session: str, started_at: str, *events: Event, first: int = 1) -> list[str]:
    daemon_info = replace(ABOUT, session=session, started_at=started_at)
    made = [Snapshot(daemon_info, SOURCES[:1], first - 1).to_entry()]
    made += [make_entry(encode(event, seq).data, session) for seq, event in enumerate(events, first)]
    return [entry.text for entry in made]


def test_the_daemon_is_restarted() -> None:
    """Viewers are asked to reconnect, as the daemon's are. In the same session nothing is missing; in a new session
    numbers start again, and a viewer that resumes learns of the gap."""
    hub = edge_hub()
    replica = HubReplica(hub)
    replica.apply(parse_entries(entries("s", "1", final("a"), final("b", number=2))))
    with hub.subscribe(Resume(2, "s")) as subscription:
        replica.apply(parse_entries(entries("s", "2", final("c", number=3), first=3)))
        assert subscription.close_reason is RESTARTED
    back = hello(hub, Resume(2, "s"))
    assert [f["text"] for f in back["history"]] == ["c"]
    assert "gap_in_history" not in back
    with hub.subscribe(Resume(3, "s")) as subscription:
        replica.apply(parse_entries(entries("new", "3", final("d"))))
        assert subscription.close_reason is RESTARTED
    assert hello(hub, Resume(3, "s"))["gap_in_history"]
    assert [f["text"] for f in hello(hub, Resume())["history"]] == ["d"]


def test_a_partial_after_its_final() -> None:
    """A partial that arrives after its final is dropped."""
    hub = edge_hub()
    replica = HubReplica(hub)
    texts = entries("s", "1", partial("a"), final("a b"))
    replica.apply(parse_entries([texts[0], texts[2]]))
    with hub.subscribe(Resume(2, "s")) as subscription:
        replica.apply(parse_entries(texts[1:2]))
        assert [json.loads(text)["type"] for text in take_pending(subscription)] == ["hello"]


def test_sources_that_come_and_go() -> None:
    """The edge's ``hello`` names the sources that the daemon has now."""
    hub = edge_hub()
    replica = HubReplica(hub)
    both, one = Snapshot(ABOUT, SOURCES, 0), Snapshot(ABOUT, SOURCES[:1], 0)
    replica.apply(parse_entries([both.to_entry().text]))
    assert [s["name"] for s in hello(hub, Resume())["sources"]] == ["mic", "door"]
    replica.apply(parse_entries([one.to_entry().text]))
    assert [s["name"] for s in hello(hub, Resume())["sources"]] == ["mic"]


def test_captions_that_were_never_sent() -> None:
    """If the daemon lost its broker for longer than it remembers, viewers learn that something is missing."""
    hub = edge_hub()
    replica = HubReplica(hub)
    replica.apply(parse_entries(entries("s", ABOUT.started_at, final("a"))))
    daemon_info = replace(ABOUT, session="s")
    replica.apply(parse_entries([Snapshot(daemon_info, SOURCES[:1], 1, forgotten=5).to_entry().text]))
    replica.apply(parse_entries([make_entry(encode(final("f", number=6), 6).data, "s").text]))
    assert hello(hub, Resume(1, "s"))["gap_in_history"]
    assert "gap_in_history" not in hello(hub, Resume(5, "s"))


def test_notices_of_the_edge_have_no_number_of_their_own() -> None:
    """The edge's own notices must not take a number that the daemon will give to a caption."""
    hub = edge_hub()
    replica = HubReplica(hub)
    replica.apply(parse_entries(entries("s", "1", Status("mic", State.SPEECH))))
    with hub.subscribe(Resume(1, "s")) as subscription:
        take_pending(subscription)
        hub.notify("broker", "Captions are interrupted.")
        [notice] = [json.loads(text) for text in take_pending(subscription)]
        assert (notice["seq"], notice["detail"]) == (1, "Captions are interrupted.")
        replica.apply(parse_entries([make_entry(encode(final("a"), 2).data, "s").text]))
        assert [json.loads(text)["seq"] for text in take_pending(subscription)] == [2]


def test_repeated_statuses_share_one_number() -> None:
    """The status of each source reaches a later viewer, though the edge repeated them all with one number."""
    hub = edge_hub()
    replica = HubReplica(hub)
    replica.apply(parse_entries([Snapshot(ABOUT, SOURCES, 0).to_entry().text]))
    events = [Status("mic", State.SPEECH), Status("door", State.LOST)]
    made = [make_entry(encode(event, seq).data, "run-1").text for seq, event in enumerate(events, 1)]
    replica.apply(parse_entries(made))
    hub.notify("broker", "Captions are interrupted.")
    with hub.subscribe() as subscription:
        _, *statuses = [json.loads(text) for text in take_pending(subscription)]
    assert {status["source"]: status["state"] for status in statuses} == {"mic": "speech", "door": "lost"}


async def test_the_backlog_is_read_before_it_is_applied() -> None:
    """An old session and the present one are read together: viewers are not led through the old one."""
    hub, broker = edge_hub(), MemoryBroker()
    for text in entries("old", "1", final("x")) + entries("s", "2", final("a"), final("b", number=2)):
        data = json.loads(text)
        heartbeat = Heartbeat(Position(data["session"], data["seq"]), online=True)
        broker.entries.append(replace(heartbeat.to_entry(), kind=data["type"], text=text))
    task = asyncio.create_task(BrokerSubscriber(broker, hub).run())
    await run_until(lambda: len(hub.finals) > 0)
    assert [f.data["text"] for f in hub.finals] == ["a", "b"]
    broker.unreachable = True
    await run_until(lambda: any("lost its connection" in n.text for n in hub.notices))
    task.cancel()
