"""What users get for a mistake: one message that names what is wrong and what to do."""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.daemon import command
from tests.support.forked import Daemon, finish

SCRIPT = ("--model", "script:words.json")
WS = ("--source", "ws", "--port", "0")


@dataclass(frozen=True)
class Case:
    """A command with a mistake: its exit code, and what the message must contain.

    Attributes:
        command: Arguments, with names of ports and options in capital letters.
        code: Exit code.
        fragments: Texts that the message must contain.
    """

    command: str
    code: int
    fragments: tuple[str, ...]


MISTAKES = [
    Case("bogus", 2, ("bogus", "streamstt -h")),
    Case("run --hots x", 2, ("--hots", "--host")),
    Case("run --port abc", 2, ("--port", "integer")),
    Case("run --port 99999", 78, ("99999", "--port", "65535")),
    Case("run --port 0 --source mic:NoSuch", 3, ("no microphone", "--source file:PATH")),
    Case("run --source bluetooth", 78, ("bluetooth", "monitor:NAME")),
    Case("run --source file:", 78, ("file needs a path",)),
    Case("run --port 0 --source file:nope.wav", 3, ("no file nope.wav",)),
    Case("run --port 0 --source file:words.json", 3, ("words.json", "flac")),
    Case("run --port 0 --source file:folder", 3, ("folder is a folder",)),
    Case("run --source url:file:///etc/passwd", 78, ("url needs an address that begins with rtsp://",)),
    Case("run --port 0 --source url:http://nosuch.invalid/radio", 3, ("there is no host nosuch.invalid",)),
    Case("run --source stdin --source stdin", 78, ("two sources are named stdin",)),
    Case("run --rate 8000", 78, ("--source",)),
    Case("run --model basse WS", 4, ("'basse'", "did you mean 'base'")),
    Case("run --model ./nowhere WS", 4, ("no folder nowhere",)),
    Case("run --model ./folder WS", 4, ("folder", "config.json")),
    Case("run --model script:nope.json WS", 4, ("nope.json",)),
    Case("run --model script:bad.json WS", 4, ("bad.json", '"words"')),
    Case("run --port 0 --model small WS", 4, ("'small'", "HF_HUB_OFFLINE", "streamstt models fetch small")),
    Case("run --language english WS", 78, ("'english'", '"en"')),
    Case("run --language de SCRIPT WS", 78, ("'de'", "it knows en")),
    Case("run --set nonsense WS", 78, ("'nonsense'", "SECTION.KEY=VALUE")),
    Case("run --set server.prot=1 WS", 78, ("did you mean server.port",)),
    Case("run --set speech.vad_mode=9 WS", 78, ("speech.vad_mode", "'9'", "3")),
    Case("run --config nope.toml", 78, ("nope.toml", "streamstt config default")),
    Case("run --config broken.toml", 78, ("broken.toml", "TOML", "line 1")),
    Case("run --config binary.toml", 78, ("binary.toml", "UTF-8")),
    Case("run --host 192.0.2.1 SCRIPT WS", 5, ("192.0.2.1", "127.0.0.1")),
    Case("run SCRIPT --source ws --port TAKEN", 5, ("TAKEN", "another port with --port")),
    Case("run --port 0 --set transcript.folder=/proc/x SCRIPT WS", 6, ("/proc/x", "transcript.folder")),
    Case("run --set server.tls_certificate=nope.pem SCRIPT WS", 78, ("nope.pem", "server.tls_certificate")),
    Case("run --set server.token_file=nope --host 0.0.0.0 SCRIPT WS", 78, ("nope", "server.token_file")),
    Case("listen CLOSED", 5, ("CLOSED", "streamstt run")),
    Case("listen no\u00a0address", 5, ("ws://127.0.0.1:8765",)),
    Case("listen ftp://desk", 5, ("ftp://desk", "ws://127.0.0.1:8765")),
    Case("listen desk.invalid", 5, ("desk.invalid", "name")),
    Case("listen wss://127.0.0.1:CLOSED --ca words.json", 5, ("words.json", "PEM")),
    Case("listen DAEMON --token wrong-wrong-wrong-wrong", 5, ("not known here",)),
    Case("listen DAEMON", 5, ("needs a token",)),
    Case("mark weekly --url DAEMON", 5, ("needs a token",)),
    Case("mark weekly --url CLOSED", 5, ("CLOSED", "streamstt run")),
    Case("transcribe", 2, ("files", "streamstt transcribe -h")),
    Case("transcribe nope.wav", 3, ("no file nope.wav",)),
    Case("transcribe folder", 3, ("folder is a folder", "folder/*")),
    Case("transcribe words.json --format doc", 2, ("doc", "srt")),
    Case("transcribe words.json SCRIPT", 3, ("words.json", "flac")),
    Case("transcribe words.json SCRIPT -o words.json", 6, ("words.json", "--output")),
    Case("bench nope.wav", 3, ("no file nope.wav",)),
    Case("bench --sources 0", 2, ("--sources", "1")),
    Case("models fetch nosuch", 4, ("'nosuch'", "tiny.en")),
    Case("models fetch small", 4, ("'small'", "HF_HUB_OFFLINE")),
    Case("models verify small", 4, ("'small'", "streamstt models fetch small")),
    Case("models verify ./folder", 4, ("folder of your own",)),
    Case("config check nope.toml", 78, ("nope.toml",)),
    Case("config check --config nope.toml", 78, ("nope.toml",)),
    Case("config check wrong.toml", 78, ("3 mistakes", "did you mean speech", "server.port", "server.prot")),
    Case("service install --root x", 2, ("--system",)),
    Case("devices --seconds 3", 2, ("--meter",)),
    Case("devices --meter", 3, ("no microphone", "--source ws")),
    Case("completion tcsh", 2, ("tcsh", "fish")),
]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with invalid files."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "words.json").write_text('{"words": [{"text": " Hello", "start": 0.5, "end": 0.9}]}')
    (folder / "bad.json").write_text("{")
    (folder / "broken.toml").write_text("[server\n")
    (folder / "wrong.toml").write_text('[server]\nprot = 1\nport = "x"\n[speach]\nx = 1\n')
    (folder / "binary.toml").write_bytes(b"\xff\xfe")
    (folder / "folder").mkdir()
    return folder


