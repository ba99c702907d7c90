"""The systemd units, and the command that installs them. systemd need not be running."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamstt.service.units import UNIT_NAME, make_unit
from tests.support.forked import run

AWAY = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "XDG_RUNTIME_DIR": "/nonexistent"}
WANTED = Path("systemd/user/default.target.wants") / UNIT_NAME


def systemd(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"XDG_RUNTIME_DIR": str(folder)}  # systemd-analyze --user needs one, and leaves it empty
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, env=env)


@pytest.fixture(params=["user", "system"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """Each unit, with a command that exists."""
    file = tmp_path / UNIT_NAME
    file.write_text(make_unit(system=request.param == "system", command=[sys.executable, "-m", "streamstt"]))
    return request.param, file


def test_verified(unit: tuple[str, Path]) -> None:
    """``systemd-analyze verify`` finds no problem."""
    kind, file = unit
    done = systemd(file.parent, "systemd-analyze", f"--{kind}", "verify", str(file))
    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.parametrize(("unit", "most"), [("user", 64), ("system", 20)], indirect=["unit"])
def test_exposure(unit: tuple[str, Path], most: int) -> None:
    """The exposure level is at most that in docs/service.md, in tenths."""
    done = systemd(unit[1].parent, "systemd-analyze", "security", "--offline=true", f"--threshold={most}", str(unit[1]))
    assert done.returncode == 0, done.stdout[-200:]


def test_installed_and_removed(tmp_path: Path) -> None:
    """Without a running systemd the unit is installed and enabled, with a message; then uninstalled."""
    env = {"XDG_CONFIG_HOME": str(tmp_path)} | AWAY
    done = run("service", "install", env=env)
    assert done.returncode == 0, done.stderr
    file = tmp_path / "systemd/user" / UNIT_NAME
    assert f"Wrote {file}" in done.stdout
    assert "does not answer here" in done.stdout
    assert (
        f"{sys.executable}" in file.read_text() or str(Path(sys.executable).with_name("streamstt")) in file.read_text()
    )
    assert (tmp_path / WANTED).is_symlink()
    assert run("service", "install", env=env).returncode == 0, "installing it again does no harm"
    status = run("service", "status", env=env)
    assert status.returncode == 7
    assert "systemd cannot be reached" in status.stderr
    assert run("service", "logs", env=env).returncode == 7
    removal = run("service", "uninstall", env=env)
    assert removal.returncode == 0, removal.stderr
    assert f"Removed {file}" in removal.stdout
    assert not file.exists()
    assert not (tmp_path / WANTED).is_symlink()
    again = run("service", "uninstall", env=env)
    assert again.returncode == 7
    assert "nothing to remove" in again.stderr


def test_a_foreign_unit(tmp_path: Path) -> None:
    """A unit that streamstt did not write is neither overwritten nor removed."""
    file = tmp_path / "systemd/user" / UNIT_NAME
    file.parent.mkdir(parents=True)
    file.write_text("[Service]\nExecStart=/bin/true\n")
    for command in ("install", "uninstall"):
        done = run("service", command, env={"XDG_CONFIG_HOME": str(tmp_path)} | AWAY)
        assert done.returncode == 7
        assert "was not written by" in done.stderr
    assert file.read_text() == "[Service]\nExecStart=/bin/true\n"


def test_a_unit_that_cannot_be_enabled(tmp_path: Path) -> None:
    """When systemd refuses to enable the unit, nothing is left behind."""
    wants = tmp_path / "systemd/user/default.target.wants"
    wants.parent.mkdir(parents=True)
    wants.write_text("a file where the folder should be")
    done = run("service", "install", env={"XDG_CONFIG_HOME": str(tmp_path)} | AWAY)
    assert done.returncode == 7
    assert "rejects the unit" in done.stderr
    assert not (tmp_path / "systemd/user" / UNIT_NAME).exists()


def test_into_an_image(tmp_path: Path) -> None:
    """A system unit can be installed into the root of an image."""
    done = run("service", "install", "--system", "--root", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "etc/systemd/system/multi-user.target.wants" / UNIT_NAME).is_symlink()
    assert run("service", "uninstall", "--system", "--root", str(tmp_path)).returncode == 0
    assert [p for p in tmp_path.rglob("*") if not p.is_dir()] == []
    assert run("service", "install", "--root", str(tmp_path)).returncode == 2


def test_without_systemctl(tmp_path: Path) -> None:
    """On a machine without systemd: exit code 7 with a message, and nothing is written."""
    done = run("service", "install", env={"PATH": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})
    assert done.returncode == 7
    assert "there is no systemctl" in done.stderr
    assert os.listdir(tmp_path) == []
