"""The way to a target that takes captions one after the other."""

import asyncio
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from streamstt.concurrency import JITTER
from streamstt.config.outputs import WebhookSettings
from streamstt.hub.health import hub_health
from streamstt.hub.hub import Hub
from streamstt.outputs.base import CaptionItem, CaptionRejected, TargetGone, TargetUnavailable
from streamstt.outputs.delivery import Delivery, DeliveryPolicy
from streamstt.outputs.local import ensure_pipe
from streamstt.outputs.secrets import SecretSource
from streamstt.outputs.target_status import TargetStatus
from tests.support.captions import final, make_hub, partial


class Scripted:
    """A target that does what is written down: each answer for one attempt, then it takes everything."""

    def __init__(self, *answers: Exception | bool) -> None:
        self.answers = list(answers)
        self.took: list[str] = []
        self.is_open = False
        self.opened = 0
        self.hold: asyncio.Event | None = None
        self.gone = asyncio.Event()
        self.changed = asyncio.Event()

    async def open(self) -> None:
        self.opened += 1
        self.is_open = True
        self.gone.clear()

    async def send(self, item: CaptionItem) -> bool:
        if self.hold:
            await self.hold.wait()
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        if answer:
            self.took.append(item.labeled_text)
            self.changed.set()
        return answer

    async def has(self, count: int) -> None:
        while len(self.took) < count:
            self.changed.clear()
            await self.changed.wait()

    async def wait_closed(self) -> None:
        await self.gone.wait()

    async def close(self) -> None:
        self.is_open = False


def terms(
    sources: tuple[str, ...] = (), keep: int = 100, max_age_s: float = math.inf, *, eager: bool = False
) -> DeliveryPolicy:
    return DeliveryPolicy("there", sources, keep, max_age_s, last_retry_s=0.001, connect_at_start=eager)


