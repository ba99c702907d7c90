"""The hub: numbers, queues, and what late and reconnecting clients receive."""

import asyncio
import json
import tracemalloc
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from streamstt.events import Event, Gap, State, Status
from streamstt.hub.health import hub_health
from streamstt.hub.history import Resume
from streamstt.hub.hub import DONE, STOPPING, TOO_SLOW, Hub, Subscription
from streamstt.hub.protocol import EngineState, Message, SourceInfo
from tests.support.captions import final, make_hub, partial


async def read_all(subscription: Subscription) -> list[dict[str, Any]]:
    """Everything that waits, as clients read it."""
    subscription.finish(subscription.close_reason)
    messages = []
    while (message := await subscription.get()) is not None:
        messages.append(json.loads(message.text if isinstance(message, Message) else message))
    return messages


async def greeting(hub: Hub, resume: Resume | None = None) -> dict[str, Any]:
    with hub.subscribe(resume) as subscription:
        return (await read_all(subscription))[0]


def texts(messages: list[dict[str, Any]]) -> list[str]:
    return [m["text"] for m in messages if "text" in m]


async def test_numbers_have_no_holes() -> None:
    """seq rises by one with every published message, whatever it is."""
    hub = make_hub()
    events: list[Event] = [
        Status("mic", State.SPEECH),
        final("one", number=1),
        Gap("mic", 1.0, 2.0),
        final("two", number=2),
        Status("mic", State.LISTENING),
        partial("three", number=3),
    ]
    with hub.subscribe() as subscription:
        for event in events:
            hub.publish(event)
        messages = await read_all(subscription)
    assert messages[0]["type"] == "hello"
    assert [m["seq"] for m in messages] == [0, 1, 2, 3, 4, 5, 6]
    assert [m["type"] for m in messages[1:]] == [e.type for e in events]


async def test_hello_comes_first() -> None:
    """A new client is greeted with the daemon, its sources and the number it starts from."""
    hub = make_hub(sources=("mic", "door"))
    hub.publish(final("one"))
    hello = await greeting(hub)
    assert hello["type"] == "hello"
    assert (hello["session"], hello["seq"]) == ("run-1", 1)
    assert [s["name"] for s in hello["sources"]] == ["mic", "door"]
    assert not {"gap_in_history", "engine"} & hello.keys()


async def test_hello_tells_how_the_engine_does() -> None:
    """Which model is in force, whether it was chosen, and its speed now and as promised, as far as they are known."""
    hub = make_hub()
    hub.engine_state = EngineState(auto=True, update_s=None, promised_s=0.16, interval_s=0.6, sources=3)
    assert (await greeting(hub))["engine"] == {"auto": True, "promised_s": 0.16, "interval_s": 0.6, "sources": 3}
    hub.set_daemon_info(replace(hub.daemon_info, model="small", precision="bfloat16"))
    hello = await greeting(hub)
    assert (hello["model"], hello["precision"]) == ("small", "bfloat16")
    assert b'model="small"' in hub.counters.render()


async def test_only_the_newest_partial() -> None:
    """Of the partials that wait, a client gets each source's newest; the order of the rest stays."""
    hub = make_hub()
    with hub.subscribe() as subscription:
        hub.publish(partial("a", rev=1))
        hub.publish(partial("x", "door"))
        hub.publish(Status("mic", State.SPEECH))
        hub.publish(partial("a b", rev=2))
        messages = await read_all(subscription)
    assert [m.get("text", m["type"]) for m in messages] == ["hello", "x", "status", "a b"]


async def test_a_final_takes_the_place_of_its_partial() -> None:
    """A partial that waits is out of date when its final comes; another source's is not."""
    hub = make_hub()
    with hub.subscribe() as subscription:
        hub.publish(partial("a"))
        hub.publish(partial("x", "door"))
        hub.publish(final("a b"))
        assert texts(await read_all(subscription)) == ["x", "a b"]


