"""Completion in real shells, and the man page."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.audio_server import AudioServer
from tests.support.daemon import environment
from tests.support.forked import run, write_shim
from tests.support.paths import ROOT
from tests.support.terminal import Terminal

PAGE = ROOT / "docs" / "streamstt.1"


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``streamstt`` is a command."""
    command = tmp_path / "bin" / "streamstt"
    command.parent.mkdir()
    write_shim(command)
    return {"PATH": f"{command.parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}


def pressed(shell: list[str], env: dict[str, str], setup: str, typed: str, shown: str) -> str:
    """Returns the screen after typing a text and Tab."""
    with Terminal(shell, env=env | {"PS1": "> ", "TERM": "xterm"}, columns=100) as terminal:
        terminal.wait_for(">")
        terminal.type(f"{setup}; echo set up\r")
        terminal.wait_for(lambda text: "set up" in text.splitlines())
        terminal.type(typed + "\t")
        return terminal.wait_for(shown)


@pytest.fixture(scope="module")
def completion() -> str:
    """The code that ``streamstt completion bash`` prints."""
    return run("completion", "bash").stdout


def candidates(env: dict[str, str], completion: str, line: str) -> list[str]:
    """Returns bash's suggestions for a line."""
    words = line.split(" ")
    call = (
        f"COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
        'compopt() { :; }; _streamstt_completion streamstt; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    bash = ["bash", "-c", f"{completion}\n{call}"]
    done = subprocess.run(bash, env=environment(env), capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("streamstt tran", "transcribe"),
        ("streamstt models f", "fetch"),
        ("streamstt run --mod", "--model"),
        ("streamstt run --model large-v3-t", "large-v3-turbo"),
        ("streamstt run --language de", "de"),
        ("streamstt run --source mon", "monitor"),
        ("streamstt run --set server.por", "server.port="),
        ("streamstt transcribe --format v", "vtt"),
        ("streamstt models verify tiny.", "tiny.en"),
    ],
)
def test_values_complete(line: str, value: str, installed: dict[str, str], completion: str) -> None:
    """Commands, options and values are completed."""
    assert value in candidates(installed, completion, line)


def test_devices_complete(installed: dict[str, str], completion: str, tmp_path: Path) -> None:
    """After ``mic:`` microphones are completed; bash ends a word at a colon, and expects only the rest."""
    folder = tmp_path / "sound"
    folder.mkdir()
    with AudioServer(folder) as server:
        server.table_microphone()
        assert candidates(installed | server.plain_env, completion, "streamstt run --source mic:ta") == ["table"]


def test_bash(installed: dict[str, str]) -> None:
    """In a real bash, Tab completes a setting up to its equals sign, without a space after it."""
    shell = ["bash", "--norc", "--noprofile", "-i"]
    setup = 'eval "$(streamstt completion bash)"'
    pressed(shell, installed, setup, "streamstt run --set speech.vad_m", "--set speech.vad_mode=")


def test_zsh(installed: dict[str, str]) -> None:
    """Tab completes in a real zsh."""
    setup = 'autoload -Uz compinit; compinit -u; eval "$(streamstt completion zsh)"'
    pressed(["zsh", "-f", "-i"], installed, setup, "streamstt run --model large-v3-t", "--model large-v3-turbo")


def test_fish(installed: dict[str, str]) -> None:
    """fish completes, too."""
    ask = 'streamstt completion fish | source; complete -C "streamstt run --model large-v3-t"'
    done = subprocess.run(["fish", "-c", ask], env=environment(installed), capture_output=True, text=True, check=True)
    assert "large-v3-turbo" in done.stdout


def test_the_man_page_is_up_to_date() -> None:
    """The man page is the output of ``python scripts/manual.py``, and man accepts it."""
    completed = subprocess.run(
        [sys.executable, ROOT / "scripts/manual.py"],
        capture_output=True, text=True, check=True, env=environment({"PYTHONPATH": str(ROOT)}),
    )  # fmt: skip
    assert completed.stdout == PAGE.read_text(encoding="utf-8")
    for checker in (["man", "--warnings", "-l", str(PAGE)], ["mandoc", "-Tlint", "-Werror", str(PAGE)]):
        if shutil.which(checker[0]):
            checked = subprocess.run(
                checker, stdout=subprocess.PIPE if checker[0] == "mandoc" else subprocess.DEVNULL,
                stderr=subprocess.PIPE, text=True, check=False, env=os.environ | {"MANWIDTH": "80"},
            )  # fmt: skip
            assert (checked.returncode, checked.stdout or "", checked.stderr) == (0, "", "")


def test_help_imports_little() -> None:
    """Help and listen import neither torch, nor a model library, nor a sound library."""
    code = "import sys, streamstt.cli.app; heavy = {'torch', 'transformers', 'huggingface_hub', 'sounddevice'}\n"
    code += "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())
    assert "streamstt [OPTIONS] COMMAND" in run("--help").stdout
