"""Downloads: one file is made at a time, and shared by all who want the same. The process that makes it is scripted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from streamstt.hub.hub import Hub
from streamstt.hub.revisions import Correction
from streamstt.server.http import downloads
from streamstt.server.http.downloads import Downloads
from streamstt.server.http.response import Download, HttpError
from streamstt.transcripts.archive import SessionSet
from streamstt.transcripts.record import SetHeader
from tests.support.captions import final, make_hub

TXT = Download("txt")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@dataclass
class Records:
    """The transcripts of a session."""

    session_sets: tuple[SessionSet, ...]
    is_session_whole: bool = True


class Client:
    """A client's request; it may stop reading."""

    def __init__(self, method: str = "GET") -> None:
        self.method = method
        self.body: bytes | None = None  # None: no response has begun
        self.size: int | None = None
        self.is_complete = False
        self.reads = asyncio.Event()
        self.reads.set()

    async def start_stream(self, content_type: str, size: int | None) -> None:
        assert content_type.startswith("text/plain")
        self.body, self.size = b"", size

    async def send(self, data: bytes) -> None:
        await self.reads.wait()
        assert self.body is not None
        self.body += data

    async def end(self) -> None:
        self.is_complete = True


class Exports:
    """Takes the place of the process: each one writes the number of finals, and ends when it may."""

    def __init__(self) -> None:
        self.arguments: list[Sequence[str]] = []
        self.targets: list[BinaryIO] = []
        self.running = self.most = 0
        self.may_end = asyncio.Event()
        self.error: Exception | None = None

    async def run(self, source: BinaryIO, target: BinaryIO, arguments: Sequence[str]) -> None:
        self.arguments.append(arguments)
        self.targets.append(target)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            target.write(f"{len(source.readlines())} ".encode())
            target.flush()
            await self.may_end.wait()
            if self.error:
                raise self.error
            target.write(b"finals")
            target.flush()
        finally:
            self.running -= 1


@pytest.fixture
async def exports(monkeypatch: pytest.MonkeyPatch) -> Exports:
    script = Exports()
    monkeypatch.setattr(downloads, "_export", script.run)
    return script


@asynccontextmanager
async def serving(hub: Hub) -> AsyncIterator[Callable[..., Any]]:
    """Yields a function that starts a client, and returns it with its task."""
    served = Downloads(hub, None)
    async with asyncio.TaskGroup() as tasks:

        def start(download: Download = TXT, method: str = "GET") -> tuple[Client, asyncio.Task[None]]:
            client = Client(method)
            return client, tasks.create_task(served.send(download, client))  # type: ignore[arg-type]

        yield start
    await served.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.001)


async def test_shared(exports: Exports) -> None:
    """Clients that want the same get the same, made once; when there is a new caption or revision, it is made anew."""
    hub = make_hub()
    hub.publish(final("One."))
    async with serving(hub) as start:
        clients = [start() for _ in range(20)]
        exports.may_end.set()
        await asyncio.gather(*(task for _, task in clients))
        later, task = start()
        await task
        assert {client.body for client, _ in [*clients, (later, task)]} == {b"1 finals"}
        assert {client.size for client, _ in clients} == {8}
        assert len(exports.arguments) == 1
        hub.publish(final("Two.", number=2))
        newest, task = start()
        await task
        assert newest.body == b"2 finals"
        assert len(exports.arguments) == 2
        assert exports.targets[0].closed, "nobody needs the old file"
        hub.revise(Correction("mic-2", hidden=True))
        _, task = start()
        await task
        assert len(exports.arguments) == 3, "what was hidden is in no file"
    assert exports.targets[2].closed


async def test_a_new_set(exports: Exports) -> None:
    """After a mark, a file is made anew, even if nothing has been said since."""
    exports.may_end.set()
    records = Records((SessionSet(Path("first"), SetHeader(NOON, "", "run-1", 0)),))
    served = Downloads(make_hub(), records)
    current = Download("txt", current_set=True)
    await served.send(current, Client())  # type: ignore[arg-type]
    records.session_sets += (SessionSet(Path("second"), SetHeader(NOON, "", "run-1", 7)),)
    for download in (current, current, TXT):
        await served.send(download, Client())  # type: ignore[arg-type]
    assert [list(a) for a in exports.arguments] == [
        ["txt", "run-1", "0", "0", str(NOON.timestamp()), "first"],
        ["txt", "run-1", "7", "0", str(NOON.timestamp()), "second"],
        ["txt", "run-1", "0", "0", "", "first", "second"],
    ]
    await served.close()