async def test_finals_are_never_dropped() -> None:
    """Thousands of partials do not push out a final, a status or a gap."""
    hub = make_hub(queue=8)
    with hub.subscribe() as subscription:
        hub.publish(Gap("mic", 0.0, 1.0))
        for number in range(3):
            for rev in range(1000):
                hub.publish(partial(f"{number} {rev}", number=number, rev=rev))
            hub.publish(final(f"final {number}", number=number))
        messages = await read_all(subscription)
    assert [m.get("text", m["type"]) for m in messages] == ["hello", "gap", "final 0", "final 1", "final 2"]


async def test_get_waits() -> None:
    """A client that has taken all waits for the next message, and gets it."""
    hub = make_hub()
    with hub.subscribe() as subscription:
        assert isinstance(await subscription.get(), str)
        waiting = asyncio.create_task(subscription.get())
        await asyncio.sleep(0)
        assert not waiting.done()
        hub.publish(final("one"))
        message = await waiting
    assert isinstance(message, Message)
    assert message.event == final("one")


async def test_passed_on_without_a_stop() -> None:
    """Who keeps up gets what is published together at once; who does not, finds all of it waiting, none twice."""
    hub = make_hub()
    passed: list[bytes] = []
    ready = False

    def direct(frames: bytes) -> bool:
        if ready:
            passed.append(frames)
        return ready

    with hub.subscribe() as subscription:
        subscription.set_direct_writer(direct)
        ready = True
        hub.publish(final("behind the greeting", number=1))
        assert passed == [], "what waits goes first"
        assert [await subscription.get(), await subscription.get()]
        hub.publish(final("at once", number=2), partial("with it", number=5))
        ready = False
        hub.publish(final("waits", number=3))
        ready = True
        hub.publish(final("waits behind it", number=4))
        assert len(passed) == 1
        assert passed[0].index(b"at once") < passed[0].index(b"with it")
        assert texts(await read_all(subscription)) == ["waits", "waits behind it"]


async def test_too_slow() -> None:
    """A client that takes nothing is over at its bound: nothing waits any more, and 1013 says that it may resume."""
    hub = make_hub(queue=8)
    with hub.subscribe() as slow, hub.subscribe(queue=100) as fast:
        noticed = asyncio.create_task(slow.wait_too_slow())
        for number in range(7):
            hub.publish(final(f"{number}", number=number))
        await asyncio.sleep(0)
        assert not noticed.done()
        hub.publish(final("one too many", number=7))
        await noticed
        assert await slow.get() is None
        assert slow.close_reason is TOO_SLOW
        assert slow.close_reason.code == 1013
        hub.publish(final("later", number=8))
        assert await slow.get() is None
        assert len(await read_all(fast)) == 10


async def test_a_good_end_is_not_too_slow() -> None:
    """too_slow never returns for a client that keeps up, even when the daemon stops."""
    hub = make_hub()
    with hub.subscribe() as subscription:
        noticed = asyncio.create_task(subscription.wait_too_slow())
        hub.finish()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not noticed.done()
        noticed.cancel()


async def test_finish() -> None:
    """When the daemon stops, every client gets what waits for it, then the end: going away (1001)."""
    hub = make_hub()
    with hub.subscribe() as subscription:
        hub.publish(final("last words"))
        hub.finish()
        hub.publish(final("too late", number=2))
        assert isinstance(await subscription.get(), str)
        message = await subscription.get()
        assert isinstance(message, Message)
        assert message.data["text"] == "last words"
        assert await subscription.get() is None
        assert subscription.close_reason is STOPPING
        assert subscription.close_reason.code == 1001


async def test_a_stream_that_ends_itself() -> None:
    """Without another reason, a subscription ends normally (1000)."""
    subscription = Subscription(8)
    subscription.finish()
    assert await subscription.get() is None
    assert subscription.close_reason is DONE
    assert subscription.close_reason.code == 1000


# ---- coming back


def spoken(count: int, history: int = 100, hello_history: int = 50) -> Hub:
    """A hub that has published ``count`` finals with a partial before each: finals have even numbers."""
    hub = make_hub(history, hello_history)
    for number in range(1, count + 1):
        hub.publish(partial(f"{number}", number=number))
        hub.publish(final(f"{number}.", number=number))
    return hub