@pytest.fixture(scope="module")
def guarded(here: Path) -> Iterator[Daemon]:
    """A daemon that requires a token."""
    options = ["--model", f"script:{here / 'words.json'}", "--source", "ws", "--set", "server.require_token=true"]
    options += ["--set", "server.handshake_s=2"]  # limit for the token
    with Daemon(*options, env={"STATE_DIRECTORY": str(here)}) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def places(guarded: Daemon) -> Iterator[dict[str, str]]:
    """Ports that are in use, or closed, and options with long values."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = {name: str(listener.getsockname()[1]) for name, listener in (("TAKEN", taken), ("CLOSED", closed))}
        yield ports | {"DAEMON": guarded.url, "SCRIPT": " ".join(SCRIPT), "WS": " ".join(WS)}


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.command)
def test_a_mistake(case: Case, here: Path, places: dict[str, str]) -> None:
    """Each has the exit code of its kind, names what is wrong and what to do, and shows no traceback."""

    def fill(text: str) -> str:
        return re.sub("|".join(places), lambda m: places[m[0]], text)

    env = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(here), "XDG_CONFIG_HOME": str(here), "COLUMNS": "200"}
    env |= {"XDG_RUNTIME_DIR": str(here), "PULSE_SERVER": ""}
    done = finish(command(*fill(case.command).split(" ")), env, cwd=here)
    assert done.returncode == case.code, done.stderr
    message = " ".join(done.stderr.replace("│", " ").split())
    for fragment in case.fragments:
        assert fill(fragment) in message
    assert "Traceback" not in done.stderr
    assert not done.stdout, "errors go to standard error"
