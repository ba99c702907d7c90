"""PipeWire, the sound server of today's desktops, which programs reach as they reach PulseAudio."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.audio_server import AudioServer, speaking
from tests.support.daemon import captions, receive, write_script
from tests.support.forked import Daemon

SOURCES = ("mic", "monitor")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AudioServer]:
    """A running PipeWire with the microphone ``table`` and the null sink ``room``."""
    folder = tmp_path / "sound"
    folder.mkdir()
    with AudioServer(folder, "pipewire") as running:
        running.table_microphone()
        yield running


async def until(viewer: Any, *sources: str, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Returns all messages until ``wanted`` has accepted one of each source."""
    messages: list[dict[str, Any]] = []
    missing = set(sources)
    async with asyncio.timeout(180):
        while missing:
            messages.append(await receive(viewer))
            if messages[-1].get("source") in missing and wanted(messages[-1]):
                missing.remove(messages[-1]["source"])
    return messages


def is_state(state: str) -> Callable[[dict[str, Any]], bool]:
    return lambda message: message.get("state") == state


def is_partial(message: dict[str, Any]) -> bool:
    return bool(message["type"] == "partial")


def gaps(messages: list[dict[str, Any]]) -> set[str]:
    """Returns the sources of all gaps."""
    return {m["source"] for m in messages if m["type"] == "gap"}


async def test_devices_are_lost_and_found(server: AudioServer, tmp_path: Path) -> None:
    """A microphone and a monitor are captioned. A microphone that is unplugged is lost, alone, and found when it is
    plugged in again; if the server crashes, both are, and both come back when it is started again."""
    sources = "".join(
        f'[[source]]\ninput = "{device}"\nname = "{name}"\n'
        for name, device in zip(SOURCES, ("mic:Table", "monitor:room"), strict=True)
    )
    (tmp_path / "streamstt.toml").write_text(sources)
    options = [*write_script(tmp_path), "--config", str(tmp_path / "streamstt.toml")]
    with Daemon(*options, env=server.plain_env) as daemon:
        async with captions(daemon) as viewer:
            await until(viewer, *SOURCES, wanted=is_state("listening"))
            async with speaking(server):
                await until(viewer, *SOURCES, wanted=is_partial)
                server.unload("module-remap-source")
                lost = await until(viewer, "mic", wanted=is_state("lost"))
                server.table_microphone()
                found = await until(viewer, "mic", wanted=is_state("listening"))
                found += await until(viewer, *SOURCES, wanted=is_partial)
            assert not any(m["source"] == "monitor" and m.get("state") == "lost" for m in lost + found if "source" in m)
            assert gaps(found) == {"mic"}
            server.kill()
            await until(viewer, *SOURCES, wanted=is_state("lost"))
            server.start()
            server.table_microphone()
            found = await until(viewer, *SOURCES, wanted=is_state("listening"))
            async with speaking(server):
                found += await until(viewer, *SOURCES, wanted=is_partial)
            assert gaps(found) == set(SOURCES)
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log