@pytest.mark.parametrize("since", range(11))
async def test_since_replays_what_was_missed(since: int) -> None:
    """A client that comes back gets exactly the finals after the last message that it saw."""
    hello = await greeting(spoken(5), Resume(since, "run-1"))
    assert [m["seq"] for m in hello["history"]] == [seq for seq in (2, 4, 6, 8, 10) if seq > since]
    assert "gap_in_history" not in hello


async def test_since_is_not_bound_by_hello_history() -> None:
    """What was missed is replayed even if it is more than a new client is greeted with."""
    hello = await greeting(spoken(9, hello_history=2), Resume(0))
    assert len(hello["history"]) == 9


@pytest.mark.parametrize(("since", "gap"), [(0, True), (3, True), (4, False), (5, False), (10, False)])
async def test_forgotten(since: int, gap: bool) -> None:
    """When a missed final is no longer kept, hello says so; not when only seen ones are gone."""
    hello = await greeting(spoken(5, history=3), Resume(since))
    assert hello.get("gap_in_history", False) is gap
    assert [m["seq"] for m in hello["history"]] == [seq for seq in (6, 8, 10) if seq > since]


@pytest.mark.parametrize("resume", [Resume(4, "another-run"), Resume(11, "run-1"), Resume(999)])
async def test_another_run(resume: Resume) -> None:
    """Numbers of another run of the daemon mean nothing here: everything is replayed, and hello says so."""
    hello = await greeting(spoken(5), resume)
    assert hello["gap_in_history"] is True
    assert len(hello["history"]) == 5


async def test_history_of_a_new_client() -> None:
    """A new client is greeted with the newest finals, so many as are set."""
    assert [m["text"] for m in (await greeting(spoken(5, hello_history=2)))["history"]] == ["4.", "5."]
    assert (await greeting(spoken(5, hello_history=0)))["history"] == []


async def test_a_late_client_sees_the_present() -> None:
    """After hello come each source's status and open partial, as if the client had been there, in their order."""
    hub = make_hub(sources=("mic", "door"))
    for event in (
        Status("mic", State.SPEECH),
        partial("one", number=1),
        final("one", number=1),
        Status("door", State.SPEECH),
        partial("x", "door"),
        Status("mic", State.LISTENING),
        Status("mic", State.SPEECH),
        partial("two", number=2),
        partial("two three", number=2, rev=2),
    ):
        hub.publish(event)
    with hub.subscribe() as subscription:
        hub.publish(final("two three.", number=2))
        messages = await read_all(subscription)
    assert [m["text"] for m in messages[0]["history"]] == ["one"]
    assert [(m["type"], m["source"], m["seq"]) for m in messages[1:]] == [
        ("status", "door", 4),
        ("partial", "door", 5),
        ("status", "mic", 7),
        ("final", "mic", 10),
    ]


async def test_a_late_client_sees_no_partial_that_is_over() -> None:
    """A caption that is final is in the history only."""
    hub = make_hub()
    hub.publish(partial("one"))
    hub.publish(final("one."))
    with hub.subscribe() as subscription:
        (hello,) = await read_all(subscription)
    assert [m["text"] for m in hello["history"]] == ["one."]


async def test_nothing_is_missed_between_hello_and_the_rest() -> None:
    """hello's number and the messages after it join without a hole."""
    hub = spoken(3)
    with hub.subscribe() as subscription:
        hub.publish(final("next", number=4))
        hello, after = await read_all(subscription)
    assert hello["seq"] + 1 == after["seq"]


# ---- sources


async def test_one_source_only() -> None:
    """A client that sends audio gets its own captions: no history, no other source's messages."""
    hub = make_hub(sources=("mic", "door"))
    hub.publish(final("old", source="door"))
    hub.publish(partial("open"))
    hub.publish(Status("door", State.SPEECH))
    with hub.subscribe(source="door") as subscription:
        hub.publish(final("open"))
        hub.publish(final("new", source="door", number=2))
        hello, *messages = await read_all(subscription)
    assert hello["history"] == []
    assert [s["name"] for s in hello["sources"]] == ["door"]
    assert [m.get("text", m["type"]) for m in messages] == ["status", "new"]


