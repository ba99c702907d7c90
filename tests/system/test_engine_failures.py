"""The engine fails while people speak: viewers get a notice, no recognized word is lost, and captions go on."""

import asyncio
import json
import os
import shutil
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from streamstt.engine.runner import FAILURE_NOTICE
from streamstt.whisper.checkpoints import search
from tests.support.daemon import DATA, SCRIPT, STOP_S, captions, final_text, pcm_of, receive, receive_all, receive_until
from tests.support.forked import Daemon, WhisperDaemon


@pytest.fixture
def failing(script: list[str]) -> Any:
    """Returns options for a script with given failures, and standard input as the source."""
    file = Path(script[-1].removeprefix("script:"))

    def make(**how: Any) -> list[str]:
        file.write_text(json.dumps({**json.loads(file.read_bytes()), **how}))
        return [*script, "--source", "stdin"]

    return make


def details(messages: list[dict[str, Any]]) -> list[str]:
    return [m["detail"] for m in messages if m["type"] == "status"]


async def follow(daemon: Daemon) -> tuple[list[dict[str, Any]], int | None]:
    """Returns the messages that a viewer receives from before the first word on, and its close code."""
    async with captions(daemon) as viewer:
        messages = [await receive(viewer)]
        speaking = asyncio.create_task(asyncio.to_thread(speak, daemon))
        messages += await receive_all(viewer)
        await speaking
        return messages, viewer.close_code


def speak(daemon: Daemon) -> None:
    """Writes a recording to standard input in real time, until it or the daemon ends."""
    pcm = pcm_of("short")
    with suppress(OSError), daemon.process.stdin or nullcontext() as pipe:
        assert pipe
        for at in range(0, len(pcm), 3200):  # 0.1 s
            pipe.write(pcm[at : at + 3200])
            pipe.flush()
            time.sleep(0.1)


async def test_captions_go_on_with_a_fresh_engine(failing: Any) -> None:
    """An engine that fails again and again, and works when reloaded: every word comes, and the status says why."""
    with Daemon(*failing(fails_after=4), pipe=True) as daemon:
        messages, _ = await follow(daemon)
        assert daemon.process.wait(STOP_S) == 0
        assert daemon.log.count("is loaded again") > 1
    assert final_text(messages) in SCRIPT
    assert len(final_text(messages)) > 0.8 * len(SCRIPT), "the recording ends a little earlier than the script"
    assert any(FAILURE_NOTICE in detail for detail in details(messages))
    assert not any(m["type"] == "gap" for m in messages)
    assert details(messages)[-1] == "The source has ended."


async def test_one_utterance_that_cannot_be_decoded(failing: Any) -> None:
    """It is given up and reported as a gap; words recognized before stay, and captions go on in the same process."""
    with Daemon(*failing(poison_s=[2.0]), pipe=True) as daemon:
        messages, _ = await follow(daemon)
        assert daemon.process.wait(STOP_S) == 0
    gaps = [m for m in messages if m["type"] == "gap"]
    assert len(gaps) == 1
    assert gaps[0]["start"] <= 2.0 <= gaps[0]["end"]
    assert final_text(messages).endswith("so that tests")


async def test_an_engine_that_is_broken(failing: Any) -> None:
    """Exit 4, so that it is restarted; viewers keep recognized words, get a notice, and are closed (1001)."""
    with Daemon(*failing(poison_s=[2.0 + 0.2 * n for n in range(100)]), pipe=True) as daemon:
        messages, close_code = await follow(daemon)
        assert close_code == 1001
        assert daemon.process.wait(STOP_S) == 4
        assert "Traceback" not in daemon.log.rpartition("is given up")[2]
    partials = [m for m in messages if m["type"] == "partial"]
    assert partials, "something was recognized"
    assert partials[0]["id"] in {m["id"] for m in messages if m["type"] == "final"}
    assert any("engine is broken" in detail for detail in details(messages))


async def test_weights_that_break_under_a_running_daemon(tmp_path: Path) -> None:
    """The model's file is overwritten: exit 4 with the file and the way to fix it, and no caption is left open."""
    folder = search.find("tiny.en").folder
    cache = tmp_path / "streamstt" / "models" / folder.name
    shutil.copytree(folder, cache)
    source = ["--source", f"file:{DATA / 'short.flac'}", "--loop"]
    with WhisperDaemon(*source, "--model", "tiny.en", env={"XDG_CACHE_HOME": str(tmp_path)}) as daemon:
        async with captions(daemon) as viewer:
            messages = await receive_until(viewer, "partial")
            os.truncate(cache / "model.safetensors", 1_000_000)
            messages += await receive_all(viewer)
        assert daemon.process.wait(STOP_S) == 4
        assert "streamstt models fetch tiny.en --force" in daemon.log
    opened = {m["id"] for m in messages if m["type"] == "partial"}
    assert opened <= {m["id"] for m in messages if m["type"] == "final"}
    assert any(FAILURE_NOTICE in detail for detail in details(messages))
