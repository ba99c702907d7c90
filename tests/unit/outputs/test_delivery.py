"""Delivery of captions to a target that takes one after the other; status, secrets and pipes of targets."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from streamstt.concurrency import JITTER
from streamstt.config.outputs import WebhookSettings
from streamstt.hub.health import hub_health
from streamstt.hub.hub import Hub
from streamstt.hub.revisions import Correction
from streamstt.outputs.base import CaptionItem, CaptionRejected, TargetGone, TargetUnavailable
from streamstt.outputs.delivery import Delivery, DeliveryPolicy
from streamstt.outputs.local import ensure_pipe
from streamstt.outputs.secrets import SecretSource
from streamstt.outputs.target_status import TargetStatus
from tests.support.captions import final, make_hub, partial


class ScriptedTarget:
    """A target with one answer for each attempt; afterwards it takes everything."""

    def __init__(self, *answers: Exception | bool) -> None:
        self.answers = list(answers)
        self.received: list[str] = []
        self.is_open = False
        self.opened = 0
        self.hold: asyncio.Event | None = None
        self.closed = asyncio.Event()
        self.changed = asyncio.Event()

    async def open(self) -> None:
        self.opened += 1
        self.is_open = True
        self.closed.clear()

    async def send(self, item: CaptionItem) -> bool:
        if self.hold:
            await self.hold.wait()
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        if answer:
            self.received.append(item.labeled_text)
            self.changed.set()
        return answer

    async def wait_for(self, count: int) -> None:
        while len(self.received) < count:
            self.changed.clear()
            await self.changed.wait()

    async def wait_closed(self) -> None:
        await self.closed.wait()

    async def close(self) -> None:
        self.is_open = False


def policy(
    sources: tuple[str, ...] = (), keep: int = 100, max_age_s: float = math.inf, *, connect_at_start: bool = False
) -> DeliveryPolicy:
    return DeliveryPolicy("there", sources, keep, max_age_s, last_retry_s=0.001, connect_at_start=connect_at_start)


async def run_ready_tasks() -> None:
    """Runs every task until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def deliver(
    target: ScriptedTarget, publish: Callable[[Hub], None], delivery_policy: DeliveryPolicy | None = None
) -> tuple[Hub, TargetStatus]:
    """Runs a delivery from its beginning to its end."""
    hub = make_hub(sources=("mic", "door"))
    delivery = Delivery(target, delivery_policy or policy(), hub)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(delivery.run())
        await run_ready_tasks()
        publish(hub)
        await run_ready_tasks()
        hub.finish()
        await running
    return hub, delivery.status


async def test_finals_are_delivered_in_order() -> None:
    """Finals with text are delivered, with labels as there are several sources; nothing else is."""
    target = ScriptedTarget()

    def publish(hub: Hub) -> None:
        hub.publish(partial("One"), final("One."), final("", number=2), final("Two.", source="door"))

    _, status = await deliver(target, publish)
    assert target.received == ["Mic: One.", "Door: Two."]
    assert (status.delivered, status.dropped, status.failures) == (2, 0, 0)


async def test_revisions() -> None:
    """A target that can take them gets revisions after their finals; others get finals only."""

    def publish(hub: Hub) -> None:
        hub.publish(final("Good mourning."))
        hub.revise(Correction("mic-1", "Good morning."))

    for takes_revisions in (True, False):
        target = ScriptedTarget()
        await deliver(target, publish, replace(policy(), takes_revisions=takes_revisions))
        assert target.received == ["Mic: Good mourning.", "Mic: Good morning."][: 1 + takes_revisions]


async def test_a_guest_who_has_left() -> None:
    """Even if the source is removed at once, its last caption has its label."""
    target = ScriptedTarget()

    def publish(hub: Hub) -> None:
        hub.publish(final("Bye.", source="door"))
        hub.remove_source("door")

    await deliver(target, publish)
    assert target.received == ["Door: Bye."]


async def test_only_selected_sources() -> None:
    """Captions of other sources are not delivered."""
    target = ScriptedTarget()
    await deliver(target, lambda hub: hub.publish(final("One."), final("Two.", source="door")), policy(("door",)))
    assert target.received == ["Door: Two."]


