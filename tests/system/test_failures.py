"""Mistakes of users and faults: each has its exit code and a message that says what to do."""

import os
import pty
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streamstt.whisper.checkpoints import search
from tests.support.daemon import DATA, SENTENCES, command, environment
from tests.support.forked import Daemon, run, start

NO_DEVICES = {"XDG_RUNTIME_DIR": "/nonexistent", "PULSE_SERVER": "unix:/nonexistent"}


def test_wrong_model_name() -> None:
    """An unknown model: exit code 4, the choices, and the one that was probably meant."""
    done = run("run", "--source", "ws", "--model", "bse")
    assert done.returncode == 4
    assert "did you mean 'base'" in done.stderr
    assert "large-v3" in done.stderr


def test_busy_port(script: list[str]) -> None:
    """A port that is in use: exit code 5, with the port and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = run("run", "--source", "ws", *script, "--port", port)
    assert done.returncode == 5
    assert f"port {port} on 127.0.0.1 is taken" in done.stderr
    assert "--port" in done.stderr


def test_broken_configuration(tmp_path: Path) -> None:
    """Exit code 78, so that a service manager does not restart; all mistakes at once, with origins and suggestions."""
    file = tmp_path / "bad.toml"
    file.write_text('[server]\nprot = 1\n[speech]\nvad_mode = 9\n[engine]\ntask = "sing"\n')
    done = run("run", "--config", str(file), env={"STREAMSTT_SERVER__PORT": "many"})
    assert done.returncode == 78
    assert "4 mistakes" in done.stderr
    assert f"server.prot = 1 ({file}): unknown setting; did you mean server.port?" in done.stderr
    assert "STREAMSTT_SERVER__PORT" in done.stderr
    assert run("config", "check", str(file)).returncode == 78
    file.write_text("[server\n")
    assert "line 1" in run("run", "--config", str(file)).stderr


def test_missing_device() -> None:
    """No microphone: exit code 3 at once, with other sources; the bundled sample is used only if asked for."""
    done = run("run", "--port", "0", "--source", "mic", env=NO_DEVICES)
    assert done.returncode == 3
    assert "no microphone" in done.stderr
    assert "--source file:PATH" in done.stderr
    assert run("devices", env=NO_DEVICES).returncode == 3


def test_sample_in_place_of_a_microphone(script: list[str]) -> None:
    """With --or-sample the bundled recording is captioned instead, and the log says so."""
    with Daemon(*script, "--or-sample", env=NO_DEVICES) as daemon:
        daemon.wait_for_log("bundled recording")
        assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("file:/no/such.flac", "there is no file /no/such.flac"),
        (f"file:{__file__}", "is not audio that can be read"),
        ("tape", "the choices are mic, mic:NAME"),
    ],
)
def test_wrong_source(source: str, text: str, script: list[str]) -> None:
    """An invalid source is reported before the slow start."""
    done = run("run", "--port", "0", "--source", source, *script)
    assert done.returncode == (78 if source == "tape" else 3)
    assert text in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("run", "--source", "ws"), ("transcribe", str(DATA / "short.flac")), ("bench", str(DATA / "short.flac"))],
    ids=["run", "transcribe", "bench"],
)
def test_unknown_language(arguments: tuple[str, ...]) -> None:
    """A language that the model does not know is a mistake of the configuration, with the choices."""
    done = run(*arguments, "--model", "tiny.en", "--language", "de", torch=True)
    assert done.returncode == 78
    assert "does not know the language 'de'" in done.stderr


def test_corrupt_cache(tmp_path: Path) -> None:
    """A damaged model: exit code 4, naming the file and the command that repairs it, which does."""
    folder = search.find("tiny.en").folder
    cache = tmp_path / "streamstt" / "models" / folder.name
    shutil.copytree(folder, cache)
    weights = cache / "model.safetensors"
    with weights.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"damage")
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    done = run("run", "--port", "0", "--source", "ws", "--model", "tiny.en", env=env)
    assert done.returncode == 4
    assert str(weights) in done.stderr
    assert "streamstt models fetch tiny.en --force" in done.stderr
    assert run("models", "verify", "tiny.en", env=env).returncode == 4
    assert run("models", "fetch", "tiny.en", "--force", env=env).returncode == 0
    assert run("models", "verify", "tiny.en", env=env).returncode == 0


def test_transcript_that_cannot_be_written(script: list[str], tmp_path: Path) -> None:
    """A file in place of the folder: exit code 6, before captions start."""
    (tmp_path / "file").touch()
    done = run("run", "--port", "0", "--source", "ws", *script, "--set", f"transcript.folder={tmp_path / 'file'}")
    assert done.returncode == 6
    assert f"cannot keep transcripts in {tmp_path / 'file'}" in done.stderr


def test_listen_without_a_daemon() -> None:
    """Without a daemon: exit code 5, and how to start one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    done = run("listen", port)
    assert done.returncode == 5
    assert "streamstt run" in done.stderr
    assert run("listen", "no address at all").returncode == 5


def test_listen_piped_and_in_a_terminal(brisk: list[str]) -> None:
    """Piped: finals only, one line each. In a terminal partials are redrawn in place."""
    with Daemon(*brisk, "--source", f"file:{DATA / 'long_sentence.flac'}", "--loop") as daemon:
        piped = start(command("listen", daemon.url), stdout=subprocess.PIPE, env=environment())
        ours, theirs = pty.openpty()
        shown = start(command("listen", daemon.url), stdout=theirs, env=environment({"TERM": "xterm"}))
        os.close(theirs)
        assert piped.stdout is not None
        lines = {piped.stdout.readline().decode() for _ in range(2)}  # from wherever in the script it connected
        assert lines == {f"{sentence}\n" for sentence in SENTENCES}
        screen = b""
        while b"so that tests know it." not in screen or b"Every word" not in screen:
            screen += os.read(ours, 4096)
        for process in (piped, shown):
            process.kill()
            process.wait()
        piped.stdout.close()
        os.close(ours)
    assert b"\r\x1b[J" in screen


def test_config_show_names_the_origin(tmp_path: Path) -> None:
    """All settings in force are shown with their origin: variable over file over default."""
    home = tmp_path / "streamstt"
    home.mkdir()
    (home / "streamstt.toml").write_text("[server]\nport = 1234\n[speech]\nvad_mode = 3\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path), "STREAMSTT_SERVER__PORT": "4321"}
    lines = run("config", "show", env=env).stdout.splitlines()
    assert "port = 4321  # STREAMSTT_SERVER__PORT" in lines
    assert f"vad_mode = 3  # {home / 'streamstt.toml'}" in lines
    assert 'host = "127.0.0.1"  # default' in lines


def test_help_and_version_need_no_model() -> None:
    """--help and --version do not import torch."""
    code = "import sys, runpy; sys.argv = ['streamstt', '--version']\ntry: runpy.run_module('streamstt')\n"
    code += "except SystemExit: pass\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    for name in ("run", "listen", "devices", "models fetch", "transcribe", "config"):
        done = run(*name.split(), "--help")
        assert done.returncode == 0
        assert "--help" in done.stdout
        assert "bool" not in done.stdout.lower(), "a flag takes no value"
