"""Transcripts of the real process keep every final that was shown: after kills, restarts, and on full disks."""

import asyncio
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait
from websockets.exceptions import InvalidStatus

from tests.support.brokers import free_port
from tests.support.daemon import SENTENCES, WITHIN_S, captions, command, environment, receive_all, receive_until, speak
from tests.support.forked import Daemon, Process, run
from tests.support.pages import FINALS
from tests.support.transcripts import DiskFault, FolderMoved, FullDisk, LimitedFiles, check_readable, finals
from tests.support.viewers import SPEECH, Viewer, talk


def transcript_options(folder: Path, *more: str) -> list[str]:
    return ["--source", "ws", "--set", f"transcript.folder={folder}", *more]


# On a machine so busy that a write takes longer than viewers are made to wait for it, they would get a final first.
PATIENT = "from streamstt.hub import write_ahead; write_ahead.HOLD_S = 60; from streamstt.cli.app import main; main()"


async def test_killed_at_any_moment(brisk: list[str], tmp_path: Path) -> None:
    """With repeated kill -9 during speech, every final that a viewer received is in the files, all of which can be
    parsed, and a viewer that reconnects misses nothing and receives nothing twice, over all runs."""
    moments = random.Random(4)
    viewer = Viewer()
    for _ in range(6):
        with Daemon(*brisk, *transcript_options(tmp_path), program=[sys.executable, "-c", PATIENT]) as daemon:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(viewer.watch(daemon))
                tasks.create_task(talk(daemon, "you", 12))
                tasks.create_task(talk(daemon, "them", 10))
                await viewer.wait(len(viewer.finals) + 3)
                await asyncio.sleep(moments.uniform(0, 0.4))
                daemon.process.kill()
        kept = {f["seq"]: f for f in finals(tmp_path)}
        assert [f for f in viewer.finals if kept.get(f["seq"]) != f] == [], "finals that were shown are on disk"
        check_readable(tmp_path, whole=False)  # it may be killed between the record and the others
    with Daemon(*brisk, *transcript_options(tmp_path)) as daemon:
        greetings = viewer.greetings
        watching = asyncio.create_task(viewer.watch(daemon))
        await viewer.wait_for_greeting(greetings + 1)
        await viewer.wait(len(finals(tmp_path)))
        await asyncio.to_thread(daemon.stop)
        await watching
    check_readable(tmp_path)
    assert [f["seq"] for f in viewer.finals] == [f["seq"] for f in finals(tmp_path)], "none missing, none repeated"
    assert len({f["id"] for f in viewer.finals}) == len(viewer.finals), "ids are unique"
    assert len(viewer.sessions) == 1


@pytest.fixture(params=[FullDisk, LimitedFiles, FolderMoved])
def fault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DiskFault]:
    """A folder in which writing can fail; without permission to mount a disk, a limit takes its place."""
    folder = tmp_path / "transcripts"
    folder.mkdir()
    mounted = request.param is FullDisk and FullDisk.mount(folder)
    yield LimitedFiles(folder) if request.param is FullDisk and not mounted else request.param(folder)
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_disk_that_takes_no_more(brisk: list[str], fault: DiskFault) -> None:
    """Captions continue, the status reports the fault, and after it every final is in the files, in order and once."""
    with Daemon(*brisk, *transcript_options(fault.folder)) as daemon:
        async with captions(daemon) as viewer:
            speaking = asyncio.create_task(talk(daemon, "desk", 8))
            messages = await receive_until(viewer, "final")
            fault.begin(daemon.process.pid)
            while fault.reason not in messages[-1].get("detail", ""):
                messages += await receive_until(viewer, "status")
            messages += await receive_until(viewer, "final")
            messages += await receive_until(viewer, "final")
            if not isinstance(fault, FolderMoved):
                check_readable(fault.folder, whole=False)
            fault.end(daemon.process.pid)
            while messages[-1].get("detail", " "):
                messages += await receive_until(viewer, "status")
            messages += await receive_until(viewer, "final")
            speaking.cancel()
            ending = asyncio.create_task(asyncio.to_thread(daemon.stop))
            messages += await receive_all(viewer)
            assert await ending == 0
        assert daemon.log.count("cannot be written") == 1, "logged once, not for each caption"
        assert "are written to" in daemon.log
        assert "Traceback" not in daemon.log
    assert finals(fault.folder) == [m for m in messages if m["type"] == "final" and m["text"]]
    check_readable(fault.folder)