async def test_an_unavailable_target_misses_nothing() -> None:
    """Captions that could not be sent are sent again, the same one first."""
    target = ScriptedTarget(TargetUnavailable("out"), TargetUnavailable("out"), True)
    hub = make_hub()
    delivery = Delivery(target, policy(), hub)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(delivery.run())
        await run_ready_tasks()
        hub.publish(final("One."), final("Two.", number=2))
        await target.wait_for(2)
        assert hub_health(hub).reasons == ()
        hub.finish()
        await running
    assert target.received == ["One.", "Two."]
    assert (delivery.status.failures, delivery.status.delivered, target.opened) == (2, 2, 3)


async def test_a_target_that_hangs_delays_nothing_else() -> None:
    """While a caption is stuck, others wait, the oldest are dropped beyond the bound, and viewers receive all."""
    target = ScriptedTarget()
    target.hold = asyncio.Event()
    hub = make_hub(queue=1000)
    delivery = Delivery(target, policy(keep=3), hub)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(delivery.run())
        await run_ready_tasks()
        with hub.subscribe() as viewer:
            await viewer.get()
            for number in range(10):
                hub.publish(final(f"{number}.", number=number))
                message = await viewer.get()
                assert not isinstance(message, str)
                assert message is not None
                assert message.data["text"] == f"{number}."
                await run_ready_tasks()
        target.hold.set()
        hub.finish()
        await running
    assert target.received == ["0.", "7.", "8.", "9."]
    assert delivery.status.dropped == 6


async def test_old_captions_are_dropped() -> None:
    """A target for live captions does not receive older ones."""
    target = ScriptedTarget(TargetUnavailable("out"))
    _, status = await deliver(target, lambda hub: hub.publish(final("One.")), policy(max_age_s=-1))
    assert (target.received, status.dropped) == ([], 1)


async def test_a_refused_caption_does_not_stop_the_next() -> None:
    """It is dropped and reported, until the next one is delivered."""
    target = ScriptedTarget(CaptionRejected("it answers 400"), True)
    publish = lambda hub: hub.publish(final("One."), final("Two.", number=2))  # noqa: E731
    hub, status = await deliver(target, publish)
    assert target.received == ["Mic: Two."]
    assert (status.dropped, hub.notices) == (1, [])


async def test_nothing_more_is_sent_to_a_target_that_is_gone() -> None:
    """Nothing is sent again, all is counted as dropped, and health reports it."""
    target = ScriptedTarget(TargetGone("it answers 410"))
    publish = lambda hub: hub.publish(final("One."), final("Two.", number=2))  # noqa: E731
    hub, status = await deliver(target, publish)
    assert (target.received, status.dropped) == ([], 2)
    assert "410" in hub_health(hub).summary


async def test_a_caption_without_use() -> None:
    """A caption that the target has no use for is dropped without a retry or a report."""
    target = ScriptedTarget(False, True)
    publish = lambda hub: hub.publish(final("One."), final("Two.", number=2))  # noqa: E731
    hub, status = await deliver(target, publish)
    assert target.received == ["Mic: Two."]
    assert (status.delivered, status.dropped, hub.notices) == (1, 1, [])


async def test_a_stopping_daemon_tries_once_more() -> None:
    """Captions that wait are tried a last time; a target that is still unavailable does not delay the stop."""
    target = ScriptedTarget(*(TargetUnavailable("out", retry_after_s=3600) for _ in range(5)))
    _, status = await deliver(target, lambda hub: hub.publish(final("One."), final("Two.", number=2)))
    assert (len(target.answers), status.dropped) == (3, 2)


async def test_a_target_that_is_connected_at_the_start() -> None:
    """It is connected before anybody speaks, and again as soon as the connection is lost."""
    target = ScriptedTarget()
    hub = make_hub()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(Delivery(target, policy(connect_at_start=True), hub).run())
        await run_ready_tasks()
        assert target.opened == 1
        target.is_open = False
        target.closed.set()
        await run_ready_tasks()
        assert target.opened == 2
        hub.finish()


async def test_a_bug_in_a_target_ends_only_its_captions() -> None:
    """Whatever it raises, the task ends without an error, and health reports it."""
    target = ScriptedTarget(ZeroDivisionError())
    hub, status = await deliver(target, lambda hub: hub.publish(final("One.")))
    assert status.dropped == 1
    assert "an error in the program" in hub_health(hub).summary


