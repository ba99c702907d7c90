"""The Python API: the examples of docs/python.md do what they say, and errors are raised."""

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import soundfile

import streamstt
from streamstt import Block, errors
from streamstt.whisper.loader import load_engine
from tests.support.daemon import DATA, SENTENCES, WITHIN_S, environment
from tests.support.forked import Daemon, finish, start
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
LISTEN, OWN_AUDIO, CONNECT, SEND, TRANSCRIBE, TRANSCRIBER = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
FIRST = SENTENCES[0]
LONG = DATA / "long_sentence.flac"


def play(code: str, *changes: tuple[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs an example with some of its text replaced."""
    for old, new in changes:
        assert old in code
        code = code.replace(old, new)
    return finish([sys.executable, "-c", code])


def test_listen(brisk: list[str], tmp_path: Path) -> None:
    """Captions of a source are made in the program itself: partials, then finals, until the source ends."""
    samples, rate = soundfile.read(LONG)
    soundfile.write(tmp_path / "talk.flac", samples[: 4 * rate], rate)
    done = play(LISTEN, ('"mic"', f'"file:{tmp_path / "talk.flac"}"'), ('"base"', f'"{brisk[1]}"'))
    lines = done.stdout.splitlines()
    assert any(re.match(r"… Every( \w+)* \|", line) for line in lines), done
    assert any(line.endswith(f" s  {FIRST}") for line in lines)
    assert (done.returncode, done.stderr) == (0, "")


def test_connect(brisk: list[str]) -> None:
    """A program receives the captions of a running daemon."""
    with Daemon(*brisk, "--source", f"file:{LONG}", "--loop") as daemon:
        code = CONNECT.replace("ws://127.0.0.1:8765", daemon.url.replace("http", "ws", 1))
        program = start(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment({"PYTHONUNBUFFERED": "1"}), text=True
        )
        assert program.stdout is not None
        source, _, text = program.stdout.readline().strip().partition(": ")
        assert source == "file-long_sentence.flac"
        assert text in SENTENCES  # from wherever in the script it connected
        program.kill()
        program.wait()
        program.stdout.close()


def test_own_audio(script: list[str]) -> None:
    """A program's own audio, an array, is a source."""
    done = play(OWN_AUDIO, ("talk.flac", str(LONG)), ('"base"', f'"{script[1]}"'))
    assert FIRST in done.stdout, done
    assert done.stderr == ""


def test_send(brisk: list[str], tmp_path: Path) -> None:
    """A program sends audio to a running daemon, and receives its captions."""
    samples, rate = soundfile.read(LONG)
    soundfile.write(tmp_path / "talk.flac", samples[: 4 * rate], rate)
    with Daemon(*brisk, "--source", "ws") as daemon:
        address = daemon.url.replace("http", "ws", 1)
        done = play(
            SEND,
            ("talk.flac", str(tmp_path / "talk.flac")),
            ("ws://127.0.0.1:8765", address),
            ("sleep(0.1)", "sleep(0)"),
        )
    assert FIRST in done.stdout.splitlines(), done
    assert done.stderr == ""


def test_transcribe(script: list[str]) -> None:
    """A recording is transcribed as a whole."""
    done = play(TRANSCRIBE, ("talk.flac", str(LONG)), ('"base"', f'"{script[1]}"'))
    assert FIRST in done.stdout, done


def test_transcriber(script: list[str]) -> None:
    """Several recordings are transcribed by one model."""
    done = play(
        TRANSCRIBER,
        ("monday.flac", str(LONG)),
        ("tuesday.flac", str(DATA / "short.flac")),
        ('"base"', f'"{script[1]}"'),
    )
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{LONG} {FIRST}")
    assert second.startswith(f"{DATA / 'short.flac'} ")


def test_transcriber_keeps_its_model(script: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is loaded once, also if a recording cannot be read; a language it does not know is an error."""
    loads: list[object] = []

    def load(*arguments: object) -> object:
        loads.append(arguments)
        return load_engine(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("streamstt.api.load_engine", load)
    transcriber = streamstt.Transcriber(model=script[1])
    with pytest.raises(streamstt.SourceError, match=r"no file /gone\.wav"):
        transcriber.transcribe("/gone.wav")
    with pytest.raises(streamstt.ConfigError, match="'de'"):
        transcriber.transcribe(LONG, language="de")
    assert FIRST in [final.text for final in transcriber.transcribe(LONG, language="en")]
    assert len(loads) == 1


class Tone:
    """A program's own source: a recording in memory."""

    is_live = False
    overflows = 0
    notices: Mapping[str, str] = MappingProxyType({})

    def __init__(self) -> None:
        self._samples, _ = soundfile.read(LONG, dtype="float32")
        self._at = 0

    def open(self) -> None:
        self._at = 0

    def read(self, stop: threading.Event) -> Block | None:
        samples = np.asarray(self._samples[self._at : self._at + 640], dtype=np.float32)
        block = Block(self._at, samples)
        self._at += len(samples)
        return block if len(samples) else None

    def close(self) -> None:
        pass


async def test_own_source(script: list[str]) -> None:
    """Any object that provides audio is a source; it is read as fast as it can be decoded."""
    async with streamstt.listen(Tone(), model=script[1], language="en") as captions:
        events = [event async for event in captions]
    assert FIRST in [event.text for event in events if isinstance(event, streamstt.Final)]
    assert {event.source for event in events} == {"own-1"}


async def test_leaving_early(script: list[str]) -> None:
    """A program may leave early; nothing keeps running afterwards."""
    async with asyncio.timeout(WITHIN_S):
        async with streamstt.listen(f"file:{LONG}", model=script[1], language="en") as captions:
            async for event in captions:
                if isinstance(event, streamstt.Partial):
                    break
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert others == set()
    assert not [t for t in threading.enumerate() if t.name.startswith(("capture", "engine"))]


def test_every_error_is_exported() -> None:
    """Whatever the API raises can be caught by its name in ``streamstt``; only systemd's errors are not among them."""
    kinds = {error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, Exception)}
    assert {error.__name__ for error in kinds} - {"ServiceError"} <= set(streamstt.__all__)
    assert all(getattr(streamstt, name) is not None for name in streamstt.__all__)


async def test_mistakes() -> None:
    """Errors are raised where ``listen`` is entered, as a sentence."""
    with pytest.raises(streamstt.SourceError, match=r"there is no file /gone\.wav"):
        async with streamstt.listen("file:/gone.wav"):
            pytest.fail("there is nothing to listen to")
    with pytest.raises(streamstt.ConfigError, match="unknown setting"):
        async with streamstt.listen("mic", settings={"speech.loudness": 1}):
            pytest.fail("there is no such setting")
    with pytest.raises(streamstt.ConfigError, match=r"base\.en does not know the language 'de'"):
        streamstt.Transcriber(model="base.en", language="de")
    with pytest.raises(streamstt.ModelError, match="did you mean 'base'"):
        streamstt.transcribe(LONG, model="bace")


def test_importing_is_cheap() -> None:
    """``import streamstt`` does not import torch."""
    code = "import sys, streamstt; print('torch' in sys.modules, dir(streamstt.Final) != [])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment(), text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