async def test_mark(script: list[str], tmp_path: Path) -> None:
    """``streamstt mark`` starts a new set of transcripts; web pages may not, and without transcripts it is refused."""
    with Daemon(*script, *transcript_options(tmp_path)) as daemon:
        async with captions(daemon, "/audio") as speaker:
            await speak(speaker, SPEECH[: 2 * 16000 * 7], speed=20)
            await receive_until(speaker, "final")
            done = await asyncio.to_thread(run, "mark", "Weekly & more", "--url", daemon.url)
            assert done.returncode == 0
            (name,) = re.findall(r"\d{4}-\d\d-\d\d-weekly-more", done.stdout)
            await speak(speaker, SPEECH[2 * 16000 * 7 : 2 * 16000 * 14], speed=20)
            await receive_until(speaker, "final")
        with pytest.raises(InvalidStatus) as refused:
            await captions(daemon, "/control", origin="http://elsewhere.example")
        assert refused.value.response.status_code == 403
        async with captions(daemon, "/control") as controller:
            stopping = asyncio.create_task(asyncio.to_thread(daemon.stop))
            await controller.wait_closed()
            assert controller.close_code == 1001, "it is closed at once and delays nothing"
            assert await stopping == 0
    assert [f["text"] for f in finals(tmp_path, name[:10])] == SENTENCES[:1]
    assert [f["text"] for f in finals(tmp_path, name)][:2] == [SENTENCES[1], SENTENCES[0]]
    check_readable(tmp_path)
    with Daemon(*script, "--source", "ws") as daemon:
        done = run("mark", "--url", daemon.url)
        assert done.returncode == 5
        assert "transcript.enabled" in done.stderr


def test_one_setting(script: list[str], tmp_path: Path) -> None:
    """One setting enables transcripts, in the state folder of the user or the service; two daemons cannot share one."""
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    with Daemon(*script, "--source", "ws", env=env):
        pass
    assert not (tmp_path / "state").exists()
    on = ["--source", "ws", "--set", "transcript.enabled=true"]
    with Daemon(*script, *on, env=env):
        assert (tmp_path / "state" / "streamstt" / "transcripts").is_dir()
        done = run("run", "--port", "0", *script, *on, env=env)
        assert done.returncode == 6
        assert "another streamstt keeps its transcripts" in done.stderr
    with Daemon(*script, *on, env={"STATE_DIRECTORY": str(tmp_path / "service")}):
        assert (tmp_path / "service" / "transcripts").is_dir()


@pytest.fixture
def port() -> str:
    """A free port, which all runs use."""
    return str(free_port())


@pytest.fixture
def listening(port: str) -> Iterator[Callable[[], Process]]:
    """Returns a function that starts ``streamstt listen`` with its output in a pipe."""
    started: list[Process] = []

    def start() -> Process:
        started.append(Process(command("listen", port), env=environment(), stdout=subprocess.PIPE, text=True))
        return started[0]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


async def speak_both_sentences(daemon: Daemon) -> None:
    """Sends the audio of both sentences of the script, and waits for their captions."""
    async with captions(daemon, "/audio?name=desk") as speaker:
        await speak(speaker, SPEECH[: 2 * 16000 * 7], speed=20)
        await speaker.send('{"type":"end"}')
        await receive_all(speaker)


def test_viewers_across_a_restart(
    script: list[str], tmp_path: Path, port: str, browser: Chrome, listening: Callable[[], Process]
) -> None:
    """The page and ``streamstt listen`` show each final once while the daemon is killed and restarted."""
    lines: list[str] = []
    for turn in range(2):
        with Daemon(*script, *transcript_options(tmp_path), "--port", port) as daemon:
            if turn == 0:
                browser.get(daemon.url)
                listener = listening()
                assert listener.stdout
            asyncio.run(speak_both_sentences(daemon))
            expected = SENTENCES * (turn + 1)
            assert [f["text"] for f in finals(tmp_path)] == expected
            WebDriverWait(browser, WITHIN_S).until(lambda b, texts=expected: b.execute_script(FINALS) == texts)
            while lines.count(SENTENCES[-1]) <= turn:
                lines.append(listener.stdout.readline().strip())
            daemon.process.kill()
    listener.kill()
    lines += listener.stdout.read().splitlines()
    assert [line for line in lines if not line.startswith("(")] == expected, "except states of sources, in parentheses"
    assert browser.execute_script("return document.querySelectorAll('#log .notice').length") == 0


def test_old_sets_are_deleted(script: list[str], tmp_path: Path) -> None:
    """Sets that are older than configured are deleted at the start; other files stay."""
    for name in ("2020-01-01.jsonl", "2020-01-01.srt", "2020-01-02.jsonl", "minutes.jsonl"):
        (tmp_path / name).write_text(
            '{"type":"mark","at":"2020-01-01T10:00:00+00:00","title":"","session":"s","seq":0}\n'
        )
    for name in ("2020-01-01.jsonl", "minutes.jsonl"):
        subprocess.run(["touch", "-d", "2020-01-01", str(tmp_path / name)], check=True)
    with Daemon(*script, *transcript_options(tmp_path, "--set", "transcript.keep_days=30")) as daemon:
        daemon.wait_for_log("transcript 2020-01-01 was deleted")
        assert daemon.stop() == 0
    assert sorted(p.name for p in tmp_path.glob("*.jsonl")) == ["2020-01-02.jsonl", "minutes.jsonl"]
    assert not (tmp_path / "2020-01-01.srt").exists()
