"""What a person sees in a terminal: compared with its screen, not with the bytes."""

import asyncio
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.audio_server import AudioServer
from tests.support.brokers import free_port
from tests.support.daemon import DATA, SENTENCES, captions, command, environment, get, receive_until, write_script
from tests.support.forked import Daemon, run, write_shim
from tests.support.terminal import Terminal

FIRST, SECOND = SENTENCES
LOOP = ("--source", f"file:{DATA / 'long_sentence.flac'}", "--loop")
TWO = """
[[source]]
input = "file:{file}"
loop = true
name = "you"
label = "You"
[[source]]
input = "file:{file}"
loop = true
name = "them"
label = "Them"
"""


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options for a scripted daemon with two sources."""
    folder = tmp_path_factory.mktemp("script")
    (folder / "two.toml").write_text(TWO.format(file=DATA / "long_sentence.flac"))
    return [*write_script(folder), "--config", str(folder / "two.toml")]


@pytest.fixture(scope="module")
def daemon(scripted: list[str]) -> Iterator[Daemon]:
    """A daemon with two sources that have the same captions."""
    with Daemon(*scripted) as running:
        yield running
        assert running.stop() == 0


# ---- listen


def test_listen_shows_each_source_in_its_place(daemon: Daemon) -> None:
    """Two partials are shown below each other, in two colors; finals stay above them, wrapped at words."""
    with Terminal(command("listen", daemon.url), columns=46, rows=12) as terminal:
        sentence = "You: Every word of this has been written down"
        terminal.wait_for(
            lambda text: (
                "You: It is" in text and "Them: It is" in text and sentence in [*terminal.scrolled, *terminal.lines]
            )
        )
        assert {"cyan", "brown"} <= terminal.colors  # brown is yellow
        shown = [*terminal.scrolled, *terminal.lines]
        assert shown[shown.index(sentence) + 1] == "before."
        assert terminal.cursor_is_hidden
        assert terminal.interrupt() == 0
        assert not terminal.cursor_is_hidden
        assert terminal.echoes
        assert "^C" not in terminal.text
        assert "Them: It is" in terminal.text, "the last caption stays"


def test_resizing_leaves_nothing_behind(daemon: Daemon) -> None:
    """After a change of the terminal's size all lines are complete: nothing of an older drawing is left."""
    whole = {FIRST, SECOND, "Every word of this has been written down", "before."}
    whole |= {"It is said again and again so that tests", "know it."}
    with Terminal(command("listen", daemon.url, "--source", "You"), columns=76, rows=20) as terminal:
        terminal.wait_for("It is said again")
        terminal.resize(41, 20)
        before = terminal.text.count("know it.")
        terminal.wait_for(lambda text: text.count("know it.") > before)
        *finals, _ = terminal.lines
        assert set(finals) <= whole, "and only of the selected source"


