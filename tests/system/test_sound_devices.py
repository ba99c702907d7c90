"""Faults of sound devices, caused in a real PulseAudio server while the daemon runs."""

import asyncio
import json
import operator
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from websockets.asyncio.client import ClientConnection

from streamstt.audio import signal_check
from streamstt.audio.devices import microphone as microphone_module
from streamstt.audio.devices.microphone import AUDIO_TIMEOUT_S, Microphone
from streamstt.audio.devices.recorder_process import RecorderProcess
from streamstt.audio.devices.selection import DeviceSelector
from streamstt.audio.format import SAMPLE_RATE
from streamstt.errors import SourceError
from tests.support.audio_server import AudioServer, speaking
from tests.support.daemon import DATA, WITHIN_S, captions, final_text, receive, text_of, write_script
from tests.support.forked import Daemon, WhisperDaemon, run
from tests.support.word_errors import word_error_rate

NOTICED_S = 2.0
BUSY_S = 8.0  # allowed in addition on a busy machine
Messages = list[dict[str, Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AudioServer]:
    """A running audio server with the microphone ``table`` and the null sink ``room``."""
    with AudioServer(tmp_path_factory.mktemp("sound")) as running:
        running.keep_awake()
        running.table_microphone()
        yield running


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """As ``script``, for the whole module."""
    return write_script(tmp_path_factory.mktemp("script"))


@pytest.fixture(scope="module")
def daemon(server: AudioServer, scripted: list[str]) -> Iterator[Daemon]:
    """A daemon that listens to ``table``."""
    with Daemon(*scripted, "--source", "mic:Table", env=server.plain_env) as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in running.log


def configured(folder: Path, text: str) -> list[str]:
    """Writes a configuration file; returns the options that read it."""
    file = folder / "streamstt.toml"
    file.write_text(text)
    return ["--config", str(file)]


async def until(
    viewer: ClientConnection, wanted: Callable[[dict[str, Any]], bool], within_s: float = WITHIN_S
) -> Messages:
    """Returns all messages up to the first that ``wanted`` accepts."""
    messages: Messages = []
    async with asyncio.timeout(within_s):
        while not messages or not wanted(messages[-1]):
            messages.append(await receive(viewer, within_s))
    return messages


def is_state(state: str) -> Callable[[dict[str, Any]], bool]:
    return lambda message: message.get("state") == state


def is_partial(message: dict[str, Any]) -> bool:
    return message["type"] == "partial"


def is_committed(message: dict[str, Any]) -> bool:
    """Whether it is a partial with stable words; others may be withdrawn."""
    return message["type"] == "partial" and message["stable"] > 0


# ---- one device, lost and found again


def unplug(server: AudioServer) -> None:
    server.unload("module-remap-source")


def suspend(server: AudioServer) -> None:
    server.control("suspend-sink", "room", "1")


def resume(server: AudioServer) -> None:
    server.control("suspend-sink", "room", "0")


@pytest.mark.parametrize(
    ("break_it", "mend_it", "why"),
    [
        pytest.param(unplug, AudioServer.table_microphone, "lost", id="unplugged"),
        pytest.param(suspend, resume, "no audio", id="no more audio comes"),
        pytest.param(AudioServer.freeze, AudioServer.thaw, "no audio", id="the audio server hangs"),
    ],
)
async def test_lost_and_found(
    server: AudioServer,
    daemon: Daemon,
    break_it: Callable[[AudioServer], None],
    mend_it: Callable[[AudioServer], Any],
    why: str,
) -> None:
    """A loss is noticed within two seconds; the words so far become final; no other microphone is used; captions
    continue with correct times."""
    async with captions(daemon) as viewer, speaking(server):
        partial = (await until(viewer, is_committed))[-1]
        broken_at = time.monotonic()
        await asyncio.to_thread(break_it, server)
        try:
            before = await until(viewer, is_state("lost"))
            assert AUDIO_TIMEOUT_S < NOTICED_S
            assert time.monotonic() - broken_at < NOTICED_S + BUSY_S
            assert why in before[-1]["detail"]
            while not any(m["type"] == "final" and m["id"] == partial["id"] for m in before):
                before.append(await receive(viewer))
            with pytest.raises(TimeoutError):
                await until(viewer, is_state("listening"), within_s=1.5)
            away_s = time.monotonic() - broken_at
        finally:
            await asyncio.to_thread(mend_it, server)
        after = await until(viewer, is_partial)
    final = next(m for m in before if m["type"] == "final" and m["id"] == partial["id"])
    assert final["text"].startswith(partial["text"][: partial["stable"]])
    assert is_state("listening")(next(m for m in after if m["type"] == "status" and m["state"] != "lost"))
    gap = next(m for m in after if m["type"] == "gap")
    assert away_s - NOTICED_S < gap["end"] - gap["start"] < time.monotonic() - broken_at + 0.1
    word_s = 0.3  # a word may begin in the gap
    assert after[-1]["start"] >= gap["end"] - word_s, "stream time stays true"


async def test_an_output_removed_and_made_again(server: AudioServer, scripted: list[str]) -> None:
    """A monitor is lost with its output, although others remain, and found when the output exists again."""
    booth = "module-null-sink sink_name=booth rate=16000 channels=1"
    number = server.load(booth)
    with Daemon(*scripted, "--source", "monitor:booth", env=server.plain_env) as daemon:
        async with captions(daemon) as viewer:
            async with speaking(server, sink="booth"):
                await until(viewer, is_partial)
                server.unload(number)
                messages = await until(viewer, is_state("lost"))
            number = server.load(booth)
            messages += await until(viewer, is_state("listening"))
            async with speaking(server, sink="booth"):
                messages += await until(viewer, is_partial)
        assert daemon.stop() == 0
    server.unload(number)
    assert final_text(messages)
    assert sum(m["type"] == "gap" for m in messages) == 1


def test_silence_is_not_a_loss(server: AudioServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact zeros (muted, or a dead driver) are reported. The device is opened again meanwhile: no loss, and no gap."""
    for name, value in server.plain_env.items():
        monkeypatch.setenv(name, value)
    started: list[RecorderProcess] = []

    def start(selector: DeviceSelector) -> RecorderProcess:
        started.append(RecorderProcess(selector))
        return started[-1]

    monkeypatch.setattr(microphone_module, "RecorderProcess", start)
    monkeypatch.setattr(microphone_module, "MAX_ZEROS", SAMPLE_RATE // 4)
    monkeypatch.setattr(signal_check, "MIN_SILENCE", SAMPLE_RATE)
    muted = Microphone(DeviceSelector("mic", "Table"))
    muted.open()
    count = 0
    while len(started) < 3 or "silence" not in muted.notices:
        block = muted.read(threading.Event())
        assert block
        assert block.start == count
        count = block.end
    assert "is the microphone muted?" in muted.notices["silence"]
    muted.close()


async def test_killed_daemon_leaves_no_recorder(server: AudioServer, scripted: list[str]) -> None:
    """After kill -9 the recorder process exits, too, even if the audio server hangs."""
    with Daemon(*scripted, "--source", "mic:table", env=server.plain_env) as daemon:
        async with captions(daemon) as viewer:
            await until(viewer, is_state("listening"))
        (recorder,) = psutil.Process(daemon.process.pid).children()
        server.freeze()
        daemon.process.kill()
        try:
            await asyncio.to_thread(recorder.wait, WITHIN_S)
        finally:
            server.thaw()


# ---- choice of the device


def test_list_of_devices(server: AudioServer) -> None:
    """``devices --json`` lists microphones and monitors, with the value that selects each."""
    devices = json.loads(run("devices", "--json", env=server.plain_env).stdout)
    kinds = {d["source"]: (d["kind"], d["title"]) for d in devices if d["system"] == "pulse"}
    assert kinds == {"monitor:room.monitor": ("monitor", "Monitor of Null Output"), "mic:table": ("mic", "Table")}
    wrong = run("run", "--port", "0", "--source", "monitor:gooseneck", env=server.plain_env)
    assert wrong.returncode == 3
    assert "there is no output 'gooseneck'" in wrong.stderr
    assert "room.monitor" in wrong.stderr


async def test_waits_for_the_audio_server(tmp_path: Path, scripted: list[str]) -> None:
    """Without an audio server, a source with ``wait`` waits while the daemon runs; without the setting, it fails."""
    folder = tmp_path / "sound"
    folder.mkdir()
    server = AudioServer(folder)
    done = run("run", "--port", "0", "--source", "mic", *scripted, env=server.env)
    assert done.returncode == 3
    assert "sound server" in done.stderr
    options = configured(tmp_path, '[[source]]\ninput = "mic"\nwait = "yes"\n')
    with Daemon(*scripted, *options, env=server.env) as daemon:
        async with captions(daemon) as viewer:
            messages = await until(viewer, is_state("waiting"))
            assert [s["name"] for s in messages[0]["sources"]] == ["mic"]
            assert "sound server" in messages[-1]["detail"]
            with server:
                messages += await until(viewer, is_state("listening"))
        assert not any(m["type"] == "gap" for m in messages), "stream time begins with the first sample"
        assert daemon.stop() == 0


async def test_fallback(server: AudioServer, scripted: list[str], tmp_path: Path) -> None:
    """With a fallback, the default microphone is used, with a notice, until the chosen one is back."""
    number = server.load("module-remap-source master=room.monitor source_name=desk")
    server.control("set-default-source", "table")
    options = configured(tmp_path, '[[source]]\ninput = "mic:desk"\nfallback = "default"\n')
    with Daemon(*scripted, *options, env=server.plain_env) as daemon:
        async with captions(daemon) as viewer:
            await until(viewer, is_state("listening"))
            server.unload(number)
            messages = await until(
                viewer, lambda m: "Listening to Table because desk is not there" in m.get("detail", "")
            )
            assert any(is_state("lost")(m) for m in messages)
            number = server.load("module-remap-source master=room.monitor source_name=desk")
            await until(viewer, lambda m: m["type"] == "status" and not m["detail"])
        assert daemon.stop() == 0
    server.unload(number)


async def test_the_default_output_is_followed(server: AudioServer, scripted: list[str]) -> None:
    """``monitor`` captures the default output, also after another one becomes the default."""
    number = server.load("module-null-sink sink_name=headphones rate=16000 channels=2")
    server.control("set-default-sink", "room")
    with Daemon(*scripted, "--source", "monitor", env=server.plain_env) as daemon:
        async with captions(daemon) as viewer:
            async with speaking(server):
                await until(viewer, is_partial)
            server.control("set-default-sink", "headphones")
            await asyncio.to_thread(daemon.wait_for_log, "headphones.monitor")
            async with speaking(server, sink="headphones"):
                messages = await until(viewer, lambda m: m["type"] == "partial" and len(m["text"]) > 20)
            assert not any(is_state("lost")(m) for m in messages)
        assert daemon.stop() == 0
    server.unload(number)


def test_channels(server: AudioServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All channels are mixed, or one is selected; other rates are resampled; no block is lost."""
    for name, value in server.plain_env.items():
        monkeypatch.setenv(name, value)
    number = server.load("module-null-sink sink_name=stereo rate=44100 channels=2")
    file = tmp_path / "right.wav"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4 * 44100) / 44100)
    soundfile.write(file, np.stack([np.zeros_like(tone), tone], axis=1), 44100)
    playing = threading.Thread(target=server.play, args=(file, "stereo"))
    mixed, left, right = (Microphone(DeviceSelector("monitor", "stereo", channel=channel)) for channel in (0, 1, 2))
    peaks, counts = dict.fromkeys((mixed, left, right), 0.0), dict.fromkeys((mixed, left, right), 0)
    for microphone in peaks:
        microphone.open()
    playing.start()
    while playing.is_alive():
        for microphone in peaks:
            block = microphone.read(threading.Event())
            assert block
            assert block.start == counts[microphone]
            counts[microphone] = block.end
            peaks[microphone] = max(peaks[microphone], float(np.abs(block.samples).max(initial=0)))
    for microphone in peaks:
        microphone.close()
    server.unload(number)
    assert (peaks[mixed], peaks[right]) == (pytest.approx(0.25, abs=0.02), pytest.approx(0.5, abs=0.02))
    assert peaks[left] == 0
    with pytest.raises(SourceError, match="channel = 3"):
        Microphone(DeviceSelector("monitor", "room", channel=3)).open()


