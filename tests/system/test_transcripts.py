"""Nothing that was shown is lost: transcripts of the real process, killed, restarted, and with disks that are full."""

import asyncio
import random
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait
from websockets.exceptions import InvalidStatus

from tests.support.daemon import (
    SCRIPT,
    Daemon,
    captions,
    command,
    environment,
    receive_all,
    receive_until,
    run,
    speak,
)
from tests.support.transcripts import FolderAway, FullDisk, LimitedFiles, Trouble, check_readable, finals
from tests.support.viewers import SPEECH, Viewer, talk

SENTENCES = [f"{text.strip()}." for text in SCRIPT.split(".")[:2]]
SHOWN = "return Array.from(document.querySelectorAll('#log .caption .text'), e => e.textContent)"


def keeping(folder: Path, *more: str) -> list[str]:
    return ["--source", "ws", "--set", f"transcript.folder={folder}", *more]


async def test_killed_at_any_moment(script: list[str], tmp_path: Path) -> None:
    """kill -9 while people speak, again and again: every final that a viewer got is in the files, all of which can be
    read; and a viewer that comes back misses nothing and gets nothing twice, over all the runs."""
    moments = random.Random(4)
    viewer = Viewer()
    for _ in range(6):
        with Daemon(*script, *keeping(tmp_path)) as daemon:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(viewer.watch(daemon))
                tasks.create_task(talk(daemon, "you", 12))
                tasks.create_task(talk(daemon, "them", 10))
                await viewer.wait(len(viewer.finals) + 3)
                await asyncio.sleep(moments.uniform(0, 0.4))
                daemon.process.kill()
        kept = {f["seq"]: {k: v for k, v in f.items() if k != "label"} for f in finals(tmp_path)}
        assert [f for f in viewer.finals if kept.get(f["seq"]) != f] == [], "what was shown is on disk"
        check_readable(tmp_path)
    with Daemon(*script, *keeping(tmp_path)) as daemon:
        watching = asyncio.create_task(viewer.watch(daemon))
        await viewer.wait(len(finals(tmp_path)))
        daemon.stop()
        await watching
    assert [f["seq"] for f in viewer.finals] == [f["seq"] for f in finals(tmp_path)], "none missing, none twice"
    assert len({f["id"] for f in viewer.finals}) == len(viewer.finals), "no id means two captions"
    assert len(viewer.sessions) == 1


@pytest.fixture(params=[FullDisk, LimitedFiles, FolderAway])
def trouble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trouble]:
    """A folder that is going to take no more; without the right to mount a disk, the limit stands for a full one."""
    folder = tmp_path / "transcripts"
    folder.mkdir()
    mounted = request.param is FullDisk and FullDisk.mount(folder)
    yield LimitedFiles(folder) if request.param is FullDisk and not mounted else request.param(folder)
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_disk_that_takes_no_more(script: list[str], trouble: Trouble) -> None:
    """Captions go on, their status says what is wrong, and when there is room again every final is in the files, in
    order and once."""
    with Daemon(*script, *keeping(trouble.folder)) as daemon:
        async with captions(daemon) as viewer:
            speaking = asyncio.create_task(talk(daemon, "desk", 8))
            got = await receive_until(viewer, "final")
            trouble.begin(daemon.process.pid)
            while trouble.reason not in got[-1].get("detail", ""):
                got += await receive_until(viewer, "status")
            got += await receive_until(viewer, "final")
            got += await receive_until(viewer, "final")
            if not isinstance(trouble, FolderAway):
                check_readable(trouble.folder, whole=False)
            trouble.end(daemon.process.pid)
            while got[-1].get("detail", " "):
                got += await receive_until(viewer, "status")
            speaking.cancel()
            got += await receive_until(viewer, "final")
            ending = asyncio.create_task(asyncio.to_thread(daemon.stop))
            got += await receive_all(viewer)
            assert await ending == 0
        assert daemon.log.count("cannot be written") == 1, "said once, not with each caption"
        assert "are written to" in daemon.log
        assert "Traceback" not in daemon.log
    assert finals(trouble.folder) == [m for m in got if m["type"] == "final" and m["text"]]
    check_readable(trouble.folder)


