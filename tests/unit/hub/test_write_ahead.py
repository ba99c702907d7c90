"""No viewer gets a final before it is on disk."""

import asyncio
import json
import threading
from datetime import datetime
from pathlib import Path

import pytest

from streamstt.config.settings import TranscriptSettings as Settings
from streamstt.errors import OutputError
from streamstt.events import State, Status
from streamstt.hub import write_ahead
from streamstt.hub.history import Resume
from streamstt.hub.hub import Hub, Subscription
from streamstt.hub.protocol import Message, encode
from streamstt.transcripts import writer as transcript_module
from streamstt.transcripts.archive import Archive
from streamstt.transcripts.files import TranscriptEntry
from streamstt.transcripts.writer import TranscriptWriter
from tests.support.captions import final, make_hub, partial


async def read_waiting(subscription: Subscription) -> list[str]:
    """What can be had now, without waiting."""
    texts: list[str] = []
    while True:
        getting = asyncio.ensure_future(subscription.get())
        for _ in range(5):
            await asyncio.sleep(0)
        if not getting.done():
            getting.cancel()
            return texts
        message = getting.result()
        texts.append(message.data.get("text", message.event.type) if isinstance(message, Message) else "hello")


def held(hub: Hub) -> tuple[list[int], write_ahead.WriteAhead]:
    """Has the hub's finals held, and notes their numbers."""
    numbers: list[int] = []

    def keep(message: Message) -> bool:
        numbers.append(message.seq)
        return True

    return numbers, hub.enable_write_ahead(keep)


async def test_a_final_waits_for_the_disk() -> None:
    """A viewer gets a final when it is written, what came before at once, and what came after in its order."""
    hub = make_hub()
    kept, way = held(hub)
    with hub.subscribe() as subscription:
        hub.publish(partial("One"))
        assert await read_waiting(subscription) == ["hello", "One"]
        hub.publish(final("One."))
        hub.publish(partial("Two", number=2))
        waiting = asyncio.ensure_future(subscription.get())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert hub.finals == []
        way.release(kept[0])
        message = await waiting
        assert isinstance(message, Message)
        assert message.data["text"] == "One."
        assert await read_waiting(subscription) == ["Two"]
        assert [f.data["text"] for f in hub.finals] == ["One."]


async def test_who_comes_meanwhile() -> None:
    """A hello tells nothing that is not written; what is held comes after it, once, and in order."""
    hub = make_hub()
    kept, way = held(hub)
    hub.publish(partial("On"))
    hub.publish(final("One."))
    hub.publish(Status("mic", State.LISTENING), partial("Two", number=2))
    with hub.subscribe() as subscription:
        hello = await subscription.get()
        assert isinstance(hello, str)
        hello = json.loads(hello)
        assert (hello["seq"], hello["history"]) == (1, [])
        assert await read_waiting(subscription) == []
        way.release(kept[0])
        assert await read_waiting(subscription) == ["One.", "status", "Two"]
    with hub.subscribe() as subscription:
        hello = await subscription.get()
        assert isinstance(hello, str)
        assert [f["text"] for f in json.loads(hello)["history"]] == ["One."]


async def test_in_any_order() -> None:
    """A final waits for those before it, too: what is read on a screen has no hole on disk."""
    hub = make_hub()
    kept, way = held(hub)
    with hub.subscribe() as subscription:
        await subscription.get()
        hub.publish(final("One."))
        hub.publish(final("Two.", number=2))
        way.release(kept[1])
        assert await read_waiting(subscription) == []
        flushed = asyncio.ensure_future(hub.flush())
        await asyncio.sleep(0)
        assert not flushed.done()
        way.release(kept[0])
        await flushed
        assert await read_waiting(subscription) == ["One.", "Two."]


async def test_a_disk_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a short time, a final is delivered in any case: captions never wait for a disk."""
    monkeypatch.setattr(write_ahead, "HOLD_S", 0.001)
    hub = make_hub()
    held(hub)
    with hub.subscribe() as subscription:
        await subscription.get()
        hub.publish(final("One."))
        async with asyncio.timeout(60):
            message = await subscription.get()
    assert isinstance(message, Message)
    assert message.data["text"] == "One."


async def test_only_what_was_said_is_written() -> None:
    """Partials, states, and finals that take a partial back do not go to the disk."""
    hub = make_hub()
    kept, way = held(hub)
    hub.publish(Status("mic", State.SPEECH))
    hub.publish(partial("One"))
    hub.publish(final(""))
    hub.publish(final("Two.", number=2))
    assert kept == [4]
    way.release(4)


# ---- going on where an earlier run ended


def earlier(*seqs: int) -> list[Message]:
    return [encode(final(f"{seq}.", number=seq), seq, "2026-01-02T03:04:05.678+00:00") for seq in seqs]


@pytest.mark.parametrize(
    ("since", "missed", "gap"),
    [
        (0, [4, 6, 8, 101], True),
        (2, [4, 6, 8, 101], False),
        (6, [8, 101], False),
        (9, [101], False),
        (50, [101], False),
    ],
)
async def test_since_an_earlier_run(since: int, missed: list[int], gap: bool) -> None:
    """``since`` means the same across a restart: exactly what came after it, and whether something is gone."""
    hub = make_hub()
    hub.restore(earlier(4, 6, 8), 100, 2)
    hub.publish(final("New."))
    with hub.subscribe(Resume(since, "run-1")) as subscription:
        hello = await subscription.get()
    assert isinstance(hello, str)
    hello = json.loads(hello)
    assert [m["seq"] for m in hello["history"]] == missed
    assert hello.get("gap_in_history", False) is gap
    assert hello["seq"] == 101


async def test_history_is_bounded_across_runs() -> None:
    """Of the finals of earlier runs, as many are kept as of one run; the others count as dropped."""
    hub = make_hub(history=2)
    hub.restore(earlier(4, 6, 8), 100, 2)
    assert [f.data["text"] for f in hub.finals] == ["6.", "8."]
    with hub.subscribe(Resume(3, "run-1")) as subscription:
        hello = await subscription.get()
    assert isinstance(hello, str)
    assert json.loads(hello)["gap_in_history"] is True


async def test_finals_tell_their_wall_time() -> None:
    """``at`` is the wall time of a final's start, for stream times of different runs cannot be compared."""
    hub = make_hub()
    with hub.subscribe() as subscription:
        hub.publish(final("One.", 61.5, 62.0))
        await subscription.get()
        message = await subscription.get()
    assert isinstance(message, Message)
    assert message.data["at"] == "2026-01-02T03:05:07.178+00:00"
    assert message.at == datetime.fromisoformat("2026-01-02T03:05:07.178+00:00")