async def test_you_and_them(server: AudioServer, tmp_path: Path) -> None:
    """A microphone and a monitor are captioned at the same time by one engine with real weights."""
    number = server.load("module-null-sink sink_name=meeting rate=48000 channels=2")
    server.control("set-default-sink", "meeting")
    sources = '[engine]\nlanguage = "en"\n[[source]]\ninput = "mic:Table"\nname = "you"\nlabel = "You"\n'
    sources += '[[source]]\ninput = "monitor"\nname = "them"\nlabel = "Them"\n'
    messages: dict[str, Messages] = {"you": [], "them": []}
    with WhisperDaemon(*configured(tmp_path, sources), env=server.plain_env) as daemon:
        async with captions(daemon) as viewer:
            hello = await receive(viewer)
            assert {s["name"]: s["label"] for s in hello["sources"]} == {"you": "You", "them": "Them"}
            listening: set[str] = set()
            while listening != {"you", "them"}:
                message = await receive(viewer)
                listening |= {message["source"]} if message.get("state") == "listening" else set()
            plays = [
                asyncio.create_task(asyncio.to_thread(server.play, DATA / f"{name}.flac", sink))
                for name, sink in (("short", "room"), ("quiet", "meeting"))
            ]
            spoken = {"you": ("short", 0.1), "them": ("quiet", 0.2)}
            while any(
                word_error_rate(text_of(name), final_text(messages[who])) > most for who, (name, most) in spoken.items()
            ):
                message = await receive(viewer)
                messages[message["source"]].append(message)
            await asyncio.gather(*plays)
        assert daemon.stop() == 0
    server.unload(number)


