"""The real daemon with real weights (base) and real speech."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support.caption_rules import check_captions, from_messages
from tests.support.daemon import (
    DATA,
    STOP_S,
    Daemon,
    captions,
    final_text,
    pcm_of,
    receive,
    receive_all,
    receive_until,
    resampled,
    speak,
    text_of,
    write_script,
)
from tests.support.forked import Daemon as ForkedDaemon
from tests.support.forked import WhisperDaemon, run
from tests.support.transcripts import finals as recorded
from tests.support.word_errors import word_error_rate

SECOND_SENTENCE = 2 * 16000 * 2  # bytes of the recording before it
MAX_WER = 0.1  # the model makes no errors in these recordings; half a lost sentence would exceed this


@pytest.fixture(scope="module")
def remote_only() -> Iterator[Daemon]:
    """A daemon for remote clients."""
    with Daemon("--source", "ws", "--language", "en") as daemon:
        yield daemon


def assert_protocol_rules(messages: list[dict[str, Any]]) -> None:
    """Checks the messages about one source."""
    seqs = [m["seq"] for m in messages]
    assert seqs == sorted(set(seqs)), "seq rises"
    check_captions(from_messages(messages))


async def test_speech_becomes_captions(remote_only: Daemon) -> None:
    """A viewer receives captions of a remote client's speech, partials before finals, by the rules of the protocol."""
    async with captions(remote_only) as viewer, captions(remote_only, "/audio?name=desk") as speaker:
        hello = await receive(viewer)
        assert hello["protocol"] == 1
        assert hello["model"] == "base"
        speech = pcm_of("meeting")
        await speak(speaker, speech[:SECOND_SENTENCE])
        own = await receive_until(speaker, "partial")
        await speak(speaker, speech[SECOND_SENTENCE:], speed=20)
        await speaker.send('{"type":"end"}')
        own += await receive_all(speaker)
        assert speaker.close_code == 1000
        assert own[0]["type"] == "hello"
        assert [s["name"] for s in own[0]["sources"]] == ["desk"]
        assert word_error_rate(text_of("meeting"), final_text(own)) < MAX_WER
        mine: list[dict[str, Any]] = []
        while final_text(mine) != final_text(own):
            message = await receive(viewer)
            mine += [message] if message.get("source") == "desk" else []  # other sources may still be closing
        assert_protocol_rules(mine)
        kinds = [m["type"] for m in mine if m["type"] in {"partial", "final"}]
        assert kinds[0] == "partial"
        finals = [m for m in mine if m["type"] == "final"]
        assert len(finals) >= 4, "a caption per sentence"
        for final in finals:
            words = final["words"]
            assert " ".join(w["text"] for w in words) == final["text"]
            assert all(w["start"] <= w["end"] and 0 <= w["probability"] <= 1 for w in words)
            assert final["start"] <= words[0]["start"] <= words[-1]["end"] <= final["end"]


async def test_late_client_gets_history(remote_only: Daemon) -> None:
    """A late client receives the history; one that resumes with ``since`` receives what it missed, and no more."""
    async with captions(remote_only, "/audio") as speaker:
        await speak(speaker, pcm_of("short"), speed=4)
        await speaker.send('{"type":"end"}')
        messages = await receive_all(speaker)
    finals = [m for m in messages if m["type"] == "final"]
    ids = {m["id"] for m in finals}
    async with captions(remote_only) as viewer:
        hello = await receive(viewer)
    assert [f for f in hello["history"] if f["id"] in ids] == finals
    before = finals[0]["seq"] - 1
    async with captions(remote_only, f"/captions?since={before}&session={hello['session']}") as viewer:
        resumed = await receive(viewer)
    assert [f for f in resumed["history"] if f["id"] in ids] == finals
    assert resumed["history"][0] == finals[0], "nothing earlier"
    assert "gap_in_history" not in resumed
    async with captions(remote_only, f"/captions?since={before}&session=another") as viewer:
        assert (await receive(viewer))["gap_in_history"] is True


@pytest.mark.parametrize("rate", [8000, 44100])
async def test_other_sample_rates(remote_only: Daemon, rate: int) -> None:
    """Clients may send audio at other sample rates."""
    async with captions(remote_only, f"/audio?rate={rate}") as speaker:
        await speak(speaker, resampled("short", rate), rate, speed=4)
        await speaker.send('{"type":"end"}')
        assert word_error_rate(text_of("short"), final_text(await receive_all(speaker))) < MAX_WER