async def test_a_source_that_has_left() -> None:
    """A source that has left is in no hello, and leaves no state or partial behind; its finals stay with its label."""
    hub = make_hub(sources=("mic", "door"))
    hub.publish(Status("door", State.SPEECH))
    hub.publish(final("said", source="door"))
    hub.publish(partial("half", "door", number=2))
    hub.remove_source("door")
    with hub.subscribe() as subscription:
        (hello,) = await read_all(subscription)
    assert [s["name"] for s in hello["sources"]] == ["mic"]
    assert [(m["text"], m["label"]) for m in hello["history"]] == [("said", "Door")]
    assert hub.states == {}


async def test_a_source_starts() -> None:
    """hello names the wall time of each source's stream time 0 as it is known by then."""
    hub = make_hub()
    hub.start_source("mic", "2030-01-01T00:00:00.000+00:00")
    assert (await greeting(hub))["sources"] == [
        {"name": "mic", "label": "Mic", "started_at": "2030-01-01T00:00:00.000+00:00"}
    ]
    hub.add_source(SourceInfo("mic", "Stage", "now"))
    assert (await greeting(hub))["sources"][0]["label"] == "Stage"


async def test_what_the_pages_are_told() -> None:
    """Finals in their order without those that took a partial back, and the state of every source."""
    hub = make_hub(sources=("mic", "door"))
    hub.publish(final("one"))
    hub.publish(final("", number=2))
    hub.publish(final("two", number=3))
    hub.publish(Status("mic", State.LOST, "unplugged"))
    hub.publish(Status("door", State.SPEECH))
    assert [f.data["text"] for f in hub.finals] == ["one", "two"]
    assert hub.states == {"mic": State.LOST, "door": State.SPEECH}


async def test_an_empty_final_reaches_clients() -> None:
    """A partial that is taken back disappears at the clients too."""
    hub = make_hub()
    with hub.subscribe() as subscription:
        hub.publish(partial("you"))
        assert isinstance(await subscription.get(), str)
        assert isinstance(await subscription.get(), Message)
        hub.publish(final(""))
        assert texts(await read_all(subscription)) == [""]


async def test_no_outbox_stays_behind() -> None:
    """A subscription ends with its block, however that is left."""
    hub = make_hub()
    with hub.subscribe(), hub.subscribe():
        assert hub.viewers == 2
    assert hub.viewers == 0
    with pytest.raises(ConnectionResetError), hub.subscribe():
        raise ConnectionResetError
    assert hub.viewers == 0


async def test_notices_stand_in_every_status_until_they_are_over() -> None:
    """A notice is in the detail of the status, at once and in each later one, until it is cleared."""
    hub = make_hub()
    for source in ("a", "b"):
        hub.publish(Status(source, State.LISTENING))
    with hub.subscribe() as subscription:
        hub.notify("clipping", "Too loud.", "a")
        hub.notify("clipping", "Too loud.", "a")
        hub.notify("disk", "The disk is full.")
        hub.publish(Status("a", State.LOST, "Unplugged."))
        hub.notify("clipping", "", "a")
        statuses = [(m["source"], m["state"], m["detail"]) for m in (await read_all(subscription))[3:]]
    assert [str(notice) for notice in hub.notices] == ["The disk is full."]
    assert statuses == [
        ("a", "listening", "Too loud."),
        ("a", "listening", "Too loud. The disk is full."),
        ("b", "listening", "The disk is full."),
        ("a", "lost", "Unplugged. Too loud. The disk is full."),
        ("a", "lost", "Unplugged. The disk is full."),
    ]


@pytest.mark.parametrize(("topic", "source"), [("late", "a"), ("settings", ""), ("access", "")])
async def test_what_the_operator_must_do_is_not_shown_to_viewers(topic: str, source: str) -> None:
    """A notice that only the operator can act on is no message to viewers, nor in their statuses; health has it."""
    hub = make_hub()
    hub.publish(Status("a", State.LISTENING))
    with hub.subscribe() as subscription:
        hub.notify(topic, "This machine cannot keep up.", source)
        hub.publish(Status("a", State.SPEECH))
        hub.notify(topic, "", source)
        hub.notify(topic, "This machine cannot keep up.", source)
        assert [m["detail"] for m in (await read_all(subscription))[1:]] == ["", ""]
    with hub.subscribe() as newcomer:
        assert [m["detail"] for m in (await read_all(newcomer))[1:]] == [""]
    assert "This machine cannot keep up." in hub_health(hub).summary