def test_listen_without_color_and_on_a_dumb_terminal(daemon: Daemon) -> None:
    """NO_COLOR is respected; a terminal that cannot move its cursor gets finals, one line each."""
    with Terminal(command("listen", daemon.url), env={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("You: ")
        assert terminal.colors == {"default"}
    with Terminal(command("listen", daemon.url), env={"TERM": "dumb"}, columns=100) as terminal:
        terminal.wait_for(f"You: {FIRST}")
        assert b"\x1b" not in terminal.bytes
        assert terminal.interrupt() == 0


def test_listen_reports_a_lost_connection(brisk: list[str]) -> None:
    """A lost and a restored connection are reported, one line each; partials are no longer shown."""
    port = str(free_port())
    with (
        Daemon(*brisk, *LOOP, "--port", port) as first,
        Terminal(command("listen", first.url), columns=100) as terminal,
    ):
        terminal.wait_for("Every word")
        first.process.kill()
        terminal.wait_for("(the connection is lost; reconnecting)")
        with Daemon(*brisk, *LOOP, "--port", port):
            terminal.wait_for("(connected again)")
            terminal.wait_for(FIRST)
        terminal.wait_for("(the connection is lost")
        assert terminal.interrupt() == 0


def test_listen_into_a_pipe_that_is_closed(daemon: Daemon, tmp_path: Path) -> None:
    """``streamstt listen | head -1`` prints a final as soon as there is one, and ends without an error."""
    write_shim(tmp_path / "streamstt")
    for more in ("", "--json"):
        listening = f"{tmp_path}/streamstt listen {daemon.url} {more}"
        pipe = ["bash", "-c", f"{listening} | head -1"]
        done = subprocess.run(pipe, capture_output=True, text=True, env=environment(), timeout=180, check=False)
        assert done.stdout.count("\n") == 1
        assert done.stderr == ""


# ---- run


def live(text: str) -> bool:
    return "Ctrl-C ends" in text and "dB" in text


def test_run_shows_a_dashboard(scripted: list[str]) -> None:
    """Levels, states, captions, viewers, lag and address; the log scrolls above; Ctrl-C leaves only the captions."""
    with Terminal(command("run", "--port", "0", *scripted), columns=100, rows=24) as terminal:
        parts = ("Them: Every word", "● speech    You", "━")
        text = terminal.wait_for(lambda text: live(text) and all(part in text for part in parts))
        assert re.search(r"0 viewers · lag \d\.\d", text)
        assert not terminal.echoes
        address = next(part for line in terminal.lines[-1:] for part in line.split() if part.startswith("http"))
        terminal.type("\r\rtyped")  # the echo would move the drawing
        with Terminal(command("listen", address)) as viewer:
            terminal.wait_for("1 viewer ·")
            viewer.interrupt()
        # One drawing, nothing of older ones; it may be seen while it is being drawn.
        text = terminal.wait_for(lambda text: "0 viewers" in text and text.count("─" * 99) == 2)
        assert "typed" not in text
        assert [*terminal.scrolled, *terminal.lines][0].endswith("is ready"), "the log is above"
        assert terminal.interrupt() == 0
        assert not terminal.cursor_is_hidden
        assert terminal.echoes
        assert "dB" not in terminal.text
        assert "SIGINT: finishing the last captions" in terminal.text
        assert any("You: Every word of this" in line for line in [*terminal.scrolled, *terminal.lines])


@pytest.mark.parametrize("how", [["--plain"], ["--set", "log.format=human"]], ids=["--plain", "log format"])
def test_run_plainly(how: list[str], scripted: list[str]) -> None:
    """On request only the log is shown."""
    with Terminal(command("run", "--port", "0", *scripted, *how)) as terminal:
        terminal.wait_for("Overlay:")
        terminal.type("typed")
        terminal.wait_for("typed")
        assert terminal.interrupt() == 0
        assert b"\x1b[J" not in terminal.bytes


async def test_a_stopped_terminal(scripted: list[str]) -> None:
    """While the terminal is stopped (Ctrl-S), captions continue for viewers; afterwards the drawing continues."""
    with Terminal(command("run", "--port", "0", *scripted), columns=100) as terminal:
        address = terminal.wait_for(live).split("Captions: ")[1].split()[0]

        class Running:
            url = address.rstrip("/")

        terminal.type("\x13")
        until = time.monotonic() + 4  # far longer than it takes to fill the terminal's buffer
        async with captions(Running) as socket:  # type: ignore[arg-type]
            while time.monotonic() < until:
                await receive_until(socket, "partial")
        while get(f"{Running.url}/healthz?plain")[0] != 200:  # noqa: ASYNC110 - another process's health
            await asyncio.sleep(0.1)
        while terminal.read(0.3):
            pass
        stopped = terminal.text
        terminal.type("\x11")
        terminal.wait_for(lambda text: text != stopped and live(text))
        assert terminal.interrupt() == 0


# ---- devices


def test_the_level_meter(tmp_path: Path) -> None:
    """``devices --meter`` shows the levels live; Ctrl-C ends it with a table of the levels."""
    with AudioServer(tmp_path) as server:
        server.keep_awake()
        server.table_microphone()
        stop = threading.Event()

        def play() -> None:
            while not stop.is_set():
                server.try_to_play(DATA / "meeting.flac", "room", stop)

        player = threading.Thread(target=play)
        player.start()
        with Terminal(command("devices", "table", "--meter"), env=server.plain_env, rows=10) as terminal:
            terminal.wait_for(lambda text: "mic     Table" in text and "━━━" in text)
            assert terminal.interrupt() == 0
            assert "picks up sound" in terminal.text
            assert "━" not in terminal.text
            assert not terminal.cursor_is_hidden
        stop.set()
        player.join()
        for seconds in ("0.5", "5", "30"):  # a busy machine may have no audio yet when the first is over
            done = run("devices", "table", "--meter", "--seconds", seconds, "--json", env=server.plain_env)
            (row,) = json.loads(done.stdout)
            if row["peak"] is not None:
                break
        assert row["source"] == "mic:table"
        assert row["peak"] >= row["rms"] >= -100
        missing = run("devices", "nothing-like-it", env=server.plain_env)
        assert missing.returncode == 3
        assert "Table [table]" in missing.stderr


# ---- Ctrl-C


def test_an_interrupted_transcription(tmp_path: Path, script: list[str]) -> None:
    """After Ctrl-C finished files are complete and others do not exist; exit code 130, and one sentence."""
    slow = json.loads(Path(script[1].removeprefix("script:")).read_text()) | {"decode_s": 0.5}
    (tmp_path / "slow.json").write_text(json.dumps(slow))
    samples, rate = soundfile.read(DATA / "meeting.flac", dtype="int16")
    soundfile.write(tmp_path / "long.wav", np.tile(samples, 40), rate)  # takes at least a minute
    files = [str(DATA / "short.flac"), "long.wav"]
    options = ["--model", f"script:{tmp_path / 'slow.json'}", "--format", "srt", "--output", "texts"]
    with Terminal(command("transcribe", *files, *options), cwd=str(tmp_path), columns=100) as terminal:
        terminal.wait_for("texts/short.srt")
        assert terminal.interrupt() == 130
        assert "Interrupted. Finished files are complete; nothing was written for the others." in terminal.text
        assert "Traceback" not in terminal.text
    assert [path.name for path in (tmp_path / "texts").iterdir()] == ["short.srt"]
    assert "written down before." in (tmp_path / "texts/short.srt").read_text()