async def test_signs_of_life(remote_only: Daemon) -> None:
    """A client that sends audio gets signs of life if it asks for them."""
    async with captions(remote_only, "/audio?heartbeat=1") as speaker:
        assert (await receive_until(speaker, "heartbeat"))[0]["type"] == "hello"


async def test_noise_is_silent(remote_only: Daemon) -> None:
    """Room noise and knocks do not cause captions."""
    async with captions(remote_only, "/audio") as speaker:
        await speak(speaker, pcm_of("noise"), speed=4)
        await speaker.send('{"type":"end"}')
        assert final_text(await receive_all(speaker)) == ""


async def test_client_that_vanishes(remote_only: Daemon) -> None:
    """Speech before a lost connection is still captioned for the other clients."""
    async with captions(remote_only) as viewer:
        await receive(viewer)
        async with captions(remote_only, "/audio?name=gone") as speaker:
            await speak(speaker, pcm_of("short")[: 2 * 16000 * 4], speed=2)
            speaker.transport.abort()
        messages: list[dict[str, Any]] = []
        while "window open" not in final_text([m for m in messages if m.get("source") == "gone"]):
            messages.append(await receive(viewer))


async def test_sigterm_in_mid_sentence_keeps_the_words(tmp_path: Path) -> None:
    """On SIGTERM, the words so far become a final, for viewers and the transcript; 1001 for the viewer; exit code 0."""
    source = ["--source", f"file:{DATA / 'long_sentence.flac'}", "--language", "en"]
    with WhisperDaemon(*source, "--set", f"transcript.folder={tmp_path}") as daemon:
        async with captions(daemon) as viewer:
            messages = [await receive(viewer)]
            while messages[-1]["type"] != "partial" or len(messages[-1]["text"]) < 40:
                messages.append(await receive(viewer))
            code = asyncio.create_task(asyncio.to_thread(daemon.stop))
            messages += await receive_all(viewer)
            assert viewer.close_code == 1001
        assert await code == 0
    finals = [*messages[0]["history"], *(m for m in messages if m["type"] == "final")]
    assert_protocol_rules(messages[1:])
    assert "Last summer my brother and I" in final_text(finals)
    assert recorded(tmp_path) == [f for f in finals if f["text"]]


async def test_standard_input_and_file_at_once(tmp_path: Path) -> None:
    """Two configured sources, one of them raw audio from a pipe, share the engine; the daemon exits after both end."""
    config = tmp_path / "two.toml"
    recording = DATA / "short.flac"
    config.write_text(
        f'[engine]\nlanguage = "en"\n[[source]]\ninput = "file:{recording}"\nname = "room"\nlabel = "Room"\n'
        '[[source]]\ninput = "stdin"\nname = "pipe"\nrate = 16000\n'
    )
    with WhisperDaemon("--config", str(config), pipe=True) as daemon:
        async with captions(daemon) as viewer:
            hello = await receive(viewer)
            assert daemon.process.stdin is not None
            daemon.process.stdin.write(pcm_of("quiet"))
            daemon.process.stdin.close()
            daemon.process.stdin = None
            messages = await receive_all(viewer)
        assert daemon.process.wait(STOP_S) == 0
    finals = [*hello["history"], *(m for m in messages if m["type"] == "final")]
    for source, name in (("room", "short"), ("pipe", "quiet")):
        text = final_text([m for m in finals if m["source"] == source])
        assert word_error_rate(text_of(name), text) < MAX_WER


def test_transcribe(tmp_path: Path) -> None:
    """``transcribe`` reads any sample rate and number of channels."""
    stereo = tmp_path / "stereo.wav"
    left = np.frombuffer(resampled("short", 44100), dtype="<i2")
    soundfile.write(stereo, np.stack([left, np.zeros_like(left)], axis=1), 44100)
    done = run("transcribe", str(stereo), "--format", "json", "--language", "en", torch=True)
    assert done.returncode == 0, done.stderr
    text = " ".join(c["text"] for c in json.loads(done.stdout)["captions"])
    assert word_error_rate(text_of("short"), text) < MAX_WER


async def test_second_signal_leaves_at_once(tmp_path: Path) -> None:
    """A second signal does not wait for the last words, which never come: their decode hangs."""
    stuck = write_script(tmp_path, hang_s=1.5)
    with ForkedDaemon(*stuck, "--source", f"file:{DATA / 'long_sentence.flac'}") as daemon:
        async with captions(daemon, "/captions?levels=1") as viewer:
            for _ in range(15):  # three seconds of audio
                await receive_until(viewer, "level")
        daemon.process.send_signal(signal.SIGINT)
        daemon.wait_for_log("send it again")
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.process.wait(STOP_S) == 128 + signal.SIGINT
