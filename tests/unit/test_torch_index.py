"""Where torch is installed from: without CUDA, unless the machine has a card or the user has chosen an index."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SCRIPT = ROOT / "scripts" / "torch_index.py"
script = runpy.run_path(str(SCRIPT))
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
OTHER_SETTINGS = ["global.find-links='/wheels'", ":env:.cert='/ca.pem'", ":env:.index-url=''"]


@pytest.mark.parametrize(
    ("platform", "override", "has_card", "pip_config", "index"),
    [
        ("linux", "", False, [], CPU_INDEX),
        ("linux", "", False, OTHER_SETTINGS, CPU_INDEX),
        ("linux", "", True, [], ""),
        ("darwin", "", False, [], ""),
        ("linux", "", False, [":env:.index-url='https://mirror/simple'"], ""),
        ("linux", "", False, ["global.extra-index-url='https://mirror/simple'"], ""),
        ("linux", "", False, ["install.index-url='https://mirror/simple'"], ""),
        ("linux", "", False, ["global.no-index='true'"], ""),
        ("linux", "none", False, [], ""),
        ("linux", "https://other/cu130", True, [":env:.index-url='https://mirror/simple'"], "https://other/cu130"),
    ],
)
def test_index(platform: str, override: str, has_card: bool, pip_config: list[str], index: str) -> None:
    """PyTorch's CPU builds, unless there is a card, or pip or ``TORCH_INDEX`` is told otherwise."""
    assert script["torch_index"](platform, override, has_card=has_card, pip_config=pip_config) == index


def test_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card is one that the driver lists in /proc, or nvidia-smi finds; a driver without a card is none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    driver = tmp_path / "gpus"
    driver.mkdir()
    assert not script["has_nvidia_card"](driver)
    (driver / "0000:01:00.0").mkdir()
    assert script["has_nvidia_card"](driver)
    tool = tmp_path / "nvidia-smi"
    for output, has_card in (("GPU 0: NVIDIA RTX A2000 (UUID: GPU-1)", True), ("No devices were found", False)):
        tool.write_text(f"#!/bin/sh\necho '{output}'\n")
        tool.chmod(0o755)
        assert script["has_nvidia_card"](tmp_path / "missing") == has_card


def run_script(**env: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    return subprocess.run(
        [sys.executable, SCRIPT],
        env=clean | {"PATH": "", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_own_mirror() -> None:
    """With a mirror of one's own nothing else is asked for."""
    assert run_script(PIP_INDEX_URL="https://mirror.invalid/simple").stdout == ""
    assert run_script(PIP_EXTRA_INDEX_URL="https://mirror.invalid/simple").stdout == ""


def test_unreachable_index(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where PyTorch's index cannot be reached, pip goes on without it, and a sentence says what that may bring."""
    for name in [name for name in os.environ if name.startswith("PIP_")] + ["TORCH_INDEX"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setitem(script["main"].__globals__, "has_nvidia_card", lambda: False)  # whatever this machine has
    script["main"]()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "which may bring CUDA" in printed.err


def test_chosen_index() -> None:
    """An index that the user has chosen is not asked first."""
    assert run_script(TORCH_INDEX="https://x.invalid/cpu").stdout == "--extra-index-url https://x.invalid/cpu"


def test_make_uses_it() -> None:
    """Both installations of the Makefile ask for it, and the container's."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "$(BIN)/python scripts/torch_index.py" in text
    assert "python /source/scripts/torch_index.py)" in (ROOT / "Containerfile").read_text(encoding="utf-8")
    assert "$(PIP) install" not in text.split("INSTALL = ")[1].split("\n", 1)[1]