async def turn() -> None:
    """Lets every task go on until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def deliver(
    target: Scripted, said: Callable[[Hub], None], given: DeliveryPolicy | None = None
) -> tuple[Hub, TargetStatus]:
    """Runs a delivery from its beginning to its end."""
    hub = make_hub(sources=("mic", "door"))
    delivery = Delivery(target, given or terms(), hub)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(delivery.run())
        await turn()
        said(hub)
        await turn()
        hub.finish()
        await running
    return hub, delivery.status


async def test_finals_go_there_in_order() -> None:
    """Finals that say something go there, with their label as there are several sources; nothing else does."""
    target = Scripted()

    def said(hub: Hub) -> None:
        hub.publish(partial("One"), final("One."), final("", number=2), final("Two.", source="door"))

    _, standing = await deliver(target, said)
    assert target.took == ["Mic: One.", "Door: Two."]
    assert (standing.delivered, standing.dropped, standing.failures) == (2, 0, 0)


async def test_only_the_sources_that_are_wanted() -> None:
    """A filter of sources."""
    target = Scripted()
    await deliver(target, lambda hub: hub.publish(final("One."), final("Two.", source="door")), terms(("door",)))
    assert target.took == ["Door: Two."]


async def test_a_target_that_is_away_gets_everything_when_it_is_back() -> None:
    """What could not be sent is tried again, the same caption first."""
    target = Scripted(TargetUnavailable("out"), TargetUnavailable("out"), True)
    hub = make_hub()
    delivery = Delivery(target, terms(), hub)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(delivery.run())
        await turn()
        hub.publish(final("One."), final("Two.", number=2))
        await target.has(2)
        assert hub_health(hub).reasons == ()
        hub.finish()
        await running
    assert target.took == ["One.", "Two."]
    assert (delivery.status.failures, delivery.status.delivered, target.opened) == (2, 2, 3)


async def test_a_target_that_hangs_holds_back_nobody() -> None:
    """While one caption is stuck, others wait for it, the oldest are dropped beyond the bound, and viewers get all."""
    target = Scripted()
    target.hold = asyncio.Event()
    hub = make_hub(queue=1000)
    delivery = Delivery(target, terms(keep=3), hub)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(delivery.run())
        await turn()
        with hub.subscribe() as viewer:
            await viewer.get()
            for number in range(10):
                hub.publish(final(f"{number}.", number=number))
                message = await viewer.get()
                assert not isinstance(message, str)
                assert message is not None
                assert message.data["text"] == f"{number}."
                await turn()
        target.hold.set()
        hub.finish()
        await running
    assert target.took == ["0.", "7.", "8.", "9."]
    assert delivery.status.dropped == 6


async def test_old_captions_are_worth_nothing() -> None:
    """A target for live captions does not get what is older than it wants."""
    target = Scripted(TargetUnavailable("out"))
    _, standing = await deliver(target, lambda hub: hub.publish(final("One.")), terms(max_age_s=-1))
    assert (target.took, standing.dropped) == ([], 1)


async def test_a_refused_caption_does_not_stop_the_next() -> None:
    """It is dropped and told; the next success takes that back."""
    target = Scripted(CaptionRejected("it answers 400"), True)
    said = lambda hub: hub.publish(final("One."), final("Two.", number=2))  # noqa: E731
    hub, standing = await deliver(target, said)
    assert target.took == ["Mic: Two."]
    assert (standing.dropped, hub.notices) == (1, [])


async def test_a_target_that_wants_nothing_more_is_left_alone() -> None:
    """Over is over: nothing is sent again, and monitors are told."""
    target = Scripted(TargetGone("it answers 410"))
    said = lambda hub: hub.publish(final("One."), final("Two.", number=2))  # noqa: E731
    hub, standing = await deliver(target, said)
    assert (target.took, standing.dropped) == ([], 2)
    assert "410" in hub_health(hub).summary


async def test_what_nobody_wants_just_now() -> None:
    """It is neither delivered nor tried again, and nothing is wrong."""
    target = Scripted(False, True)
    said = lambda hub: hub.publish(final("One."), final("Two.", number=2))  # noqa: E731
    hub, standing = await deliver(target, said)
    assert target.took == ["Mic: Two."]
    assert (standing.delivered, standing.dropped, hub.notices) == (1, 1, [])


async def test_a_stopping_daemon_tries_once_more() -> None:
    """What waits is tried a last time; a target that is still away holds nobody up."""
    target = Scripted(*(TargetUnavailable("out", retry_after_s=3600) for _ in range(5)))
    _, standing = await deliver(target, lambda hub: hub.publish(final("One."), final("Two.", number=2)))
    assert (len(target.answers), standing.dropped) == (3, 2)


async def test_an_eager_target_comes_back_by_itself() -> None:
    """It is connected before anybody speaks, and again as soon as it is lost."""
    target = Scripted()
    hub = make_hub()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(Delivery(target, terms(eager=True), hub).run())
        await turn()
        assert target.opened == 1
        target.is_open = False
        target.gone.set()
        await turn()
        assert target.opened == 2
        hub.finish()


async def test_a_mistake_in_a_target_ends_only_its_captions() -> None:
    """Whatever it raises, the task ends without an error, and says so."""
    target = Scripted(ZeroDivisionError())
    hub, standing = await deliver(target, lambda hub: hub.publish(final("One.")))
    assert standing.dropped == 1
    assert "mistake" in hub_health(hub).summary


# ---- what people are told


def test_a_target_that_is_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """After the second failure in a row, once in the log; monitors see it as advice, viewers not at all."""
    hub = make_hub()
    standing = TargetStatus("obs", hub, 5.0)
    standing.record_failure(TargetUnavailable("no connection"))
    assert hub.notices == []
    for _ in range(5):
        standing.record_failure(TargetUnavailable("no connection"))
    assert len(caplog.messages) == 1
    assert hub_health(hub).ready
    assert "to obs: Captions do not reach it: no connection." in hub_health(hub).summary
    assert hub.seq == 0  # viewers were sent nothing
    standing.record_success(1)
    assert hub_health(hub).reasons == ()
    standing.record_failure(TargetUnavailable("no answer within 5 s", report_now=True))
    assert "no answer within 5 s" in hub_health(hub).summary


def test_it_is_tried_again_ever_less_often() -> None:
    """Pauses double up to the bound, and differ by chance; what the target asks for is obeyed."""
    standing = TargetStatus("obs", make_hub(), 5.0)
    pauses = [standing.record_failure(TargetUnavailable("out")) for _ in range(12)]
    for pause, most in zip(pauses, [0.25, 0.5, 1, 2, 4, *[5] * 7], strict=True):
        assert (1 - JITTER) * most <= pause <= most
    assert standing.record_failure(TargetUnavailable("out", retry_after_s=60)) == 60
    standing.record_success()
    assert standing.record_failure(TargetUnavailable("out")) <= 0.25


def test_targets_are_measured() -> None:
    """What was delivered, dropped, tried again and waits, of each target."""
    hub = make_hub()
    standing = TargetStatus("zoom", hub, 5.0, lambda: 4)
    standing.record_success(2)
    standing.record_failure(TargetUnavailable("out"))
    standing.record_rejection("no")
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
    """From the settings, a file, or systemd; read anew each time."""
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


async def test_secrets_are_not_told(tmp_path: Path) -> None:
    """Neither what holds one nor a complaint about one has it in its words."""
    file = tmp_path / "own"
    file.write_text("gopher://hunter2\n")
    secret = SecretSource("zoom.url", SecretStr("hunter2"), str(file))
    assert "hunter2" not in repr(secret) + repr(WebhookSettings(secret=SecretStr("hunter2")))
    with pytest.raises(TargetUnavailable) as caught:
        await SecretSource("zoom.url", SecretStr(""), str(file)).read_url()
    assert "hunter2" not in str(caught.value)
    assert "https://" in str(caught.value)


# ---- the named pipe


def test_a_pipe_is_made_and_kept(tmp_path: Path) -> None:
    """It is made for its owner; one that is there is taken; anything else is an error with the way out."""
    path = tmp_path / "captions"
    ensure_pipe(path)
    assert (path.is_fifo(), path.stat().st_mode & 0o777) == (True, 0o600)
    ensure_pipe(path)
    other = tmp_path / "file"
    other.touch()
    with pytest.raises(Exception, match="is no pipe: remove it, or choose another path"):
        ensure_pipe(other)