def test_notices_go_with_their_source() -> None:
    """A source that is gone leaves no notice behind."""
    hub = make_hub()
    hub.publish(Status("a", State.LISTENING))
    hub.notify("late", "Captions are late.", "a")
    assert [str(notice) for notice in hub.notices] == ["a: Captions are late."]
    hub.remove_source("a")
    assert hub.notices == []


async def test_limits_can_change() -> None:
    """With a shorter history, the oldest finals are dropped, and reconnecting clients see that; it can grow again."""
    hub = make_hub(history=10)
    for number in range(6):
        hub.publish(final(f"{number}.", number=number))
    hub.set_limits(history=2, hello_history=1, queue=50)
    assert [f.data["text"] for f in hub.finals] == ["4.", "5."]
    with hub.subscribe() as subscription:
        assert [f["text"] for f in (await read_all(subscription))[0]["history"]] == ["5."]
    with hub.subscribe(Resume(since=3)) as subscription:
        assert (await read_all(subscription))[0]["gap_in_history"] is True
    hub.set_limits(history=10, hello_history=10, queue=50)
    for number in range(6, 9):
        hub.publish(final(f"{number}.", number=number))
    assert [f.data["text"] for f in hub.finals] == ["4.", "5.", "6.", "7.", "8."]


async def test_source_that_comes_and_goes() -> None:
    """A viewer who was greeted before learns a source's label from its status, and when it is no source any more."""
    hub = make_hub(sources=())
    with hub.subscribe() as subscription:
        hub.add_source(SourceInfo("guest", "Anna's laptop", "2026-01-02T03:04:05.678+00:00"))
        hub.publish(Status("guest", State.LISTENING))
        hub.publish(Status("guest", State.WAITING, "The client has left.", left=True))
        _, came, went = await read_all(subscription)
    assert (came["label"], "left" in came) == ("Anna's laptop", False)
    assert went["left"] is True


async def test_earlier_finals_are_counted() -> None:
    """``hello`` has the number of older finals that are kept; ``since=0`` returns them."""
    hub = make_hub(hello_history=2)
    assert "earlier" not in await greeting(hub)
    for number in range(5):
        hub.publish(final(str(number), number=number))
    assert (await greeting(hub))["earlier"] == 3
    everything = await greeting(hub, Resume(0))
    assert texts(everything["history"]) == ["0", "1", "2", "3", "4"]
    assert "earlier" not in everything
    assert "gap_in_history" not in everything


def test_what_was_said_last() -> None:
    """The newest finals that have words, of this run only, oldest first; then what is open."""
    hub = make_hub()
    hub.publish(final("before", number=1))
    since = hub.seq
    for number, text in enumerate(("one", "", "two", "three"), 2):
        hub.publish(final(text, number=number))
    hub.publish(partial("four", number=9))
    assert [event.text for event in hub.recent_captions(2, since)] == ["two", "three", "four"]
    assert [event.text for event in hub.recent_captions(9, since)] == ["one", "two", "three", "four"]


def test_a_greeting_is_not_kept() -> None:
    """``hello`` holds a long history: once it is sent, nothing of it stays for each of a thousand clients."""
    hub = make_hub()
    hub.publish(*(final("Some words that were said.", number=i) for i in range(50)))
    with ExitStack() as stack:
        tracemalloc.start()
        try:
            size = sum(len(_drain(stack.enter_context(hub.subscribe()))) for _ in range(20))
            assert tracemalloc.get_traced_memory()[0] < size / 2
        finally:
            tracemalloc.stop()


def _drain(subscription: Subscription) -> str:
    """Takes what waits; returns the greeting."""
    hello, *_ = subscription.get_all_nowait()
    assert isinstance(hello, str)
    return hello