async def test_captions_of_the_set_before(exports: Exports) -> None:
    """A caption that ended before the mark, but became final after it, is in the set before."""
    exports.may_end.set()
    hub = make_hub()
    hub.publish(final("Before.", 1.0, 2.0), final("Across.", 4.0, 6.0, number=2), final("After.", 7.0, 8.0, number=3))
    marked_at = datetime(2026, 1, 2, 3, 4, 10, 678_000, tzinfo=UTC)  # at 5.0 of the source
    served = Downloads(hub, Records((SessionSet(Path("set"), SetHeader(marked_at, "", "run-1", 0)),)))
    for download, body in ((Download("txt", current_set=True), b"2 finals"), (TXT, b"3 finals")):
        await served.send(download, client := Client())  # type: ignore[arg-type]
        assert client.body == body
    await served.close()


async def test_one_at_a_time(exports: Exports) -> None:
    """Files are made one after the other; one that has to wait has the newest captions, and is made once."""
    hub = make_hub()
    hub.publish(final("One."))
    async with serving(hub) as start:
        first, _ = start(TXT)
        await until(lambda: exports.running)
        waiting = []
        for number in range(2, 12):
            hub.publish(final("More.", number=number))
            waiting += [start(TXT), start(Download("txt", current_set=True))]
            await asyncio.sleep(0)
        exports.may_end.set()
        await asyncio.gather(*(task for _, task in waiting))
        assert {client.body for client, _ in waiting} == {b"11 finals"}
        assert first.body == b"1 finals"
        assert (len(exports.arguments), exports.most) == (3, 1)


async def test_sent_while_it_is_made(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long is sent piece by piece; its size is not known then. A client that leaves stops nobody else."""
    monkeypatch.setattr(downloads, "COMPLETE_S", 0)
    async with serving(make_hub()) as start:
        (client, task), (_, leaving) = start(), start()
        await until(lambda: client.body)
        assert (client.body, client.size, client.is_complete) == (b"0 ", None, False)
        leaving.cancel()
        exports.may_end.set()
        await task
        assert (client.body, client.is_complete) == (b"0 finals", True)


async def test_head(exports: Exports) -> None:
    """``HEAD`` gets the size, and nothing of the file."""
    exports.may_end.set()
    async with serving(make_hub()) as start:
        client, task = start(method="HEAD")
        await task
        assert (client.body, client.size, client.is_complete) == (b"", 8, True)


async def test_failures(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a file cannot be made, a client gets an error, or an incomplete response if it has begun; the next may try."""
    exports.error = RuntimeError("killed")
    exports.may_end.set()
    served = Downloads(make_hub(), None)
    with pytest.raises(HttpError, match="could not be made"):
        await served.send(TXT, Client())  # type: ignore[arg-type]
    monkeypatch.setattr(downloads, "COMPLETE_S", 0)
    exports.may_end.clear()
    client = Client()
    sending = asyncio.ensure_future(served.send(TXT, client))  # type: ignore[arg-type]
    await until(lambda: client.body)
    exports.may_end.set()
    with pytest.raises(ConnectionError):
        await sending
    assert not client.is_complete
    exports.error = None
    await served.send(TXT, client := Client())  # type: ignore[arg-type]
    assert client.is_complete
    await served.close()


async def test_slow_clients(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may be reading another file, but there are only so many; a file is closed when its last reader has left."""
    monkeypatch.setattr(downloads, "MAX_FILES", 2)
    exports.may_end.set()
    hub = make_hub()
    served = Downloads(hub, None)
    slow = []
    for number in (1, 2):
        hub.publish(final("More.", number=number))
        client = Client()
        client.reads.clear()
        slow.append((client, asyncio.ensure_future(served.send(TXT, client))))  # type: ignore[arg-type]
        await until(lambda client=client: client.body is not None)
    hub.publish(final("More.", number=3))
    with pytest.raises(HttpError) as refusal:
        await served.send(TXT, Client())  # type: ignore[arg-type]
    assert refusal.value.status is HTTPStatus.SERVICE_UNAVAILABLE
    slow[0][0].reads.set()
    await slow[0][1]
    assert slow[0][0].body == b"1 finals"
    assert exports.targets[0].closed
    await served.send(TXT, client := Client())  # type: ignore[arg-type]
    assert client.body == b"3 finals"
    slow[1][0].reads.set()
    await slow[1][1]
    assert exports.targets[1].closed
    await served.close()


async def test_stopping(exports: Exports) -> None:
    """When the daemon stops, what is being made is stopped, and no file is left."""
    served = Downloads(make_hub(), None)
    sending = asyncio.ensure_future(served.send(TXT, Client()))  # type: ignore[arg-type]
    await until(lambda: exports.running)
    sending.cancel()
    await served.close()
    assert exports.running == 0
    assert exports.targets[0].closed
