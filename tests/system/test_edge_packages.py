"""An edge runs where only its own packages are installed: neither torch nor a model's."""

import re
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest

from tests.support.daemon import environment
from tests.support.paths import DATA, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Hides all packages of a daemon that an edge is installed without.
PROGRAM = """
import importlib.metadata, sys
hidden = {name for name, packages in importlib.metadata.packages_distributions().items() if set(packages) & {HIDDEN}}
class Finder:
    def find_spec(name, *_):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"hidden: {name}", name=name)
sys.meta_path.insert(0, Finder)
sys.argv = ["streamstt", *sys.argv[1:]]
from streamstt.__main__ import main
main()
"""


def names(requirements: list[str]) -> set[str]:
    """Returns the names of packages, as their metadata may write them."""
    found = {re.split(r"[<>=;\[ ]", line)[0] for line in requirements}
    return found | {name.replace("-", "_") for name in found}


def edge_program() -> str:
    """Returns a program that is ``streamstt`` on an edge."""
    hidden = names(PROJECT["project"]["dependencies"]) - names(PROJECT["dependency-groups"]["edge"])
    assert {"torch", "transformers", "sounddevice"} <= hidden
    return PROGRAM.replace("{HIDDEN}", repr(hidden))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("config", "check"), 0),
        (("transcribe", str(DATA / "short.flac")), 4),
        (("models", "list"), 4),
        (("run", "--source", "ws", "--port", "0"), 4),
        (("bench", str(DATA / "short.flac")), 4),
        (("check", "--source", "ws"), 4),
    ],
)
def test_other_commands(arguments: tuple[str, ...], code: int, tmp_path: Path) -> None:
    """The settings can be checked; commands that need a model say what is missing, and where to read of it."""
    done = subprocess.run(
        [sys.executable, "-c", edge_program(), *arguments],
        env=environment({"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)}),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, "docs/install.md" in done.stderr) == (code, bool(code)), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("broker", ["redis://127.0.0.1:1", "nats://127.0.0.1:1"])
def test_edge(broker: str) -> None:
    """``streamstt serve`` starts and serves its page without the other packages."""
    program = edge_program()
    arguments = ["serve", "--from", broker, "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment({"PYTHONPATH": str(ROOT)}), text=True,
    ) as edge:  # fmt: skip
        assert edge.stdout is not None
        lines = []
        try:
            for line in edge.stdout:
                lines.append(line)
                if line.startswith("Captions: "):
                    page = urllib.request.urlopen(line.split()[1]).read()
                    assert b"<html" in page
                    break
            else:
                pytest.fail("".join(lines))
        finally:
            edge.kill()
