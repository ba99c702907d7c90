"""The real capture path: PortAudio, ALSA, and a PulseAudio server with a null sink as the microphone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from tests.support.audio_server import AudioServer
from tests.support.daemon import DATA, captions, final_text, receive, text_of
from tests.support.forked import Daemon, WhisperDaemon, run
from tests.support.word_errors import word_error_rate


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AudioServer]:
    """A running audio server."""
    with AudioServer(tmp_path) as running:
        yield running


async def receive_until_state(viewer: ClientConnection, state: str) -> list[dict[str, Any]]:
    """Returns all messages up to a status with this state."""
    messages = [await receive(viewer)]
    while messages[-1].get("state") != state:
        messages.append(await receive(viewer))
    return messages


async def test_speech_into_a_microphone(server: AudioServer) -> None:
    """Speech into a microphone, chosen by part of its name, is captioned with real weights."""
    with WhisperDaemon("--source", "mic:PULS", "--language", "en", env=server.env) as daemon:
        async with captions(daemon) as viewer:
            messages = await receive_until_state(viewer, "listening")
            speaking = asyncio.create_task(asyncio.to_thread(server.play, DATA / "short.flac"))
            while word_error_rate(text_of("short"), final_text(messages)) > 0.1:
                messages.append(await receive(viewer))
            await speaking
    states = [m["state"] for m in messages if m["type"] == "status"]
    assert states[:2] == ["listening", "speech"]


def test_devices(server: AudioServer) -> None:
    """``devices`` lists the microphones; an unknown name fails at once, with the list."""
    listed = run("devices", env=server.env)
    assert listed.returncode == 0
    assert "pulse" in listed.stdout
    wrong = run("run", "--port", "0", "--source", "mic:gooseneck", env=server.env)
    assert wrong.returncode == 3
    assert "there is no microphone 'gooseneck'" in wrong.stderr
    assert "pulse" in wrong.stderr


async def test_audio_server_restarts(server: AudioServer, script: list[str]) -> None:
    """The audio server is killed and restarted: the status says so, captions continue, and the gap is reported."""
    with Daemon(*script, "--source", "mic:pulse", env=server.env) as daemon:
        async with captions(daemon) as viewer:
            messages = await receive_until_state(viewer, "listening")
            # It is long, so that the server is killed while it plays.
            speaking = asyncio.create_task(asyncio.to_thread(server.play, DATA / "meeting.flac"))
            while messages[-1]["type"] != "partial":
                messages.append(await receive(viewer))
            server.kill()
            messages += await receive_until_state(viewer, "lost")
            server.start()
            messages += await receive_until_state(viewer, "listening")
            with pytest.raises(AssertionError):
                await speaking
            again = asyncio.create_task(asyncio.to_thread(server.play, DATA / "short.flac"))
            while messages[-1]["type"] != "partial":
                messages.append(await receive(viewer))
            await again
        assert daemon.stop() == 0
    kinds = [m["type"] for m in messages]
    lost = next(i for i, m in enumerate(messages) if m.get("state") == "lost")
    assert "final" in kinds[:lost] + kinds[lost:], "the words before became final"
    gap = next(m for m in messages if m["type"] == "gap")
    assert gap["end"] > gap["start"] + 0.4
    assert messages[-1]["start"] >= gap["end"] - 0.01, "stream time stays true"
