"""Replacements, masks and fillers in the real process: on the wire, on disk, over HTTP, and in transcribed files."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.caption_rules import check_captions, from_messages
from tests.support.daemon import DATA, captions, final_text, get, pcm_of, receive_until, speak
from tests.support.forked import Daemon, run
from tests.support.transcripts import check_readable, finals

SPOKEN = "So, um, jon runs cube net ease on his own. What a shitty day that is, uh, for everybody here."
MEANT = "So, John runs Kubernetes on his own. What a s***** day that is, for everybody here."
OTHER = "So, Jonas runs cube net ease on his own. What a shitty day that is, for everybody here."
SPEECH = pcm_of("long_sentence")[: 8 * 32_000]  # eight seconds of speech
WORDS = """
[words]
profanity = "mask"
fillers = "drop"

[words.replace]
"cube net ease" = "Kubernetes"
"/jon|john/" = "John"
"""


@pytest.fixture
def spoken(tmp_path: Path) -> list[str]:
    """Options that make the engine recognize SPOKEN."""
    words = [
        {"text": f" {word}", "start": 0.5 + 0.3 * i, "end": 0.75 + 0.3 * i} for i, word in enumerate(SPOKEN.split())
    ]
    file = tmp_path / "spoken.json"
    file.write_text(json.dumps({"words": words}))
    return ["--model", f"script:{file}", "--language", "en"]


async def test_rewritten_words(spoken: list[str], tmp_path: Path) -> None:
    """Partials, finals, and transcripts on disk and over HTTP are rewritten; a reload changes the next captions."""
    config, folder = tmp_path / "settings.toml", tmp_path / "kept"
    config.write_text(WORDS)
    options = ["--config", str(config), *spoken, "--source", "ws", "--set", f"transcript.folder={folder}"]
    with Daemon(*options) as daemon:
        messages: list[dict[str, Any]] = []
        async with captions(daemon, "/audio?name=room") as speaker:
            await speak(speaker, SPEECH[: 3 * 32_000], speed=3)
            while "John runs" not in (messages := [*messages, *await receive_until(speaker, "partial")])[-1]["text"]:
                pass
            sending = asyncio.create_task(speak(speaker, SPEECH[3 * 32_000 :], speed=3))
            while not final_text(messages).endswith("here."):
                messages += await receive_until(speaker, "final")
            await sending
        assert final_text(messages) == MEANT
        check_captions(from_messages(messages))
        partials = [m["text"] for m in messages if m["type"] == "partial"]
        assert any("John runs" in text for text in partials)
        assert not any("shit" in text or "um" in text.split() for text in partials)
        words = [w for m in messages if m["type"] == "final" for w in m["words"]]
        assert [w["text"] for w in words] == MEANT.split()
        assert words[3]["end"] - words[3]["start"] == pytest.approx(0.85, abs=0.01), "as long as three words"
        for form in ("txt", "srt", "vtt", "json"):
            assert "Kubernetes" in get(f"{daemon.url}/transcript.{form}")[1]

        config.write_text('[words]\nfillers = "drop"\nreplace = {jon = "Jonas"}\n')
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_log("changed: words.replace, words.profanity")
        later: list[dict[str, Any]] = []
        async with captions(daemon, "/audio?name=room") as speaker:
            await speak(speaker, SPEECH + bytes(2 * 32_000), speed=20)  # silence ends it, even after one update
            while not final_text(later).endswith("here."):
                later += await receive_until(speaker, "final")
        assert final_text(later) == OTHER
        assert daemon.stop() == 0
    assert " ".join(final["text"] for final in finals(folder)) == f"{MEANT} {OTHER}"
    check_readable(folder)


def test_transcribe(spoken: list[str], tmp_path: Path) -> None:
    """Transcribed recordings are rewritten, too; a mistake in a replacement is reported before anything is loaded."""
    config = tmp_path / "settings.toml"
    config.write_text(WORDS)
    file = str(DATA / "long_sentence.flac")
    done = run("transcribe", file, "--config", str(config), *spoken)
    assert done.stdout.split() == MEANT.split()
    wrong = run("transcribe", file, *spoken, "--set", "words.replace=/(a+)+/=x")
    assert wrong.returncode == 78
    assert "repeats a group" in wrong.stderr


async def test_uploads(spoken: list[str], tmp_path: Path) -> None:
    """Uploaded recordings are rewritten, too."""
    config = tmp_path / "settings.toml"
    config.write_text(WORDS + "\n[compat]\nopenai = true\n")
    with Daemon("--config", str(config), *spoken, "--source", "ws") as daemon:
        async with openai.AsyncOpenAI(base_url=f"{daemon.url}/v1", api_key="none") as client:
            result = await client.audio.transcriptions.create(model="base", file=DATA / "long_sentence.flac")
    assert "John runs Kubernetes" in result.text
