"""``streamstt check`` on a real machine: all problems are reported, each with a fix."""

import json
import socket
from pathlib import Path

from tests.support.audio_server import AudioServer
from tests.support.daemon import DATA, command
from tests.support.forked import Daemon, run
from tests.support.terminal import Terminal


def checks(text: str) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in json.loads(text)["checks"]}


def test_a_machine_that_is_ready(script: list[str], tmp_path: Path) -> None:
    """A file as the source, a script as the model: ready, exit code 0, and a mark on each line."""
    options = [*script, "--source", f"file:{DATA / 'short.flac'}", "--port", "0"]
    options += ["--set", f"transcript.folder={tmp_path / 'kept'}"]
    with Terminal(command("check", *options), columns=78) as terminal:
        assert terminal.wait() == 0
        assert terminal.lines[-1] == "Ready: streamstt run"
        assert terminal.text.count("✓") == 6
        assert {"green"} <= terminal.colors
    assert not (tmp_path / "kept").exists(), "nothing is changed"


def test_a_machine_with_problems(tmp_path: Path) -> None:
    """All problems are reported at once; the exit code is that of the first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        options = [
            "--model",
            "small",
            "--source",
            "file:nope.wav",
            "--port",
            port,
            "--set",
            "transcript.folder=/proc/x",
        ]
        done = run("check", "--json", *options, env={"XDG_CACHE_HOME": str(tmp_path), "HF_HOME": str(tmp_path)})
    assert done.returncode == 3
    findings = checks(done.stdout)
    assert {name for name, check in findings.items() if check["verdict"] == "bad"} == {
        "file",
        "model",
        "port",
        "transcripts",
    }
    assert findings["model"]["remedy"] == "streamstt models fetch small"
    assert not json.loads(done.stdout)["ready"]
    assert not list(tmp_path.iterdir()), "nothing is downloaded"


def test_invalid_settings(script: list[str]) -> None:
    """Invalid settings come first, with exit code 78; the rest is checked with the defaults."""
    nowhere = {"HF_HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"}  # where no model is
    done = run("check", "--json", *script, "--set", "server.prot=1", env=nowhere)
    assert done.returncode == 78
    findings = checks(done.stdout)
    assert "did you mean server.port" in findings["settings"]["says"]
    assert {"port", "transcripts", "service"} <= set(findings)


def test_a_running_daemon(script: list[str]) -> None:
    """A port that a daemon uses is not a problem: its health is shown."""
    with Daemon(*script, "--source", "ws") as daemon:
        done = run("check", "--json", *script, "--source", "ws", "--port", daemon.url.rpartition(":")[2], torch=True)
    assert done.returncode == 0
    assert "a daemon is running on" in checks(done.stdout)["port"]["says"]


def test_a_silent_microphone(script: list[str], tmp_path: Path) -> None:
    """A microphone that opens but is muted or not connected is a failure."""
    with AudioServer(tmp_path) as server:
        server.keep_awake()
        server.table_microphone()
        done = run("check", "--json", *script, "--source", "mic:Table", "--port", "0", env=server.plain_env, torch=True)
    assert done.returncode == 3
    assert "Table opens, but delivers only silence" in checks(done.stdout)["microphone"]["says"]