# ---- reports


def test_an_unavailable_target_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """After the second failure in a row it is logged once; health reports it and stays ready; viewers get nothing."""
    hub = make_hub()
    status = TargetStatus("obs", hub, 5.0)
    status.record_failure(TargetUnavailable("no connection"))
    assert hub.notices == []
    for _ in range(5):
        status.record_failure(TargetUnavailable("no connection"))
    assert len(caplog.messages) == 1
    assert hub_health(hub).ready
    assert "to obs: Captions do not reach it: no connection." in hub_health(hub).summary
    assert hub.seq == 0  # viewers were sent nothing
    status.record_success(1)
    assert hub_health(hub).reasons == ()
    status.record_failure(TargetUnavailable("no answer within 5 s", report_now=True))
    assert "no answer within 5 s" in hub_health(hub).summary


def test_delays_between_attempts() -> None:
    """Delays double up to the bound, with jitter; a longer one that the target asks for is respected."""
    status = TargetStatus("obs", make_hub(), 5.0)
    delays = [status.record_failure(TargetUnavailable("out")) for _ in range(12)]
    for delay, interval in zip(delays, [0.25, 0.5, 1, 2, 4, *[5] * 7], strict=True):
        assert (1 - JITTER) * interval <= delay <= interval
    assert status.record_failure(TargetUnavailable("out", retry_after_s=60)) == 60
    status.record_success()
    assert status.record_failure(TargetUnavailable("out")) <= 0.25


def test_metrics() -> None:
    """Each target has counts of captions delivered, dropped, retried and waiting."""
    hub = make_hub()
    status = TargetStatus("zoom", hub, 5.0, lambda: 4)
    status.record_success(2)
    status.record_failure(TargetUnavailable("out"))
    status.record_rejection("no")
    counted = ("outlet_delivered_total", "outlet_dropped_total", "outlet_retries_total")
    metrics = (*counted, "outlet_waiting", "outlet_away")
    values = {m: hub.counters.registry.get_sample_value(f"streamstt_{m}", {"target": "zoom"}) for m in metrics}
    assert values == {
        "outlet_delivered_total": 2,
        "outlet_dropped_total": 1,
        "outlet_retries_total": 1,
        "outlet_waiting": 4,
        "outlet_away": 1,
    }


# ---- secrets


async def test_where_secrets_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come from the settings, a file, or systemd, and are read again each time."""
    (tmp_path / "streamstt-obs-password").write_text("from systemd\n")
    file = tmp_path / "own"
    file.write_text("from a file\n")
    assert await SecretSource("obs.password", SecretStr("given"), str(file)).read() == "given"
    named = SecretSource("obs.password", SecretStr(""), str(file))
    assert await named.read() == "from a file"
    file.write_text("another\n")
    assert await named.read() == "another"
    file.write_text("")
    with pytest.raises(TargetUnavailable, match="is empty"):
        await named.read()
    none = SecretSource("obs.password", SecretStr(""), "")
    assert (await none.read(), none.is_set("")) == ("", False)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert (await none.read(), none.is_set(str(tmp_path))) == ("from systemd", True)


async def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """Neither the representation of an object nor an error message contains a secret."""
    file = tmp_path / "own"
    file.write_text("gopher://hunter2\n")
    secret = SecretSource("zoom.url", SecretStr("hunter2"), str(file))
    assert "hunter2" not in repr(secret) + repr(WebhookSettings(secret=SecretStr("hunter2")))
    with pytest.raises(TargetUnavailable) as caught:
        await SecretSource("zoom.url", SecretStr(""), str(file)).read_url()
    assert "hunter2" not in str(caught.value)
    assert "https://" in str(caught.value)


# ---- the named pipe


def test_a_pipe_is_created_and_kept(tmp_path: Path) -> None:
    """It is created for its owner only; an existing one is used; anything else is an error that says what to do."""
    path = tmp_path / "captions"
    ensure_pipe(path)
    assert (path.is_fifo(), path.stat().st_mode & 0o777) == (True, 0o600)
    ensure_pipe(path)
    other = tmp_path / "file"
    other.touch()
    with pytest.raises(Exception, match="is not a pipe: remove it, or choose another path"):
        ensure_pipe(other)
