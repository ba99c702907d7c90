"""An edge with real brokers serves what the daemon serves, whichever process is killed."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
from websockets.exceptions import InvalidStatus

from streamstt.client import request_control
from tests.support.brokers import SECRET, Broker, edge
from tests.support.daemon import WITHIN_S, captions, get, receive, refusal_status
from tests.support.forked import Daemon, run
from tests.support.transcripts import finals
from tests.support.viewers import Viewer, talk


@pytest.fixture(params=["redis", "nats"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    with Broker(request.param, tmp_path / "broker") as started:
        yield started


def daemon_of(broker: Broker, script: list[str], folder: Path) -> Daemon:
    address = ["--set", f"{broker.kind}.url={broker.url}", *broker.settings]
    return Daemon(*script, "--source", "ws", "--set", f"transcript.folder={folder}", *address)


async def until(holds: Callable[[], bool]) -> None:
    """Polls a state that nothing announces."""
    async with asyncio.timeout(WITHIN_S):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - another process cannot be awaited
            await asyncio.sleep(0.1)


def loaded(daemon: Daemon) -> str:
    """Returns the names of the files that a process has mapped."""
    return Path(f"/proc/{daemon.process.pid}/maps").read_text()


def health(daemon: Daemon) -> dict[str, object]:
    return dict(json.loads(get(f"{daemon.url}/healthz")[1]))


async def until_health_says(daemon: Daemon, words: str, *, present: bool = True) -> None:
    """Waits until the health of a daemon or edge contains a text, or no longer contains it."""
    try:
        await until(lambda: (words in json.dumps(health(daemon))) is present)
    except TimeoutError as late:
        raise AssertionError(f"{words!r} in {health(daemon)} is not {present}: {daemon.log}") from late


@asynccontextmanager
async def watched(daemon: Daemon, viewer: Viewer) -> AsyncIterator[None]:
    """Has a viewer follow the daemon meanwhile, and reconnect when it is asked to."""

    async def follow() -> None:
        while daemon.process.poll() is None:
            with suppress(InvalidStatus):  # 503: the edge has not received any captions yet
                await viewer.watch(daemon)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task  # raises what the viewer has found wrong


async def test_an_edge_serves_what_the_daemon_does(broker: Broker, brisk: list[str], tmp_path: Path) -> None:
    """Viewers of an edge receive the daemon's finals with its numbers, session and times; one that changes from daemon
    to edge with ``since`` misses nothing. Captions that are corrected at the daemon are corrected at the edge, also at
    one that starts later. Audio and control are 404. No model library is loaded. The broker's password
    does not appear anywhere."""
    with edge(broker) as served, ExitStack() as started:
        await until_health_says(served, "No daemon has sent captions")
        assert health(served)["status"] == "degraded"
        daemon = started.enter_context(daemon_of(broker, brisk, tmp_path / "t"))
        here, there = Viewer(), Viewer()
        async with watched(daemon, here), watched(served, there):
            speaking = asyncio.create_task(talk(daemon, "desk", 8))
            await there.wait(4)
            await here.wait(4)
            speaking.cancel()
        assert there.finals[:4] == here.finals[:4]
        await until(lambda: health(served)["status"] == "ready")
        assert there.sessions == here.sessions
        first = here.finals[0]["seq"]
        async with captions(
            served, f"/captions?{urlencode({'since': first, 'session': here.sessions.copy().pop()})}"
        ) as s:
            hello = await receive(s)
        assert [f["seq"] for f in hello["history"] if f["text"]][:3] == [f["seq"] for f in here.finals[1:4]]
        assert "gap_in_history" not in hello
        for path in ("/audio", "/control"):
            assert await refusal_status(served, path) == 404
        assert "This is an edge" in get(f"{served.url}/audio")[1]
        assert get(f"{served.url}/transcript.vtt")[1].startswith("WEBVTT")
        await until(lambda: get(f"{served.url}/transcript.vtt")[1] == get(f"{daemon.url}/transcript.vtt")[1])
        revised = [here.finals[n]["id"] for n in (0, 1)]
        for number, caption in enumerate(revised):
            await request_control(daemon.url, {"type": "revise", "id": caption, "text": f"Corrected {number}."})
        await until(lambda: get(f"{served.url}/transcript.txt")[1].startswith("Corrected 0.\nCorrected 1.\n"))
        with edge(broker) as late:  # it reads what the broker keeps
            await until(lambda: "Corrected 0.\nCorrected 1.\n" in get(f"{late.url}/transcript.txt")[1])
        assert "broker_away 0" in get(f"{served.url}/metrics")[1]
        assert "bus_finals" in get(f"{daemon.url}/metrics")[1]
        assert not [name for name in ("torch", "transformers", "portaudio") if name in loaded(served)]
        shown = await asyncio.to_thread(run, "config", "show", *broker.settings)
        assert SECRET not in daemon.log + served.log + shown.stdout + get(f"{daemon.url}/metrics")[1]


async def test_nothing_final_is_lost(broker: Broker, brisk: list[str], tmp_path: Path) -> None:
    """Broker, daemon and edge are killed with -9 during speech and restarted, one after the other: a viewer of the
    edge receives every final that the daemon wrote, once and in order, in one session."""
    kept, viewer = tmp_path / "t", Viewer()
    with edge(broker) as served:
        async with watched(served, viewer):
            with daemon_of(broker, brisk, kept) as daemon:
                speaking = asyncio.create_task(talk(daemon, "desk", 8))
                await viewer.wait(2)
                broker.kill()
                before = len(finals(kept))
                await until(lambda: len(finals(kept)) >= before + 3)  # no viewer receives them for now
                await until_health_says(served, "lost its connection to the broker")
                await until_health_says(daemon, "Captions do not reach")
                await until(lambda: (health(served)["status"], health(daemon)["status"]) == ("degraded", "ready"))
                broker.start()
                await viewer.wait(before + 4)
                await until_health_says(served, "lost its connection", present=False)
                daemon.process.kill()
                speaking.cancel()
    with daemon_of(broker, brisk, kept) as daemon, edge(broker) as served:
        async with watched(served, viewer):
            speaking = asyncio.create_task(talk(daemon, "desk", 8))
            await viewer.wait(len(viewer.finals) + 3)
            served.process.kill()
            now = len(finals(kept))
            with edge(broker) as again:
                async with watched(again, viewer):
                    await viewer.wait(now + 2)
                    speaking.cancel()
                    assert await asyncio.to_thread(daemon.stop) == 0
                    written = [f for f in finals(kept) if f["text"]]
                    await viewer.wait(len(written))
                    await until_health_says(again, "The daemon has stopped")
    assert [f["seq"] for f in viewer.finals] == [f["seq"] for f in written], "none missing, none repeated"
    assert [f["text"] for f in viewer.finals] == [f["text"] for f in written]
    assert len(viewer.sessions) == 1


async def test_an_edge_before_its_broker(tmp_path: Path) -> None:
    """Without a broker an edge starts, reports what is missing, serves pages, and has viewers try again later."""
    broker = Broker("redis", tmp_path / "broker")
    with edge(broker) as served:
        await until_health_says(served, "lost its connection to the broker")
        assert get(f"{served.url}/")[0] == 200
        assert await refusal_status(served) == 503
        with broker:
            await until_health_says(served, "No daemon has sent captions")
            served.wait_for_log("captions come from Redis")
        assert served.stop() == 0


def test_an_edge_reloads_its_settings(tmp_path: Path) -> None:
    """SIGHUP has an edge reload its settings, as a daemon does; an error changes nothing, and health says so."""
    broker, config = Broker("redis", tmp_path / "broker"), tmp_path / "settings.toml"
    config.write_text("")
    with edge(broker, "--config", str(config)) as served:
        for text, log in (
            ("[server]\nprot = 1\n", "the settings stay as they were"),
            ("[server]\nhistory = 7\n", "settings reloaded; changed: server.history"),
        ):
            config.write_text(text)
            served.process.send_signal(signal.SIGHUP)
            served.wait_for_log(log)
            assert ("new settings have errors" in json.dumps(health(served))) is ("prot" in text)
        assert served.stop() == 0


def test_a_broker_that_is_none() -> None:
    """An address that is not a broker's, or that contains a password, is refused with an explanation."""
    wrong = run("serve", "--from", "http://localhost")
    assert wrong.returncode == 78
    assert "expected for example redis://" in wrong.stderr
    for address in (f"redis://me:{SECRET}@localhost", f"amqp://me:{SECRET}@localhost"):
        done = run("serve", "--from", address)
        assert done.returncode == 78
        assert "://me:***@localhost" in done.stderr
        assert SECRET not in done.stderr
    assert "password_file" in run("run", "--set", f"mqtt.url=mqtt://me:{SECRET}@localhost").stderr
