"""Outputs of the real daemon: all of them at once, and all of them failing."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.support.daemon import (
    DATA,
    SCRIPT,
    WITHIN_S,
    captions,
    command,
    environment,
    get,
    receive,
    receive_all,
    receive_until,
)
from tests.support.forked import Daemon, run
from tests.support.target_servers import HttpServer, ObsServer, ReceivedRequest, Reply, ZoomMeeting, eventually

TALK = ("--source", f"file:{DATA / 'long_sentence.flac'}")
SECRET = "hunter2"


def lines_of(output: str) -> list[str]:
    return [line for line in output.splitlines() if line]


def test_standard_output(script: list[str]) -> None:
    """If enabled, it has one line per final and nothing else; the address of the page goes to standard error."""
    done = run("run", "--port", "0", *script, *TALK, "--fast", "--set", "output.stdout=text")
    assert done.returncode == 0, done.stderr
    assert " ".join(lines_of(done.stdout)) == " ".join([SCRIPT] * 3)
    assert "Captions: http://" in done.stderr
    done = run("run", "--port", "0", *script, *TALK, "--fast", "--set", "output.stdout=json")
    finals = [json.loads(line) for line in lines_of(done.stdout)]
    assert finals
    assert all((f["type"], f["label"]) == ("final", "file-long_sentence.flac") for f in finals)


async def test_standard_output_whose_reader_leaves(script: list[str]) -> None:
    """As with ``| head -1``: other clients still receive captions, and the daemon exits normally."""
    process = await asyncio.create_subprocess_exec(
        *command("run", "--port", "0", *script, *TALK, "--fast", "--loop", "--set", "output.stdout=text"),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    assert await asyncio.wait_for(process.stdout.readline(), WITHIN_S)
    process.stdout._transport.close()  # there is no public way to close it
    async with asyncio.timeout(WITHIN_S):
        while b"the reader of standard output has gone" not in await process.stderr.readline():
            pass
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(2 * WITHIN_S):
        log = await process.stderr.read()  # otherwise it could wait for somebody to read it
        assert await process.wait() == 0, log


async def test_all_at_once(brisk: list[str], tmp_path: Path) -> None:
    """OBS, Zoom, YouTube, a webhook and a pipe receive the same finals in the same order, up to the last at a stop."""
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
        with await asyncio.to_thread(Daemon, *brisk, *TALK, "--loop", env=settings) as daemon:
            async with captions(daemon) as viewer:
                await eventually(lambda: hooks)
                messages = await receive_until(viewer, "partial")
                while messages[-1]["type"] != "partial":  # it becomes final because of the stop
                    messages.append(await receive(viewer))
                stopping = asyncio.create_task(asyncio.to_thread(daemon.stop))
                messages += await receive_all(viewer)
            assert await stopping == 0
    texts = [json.loads(body)["text"] for body in hooks]
    finals = [*messages[0]["history"], *(m for m in messages if m["type"] == "final")]
    assert texts == [final["text"] for final in finals if final["text"]]
    assert len(texts) >= 2
    assert [text.strip() for _, _, text in meeting.captions] == texts
    assert [body.split("\n", 1)[1].replace("<br>", " ").strip() for body in cues] == texts
    assert " ".join(" ".join(obs.captions).split()) == " ".join(texts)
    assert lines_of(os.read(reader, 65536).decode()) == texts
    os.close(reader)


# A stop gives targets five seconds, which is long for a test.
HASTY = "from streamstt.outputs import factory; factory.CLOSE_TIMEOUT_S = 1; from streamstt.cli.app import main; main()"


@pytest.fixture
def hanging() -> socket.socket:
    """A server that accepts connections and never replies."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server


async def test_dead_targets_delay_nobody(brisk: list[str], tmp_path: Path, hanging: socket.socket) -> None:
    """With targets that hang or do not exist, viewers receive captions without delay, health stays ready and names the
    targets, no secret appears anywhere, and a stop takes no longer than targets are given."""
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
    hasty = [sys.executable, "-c", HASTY]
    with await asyncio.to_thread(Daemon, *brisk, *TALK, "--loop", env=settings, program=hasty) as daemon:
        async with captions(daemon) as viewer:
            finals = [(await receive_until(viewer, "final"))[-1] for _ in range(2)]
            _, page = await asyncio.to_thread(get, f"{daemon.url}/metrics")
            # While two finals were published, no target has replied, and nothing has waited for one.
            for target in ("obs", "zoom", "youtube", "webhook", "pipe"):
                assert f'streamstt_outlet_delivered_total{{target="{target}"}} 0.0' in page
            for final in finals:
                assert final["text"] in SCRIPT
            delays = [row for row in page.splitlines() if 'caption_delay_seconds_bucket{kind="final",le="5.0"' in row]
            decoded = [row for row in page.splitlines() if 'caption_delay_seconds_count{kind="final"' in row]
            assert delays[0].split()[-1] == decoded[0].split()[-1]  # none waited for a target, which would take 5 s
            for reason in ("webhook: no answer", "zoom: no answer", "obs: it does not answer"):
                await asyncio.to_thread(daemon.wait_for_log, f"captions do not reach {reason} within 5 s")
        async with asyncio.timeout(WITHIN_S):  # it is not ready while captions are late
            while (response := await asyncio.to_thread(get, f"{daemon.url}/healthz"))[0] != 200:
                pass
        health = response[1]
        assert json.loads(health)["status"] == "ready"
        for target in ("obs", "zoom", "webhook"):
            assert f"to {target}: Captions do not reach it" in health
        assert "to youtube: Captions do not reach it: no connection: Connection refused. Attempts continue." in health
        _, page = await asyncio.to_thread(get, f"{daemon.url}/metrics")
        started = asyncio.get_running_loop().time()
        assert await asyncio.to_thread(daemon.stop) == 0
        assert asyncio.get_running_loop().time() - started < 1 + 40, "of which 40 s are for a slow machine"
        assert SECRET not in daemon.log + health + page
        assert daemon.log.count("captions do not reach webhook") == 1
