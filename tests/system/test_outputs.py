"""Outlets of the real daemon: all of them at once, and all of them dead."""

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from streamstt.outputs.factory import CLOSE_TIMEOUT_S
from tests.support.daemon import (
    DATA,
    SCRIPT,
    WITHIN_S,
    Daemon,
    captions,
    command,
    environment,
    get,
    receive,
    receive_all,
    receive_until,
    run,
)
from tests.support.target_servers import HttpServer, ObsServer, ReceivedRequest, Reply, ZoomMeeting, eventually

TALK = ("--source", f"file:{DATA / 'long_sentence.flac'}")
SECRET = "hunter2"


def lines_of(output: str) -> list[str]:
    return [line for line in output.splitlines() if line]


def test_standard_output(script: list[str]) -> None:
    """Asked for, it has a line for each final and nothing else; where the captions page is goes to standard error."""
    done = run("run", "--port", "0", *script, *TALK, "--fast", "--set", "output.stdout=text")
    assert done.returncode == 0, done.stderr
    assert " ".join(lines_of(done.stdout)) == " ".join([SCRIPT] * 3)
    assert "Captions: http://" in done.stderr
    done = run("run", "--port", "0", *script, *TALK, "--fast", "--set", "output.stdout=json")
    finals = [json.loads(line) for line in lines_of(done.stdout)]
    assert finals
    assert all((f["type"], f["label"]) == ("final", "file-long_sentence.flac") for f in finals)


async def test_standard_output_whose_reader_goes(script: list[str]) -> None:
    """As with ``| head -1``: captions go on for everybody else, and the daemon ends in good order."""
    process = await asyncio.create_subprocess_exec(
        *command("run", "--port", "0", *script, *TALK, "--fast", "--loop", "--set", "output.stdout=text"),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    assert await asyncio.wait_for(process.stdout.readline(), WITHIN_S)
    process.stdout._transport.close()  # there is no other way to hang up
    async with asyncio.timeout(WITHIN_S):
        while b"nobody reads standard output any more" not in await process.stderr.readline():
            pass
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), WITHIN_S) == 0


async def test_all_at_once(script: list[str], tmp_path: Path) -> None:
    """OBS, Zoom, YouTube, a webhook and a pipe get the same finals, in the same order, to the last one at a stop."""
    meeting, cues, hooks = ZoomMeeting(), [], []

    def handler(post: ReceivedRequest) -> Reply:
        if post.path.startswith("/closedcaption"):
            return meeting(post)
        (cues if post.path == "/youtube" else hooks).append(post.body.decode())
        return Reply()

    pipe = tmp_path / "captions"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    async with HttpServer(handler) as server, ObsServer() as obs:
        settings = {
            "STREAMSTT_OBS__URL": obs.url,
            "STREAMSTT_ZOOM__URL": meeting.address(server),
            "STREAMSTT_YOUTUBE__URL": f"{server.url}/youtube?cid=x",
            "STREAMSTT_WEBHOOK__URL": f"{server.url}/hook",
            "STREAMSTT_OUTPUT__PIPE": str(pipe),
        }
        with await asyncio.to_thread(Daemon, *script, *TALK, "--loop", env=settings) as daemon:
            async with captions(daemon) as viewer:
                await eventually(lambda: hooks)
                seen = await receive_until(viewer, "partial")
                while seen[-1]["type"] != "partial":  # it becomes final because of the stop
                    seen.append(await receive(viewer))
                stopping = asyncio.create_task(asyncio.to_thread(daemon.stop))
                seen += await receive_all(viewer)
            assert await stopping == 0
    said = [json.loads(body)["text"] for body in hooks]
    finals = [*seen[0]["history"], *(m for m in seen if m["type"] == "final")]
    assert said == [final["text"] for final in finals if final["text"]]
    assert len(said) >= 2
    assert [text.strip() for _, _, text in meeting.captions] == said
    assert [body.split("\n", 1)[1].replace("<br>", " ").strip() for body in cues] == said
    assert " ".join(" ".join(obs.captions).split()) == " ".join(said)
    assert lines_of(os.read(reader, 65536).decode()) == said
    os.close(reader)


@pytest.fixture
def hanging() -> socket.socket:
    """A server that takes connections, and does nothing with them."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server


async def test_dead_targets_delay_nobody(script: list[str], tmp_path: Path, hanging: socket.socket) -> None:
    """Whatever hangs or is not there: viewers have every caption before any target has answered, health stays ready and
    says what is away, no secret is told anywhere, and a stop takes no longer than is allowed to targets."""
    hole = f"//127.0.0.1:{hanging.getsockname()[1]}"
    settings = {
        "STREAMSTT_OBS__URL": f"ws:{hole}",
        "STREAMSTT_OBS__PASSWORD": SECRET,
        "STREAMSTT_ZOOM__URL": f"http:{hole}/closedcaption?signature={SECRET}",
        "STREAMSTT_YOUTUBE__URL": f"http://127.0.0.1:1/closedcaption?cid={SECRET}",
        "STREAMSTT_WEBHOOK__URL": f"http:{hole}/{SECRET}",
        "STREAMSTT_WEBHOOK__SECRET": SECRET,
        "STREAMSTT_OUTPUT__PIPE": str(tmp_path / "captions"),
        "STREAMSTT_LOG__LEVEL": "debug",
    }
    with await asyncio.to_thread(Daemon, *script, *TALK, "--loop", env=settings) as daemon:
        async with captions(daemon) as viewer:
            finals = [(await receive_until(viewer, "final"))[-1] for _ in range(2)]
            _, page = await asyncio.to_thread(get, f"{daemon.url}/metrics")
            # In the time of two finals no target has given a single answer, nor had to be waited for.
            for target in ("obs", "zoom", "youtube", "webhook", "pipe"):
                assert f'streamstt_outlet_delivered_total{{target="{target}"}} 0.0' in page
            for final in finals:
                assert final["text"] in SCRIPT
            delays = [row for row in page.splitlines() if 'caption_delay_seconds_bucket{kind="final",le="5.0"' in row]
            decoded = [row for row in page.splitlines() if 'caption_delay_seconds_count{kind="final"' in row]
            assert delays[0].split()[-1] == decoded[0].split()[-1]  # none waited for a target: that takes 5 s
            for told in ("webhook: no answer", "zoom: no answer", "obs: it does not answer"):
                await asyncio.to_thread(daemon.wait_for_log, f"captions do not reach {told} within 5 s")
        async with asyncio.timeout(WITHIN_S):  # captions may be late just now
            while (found := await asyncio.to_thread(get, f"{daemon.url}/healthz"))[0] != 200:
                pass
        health = found[1]
        assert json.loads(health)["status"] == "ready"
        for target in ("obs", "zoom", "webhook"):
            assert f"to {target}: Captions do not reach it" in health
        assert "to youtube: Captions do not reach it: no connection: Connection refused. It is tried again." in health
        _, page = await asyncio.to_thread(get, f"{daemon.url}/metrics")
        begun = asyncio.get_running_loop().time()
        assert await asyncio.to_thread(daemon.stop) == 0
        assert asyncio.get_running_loop().time() - begun < CLOSE_TIMEOUT_S + 40, "of which 40 s are for a slow machine"
        assert SECRET not in daemon.log + health + page
        assert daemon.log.count("captions do not reach webhook") == 1