# ---- leaks


class Resources:
    """Resources of a process that could leak."""

    def __init__(self, process: psutil.Process) -> None:
        self.counts = (process.num_threads(), process.num_fds(), len(process.children()))
        self.memory = process.memory_info().rss


async def test_losses_leak_nothing(server: AudioServer, scripted: list[str]) -> None:
    """When a microphone is unplugged and plugged in again and again, no thread, descriptor or memory leaks."""
    number = server.load("module-remap-source master=room.monitor source_name=loose")
    with Daemon(*scripted, "--source", "mic:loose", env=server.plain_env) as daemon:
        process = psutil.Process(daemon.process.pid)
        async with captions(daemon) as viewer:
            await until(viewer, is_state("listening"))
            samples = []
            for _ in range(25):
                server.unload(number)
                await until(viewer, is_state("lost"))
                number = server.load("module-remap-source master=room.monitor source_name=loose")
                await until(viewer, is_state("listening"))
                samples.append(Resources(process))
        warm = samples[5:10]
        most = [max(counts) for counts in zip(*(one.counts for one in warm), strict=True)]
        async with asyncio.timeout(WITHIN_S):  # earlier threads may still be exiting
            while any(map(operator.gt, (last := Resources(process)).counts, most)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert last.memory < warm[-1].memory + 1_000_000
        assert daemon.stop() == 0
    server.unload(number)