async def test_mark(script: list[str], tmp_path: Path) -> None:
    """``streamstt mark`` begins a new set of the running daemon; pages may not; without transcripts it is refused."""
    with Daemon(*script, *keeping(tmp_path)) as daemon:
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
            assert controller.close_code == 1001, "it is told at once, and holds nothing up"
            assert await stopping == 0
    assert [f["text"] for f in finals(tmp_path, name[:10])] == SENTENCES[:1]
    assert [f["text"] for f in finals(tmp_path, name)][:2] == [SENTENCES[1], SENTENCES[0]]
    check_readable(tmp_path)
    with Daemon(*script, "--source", "ws") as daemon:
        done = run("mark", "--url", daemon.url)
        assert done.returncode == 5
        assert "transcript.enabled" in done.stderr


def test_one_setting(script: list[str], tmp_path: Path) -> None:
    """Switched on by one setting, transcripts are in the user's state folder, or in a service's; two daemons do not
    share one; off, there is nothing."""
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    with Daemon(*script, "--source", "ws", env=env):
        pass
    assert not (tmp_path / "state").exists()
    on = ["--source", "ws", "--set", "transcript.enabled=true"]
    with Daemon(*script, *on, env=env):
        assert (tmp_path / "state" / "streamstt" / "transcripts").is_dir()
        done = run("run", *script, *on, env=env)
        assert done.returncode == 6
        assert "another streamstt keeps its transcripts" in done.stderr
    with Daemon(*script, *on, env={"STATE_DIRECTORY": str(tmp_path / "service")}):
        assert (tmp_path / "service" / "transcripts").is_dir()


@pytest.fixture
def port() -> str:
    """A port that is free, to come back to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


@pytest.fixture
def listening(port: str) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts ``streamstt listen``, piped."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        started.append(subprocess.Popen(command("listen", port), env=environment(), text=True, **pipes))
        return started[0]

    yield start
    for process in started:
        process.kill()
        process.communicate()


async def say_two(daemon: Daemon) -> None:
    """Both sentences of the script, to their end."""
    async with captions(daemon, "/audio?name=desk") as speaker:
        await speak(speaker, SPEECH[: 2 * 16000 * 7], speed=20)
        await speaker.send('{"type":"end"}')
        await receive_all(speaker)


def test_viewers_across_a_restart(
    script: list[str], tmp_path: Path, port: str, browser: Chrome, listening: Callable[[], subprocess.Popen[str]]
) -> None:
    """The page and ``streamstt listen``, open while the daemon is killed and started again, show each final once."""
    lines: list[str] = []
    for turn in range(2):
        with Daemon(*script, *keeping(tmp_path), "--port", port) as daemon:
            if turn == 0:
                browser.get(daemon.url)
                listener = listening()
                assert listener.stdout
            asyncio.run(say_two(daemon))
            said = SENTENCES * (turn + 1)
            assert [f["text"] for f in finals(tmp_path)] == said
            WebDriverWait(browser, 20).until(lambda b, said=said: b.execute_script(SHOWN) == said)
            while lines.count(SENTENCES[-1]) <= turn:
                lines.append(listener.stdout.readline().strip())
            daemon.process.kill()
    listener.kill()
    lines += listener.stdout.read().splitlines()
    assert [line for line in lines if not line.startswith("(")] == said, "besides what sources do, in parentheses"
    assert browser.execute_script("return document.querySelectorAll('#log .notice').length") == 0


def test_old_sets_are_deleted(script: list[str], tmp_path: Path) -> None:
    """What the settings do not keep is deleted at the start; what is not ours stays."""
    for name in ("2020-01-01.jsonl", "2020-01-01.srt", "2020-01-02.jsonl", "minutes.jsonl"):
        (tmp_path / name).write_text(
            '{"type":"mark","at":"2020-01-01T10:00:00+00:00","title":"","session":"s","seq":0}\n'
        )
    for name in ("2020-01-01.jsonl", "minutes.jsonl"):
        subprocess.run(["touch", "-d", "2020-01-01", str(tmp_path / name)], check=True)
    with Daemon(*script, *keeping(tmp_path, "--set", "transcript.keep_days=30")) as daemon:
        daemon.wait_for_log("transcript 2020-01-01 was deleted")
        assert daemon.stop() == 0
    assert sorted(p.name for p in tmp_path.glob("*.jsonl")) == ["2020-01-02.jsonl", "minutes.jsonl"]
    assert not (tmp_path / "2020-01-01.srt").exists()