# ---- what waits for the disk


def written(folder: Path) -> object:
    """The last line of the one record."""
    (record,) = folder.glob("*.jsonl")
    return json.loads(record.read_text().splitlines()[-1])


async def test_transcripts_hold_finals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With transcripts, what a viewer has got is in the record at that moment."""
    monkeypatch.setattr(write_ahead, "HOLD_S", 60.0)  # however slow the disk is
    hub = make_hub()
    transcript = TranscriptWriter(Archive(tmp_path, Settings(), 1), hub)
    with hub.subscribe() as subscription:
        hub.publish(final("One."))
        assert await read_waiting(subscription) == ["hello"]
        running = asyncio.ensure_future(transcript.run())
        message = await subscription.get()
        assert isinstance(message, Message)
        assert written(tmp_path) == json.loads(message.text)
        transcript.close()
        await running


async def test_what_waits_in_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk takes nothing, only so many finals are kept; the oldest goes first, and is counted."""
    monkeypatch.setattr(transcript_module, "MAX_PENDING", 20)
    monkeypatch.setattr(transcript_module, "CLOSE_TIMEOUT_S", 60.0)
    hub = make_hub()
    archive = Archive(tmp_path, Settings(), 1)
    transcript = TranscriptWriter(archive, hub)
    for number in range(23):
        hub.publish(final(f"{number}", number=number))
    assert (transcript.waiting, transcript.lost) == (20, 3)
    transcript.close()
    await transcript.run()
    assert (transcript.waiting, transcript.written) == (0, 20)
    with pytest.raises(OutputError, match="no new set"):
        await transcript.mark("Late")


class HungDisk:
    """Stands in for an archive on a disk that answers when the test lets it: no real one hangs at will."""

    holds = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers = threading.Event()

    def write(self, entry: TranscriptEntry) -> None:
        self.answers.wait()

    def delete_expired(self) -> list[str]:
        return []

    def duplicate_record(self) -> None:
        return None

    def close(self) -> None:
        return None


async def test_captions_go_on_while_the_disk_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a write hangs, viewers get finals without waiting, a notice says so, and no mark hangs with it;
    when it does, all is written and well."""
    monkeypatch.setattr(write_ahead, "HOLD_S", 0.001)
    monkeypatch.setattr(transcript_module, "SLOW_S", 0.001)
    hub = make_hub()
    hub.publish(Status("mic", State.LISTENING))
    disk = HungDisk(tmp_path)
    transcript = TranscriptWriter(disk, hub)  # type: ignore[arg-type]
    running = asyncio.ensure_future(transcript.run())
    with hub.subscribe() as subscription:
        hub.publish(final("One."))
        async with asyncio.timeout(60):
            detail = ""
            while "does not answer" not in detail:
                message = await subscription.get()
                detail = message.data.get("detail", "") if isinstance(message, Message) else ""
        hub.publish(final("Two.", number=2))
        assert await read_waiting(subscription) == ["Two."]
        with pytest.raises(OutputError):
            await transcript.mark("Now")
        disk.answers.set()
        transcript.close()
        await running
    assert (transcript.written, transcript.waiting, hub.notices) == (2, 0, [])


class BrokenArchive(HungDisk):
    """Raises an unexpected error."""

    def write(self, entry: TranscriptEntry) -> None:
        raise ValueError("a mistake")


async def test_a_mistake_in_the_writer_ends_no_captions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The transcript ends, with a traceback in the log; viewers get held and new captions, and a notice."""
    hub = make_hub()
    hub.publish(Status("mic", State.LISTENING))
    transcript = TranscriptWriter(BrokenArchive(tmp_path), hub)  # type: ignore[arg-type]
    with hub.subscribe() as subscription:
        hub.publish(final("One."))
        await transcript.run()
        hub.publish(final("Two.", number=2))
        assert await read_waiting(subscription) == ["hello", "status", "One.", "status", "Two."]
    assert "captions go on" in str(hub.notices[0])
    assert "ValueError: a mistake" in caplog.text
    with pytest.raises(OutputError):
        await transcript.mark("Now")
