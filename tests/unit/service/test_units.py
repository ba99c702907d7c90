"""The unit files that are shipped, and what is filled in."""

import configparser
import os
from pathlib import Path

import pytest

from streamstt.service.units import (
    UNIT_HEADER,
    UnitLocation,
    hidden_from_unit,
    make_unit,
    program_command,
    quote_argument,
)


def sections(text: str) -> configparser.RawConfigParser:
    parsed = configparser.RawConfigParser(strict=False, delimiters=["="], interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(text)
    return parsed


@pytest.mark.parametrize("system", [False, True])
def test_what_every_unit_says(system: bool) -> None:
    """The program's own path, readiness, a watchdog, a restart but for wrong settings, a reload."""
    text = make_unit(system=system, command=["/opt/my apps/streamstt"])
    assert text.startswith(UNIT_HEADER)
    service = sections(text)["Service"]
    assert service["ExecStart"] == '"/opt/my apps/streamstt" run'
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) > 0
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "2 78"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert "MemoryDenyWriteExecute" not in service, "torch writes machine code"
    assert sections(text)["Install"]["WantedBy"] == ("multi-user.target" if system else "default.target")


def test_each_directive_of_protection_has_its_reason() -> None:
    """A comment stands above every group of directives: who changes one learns what it is for."""
    for system in (False, True):
        blocks = make_unit(system=system, command=["x"]).split("[Service]")[1].split("\n\n")
        assert all(block.strip().startswith(("#", "[Install]")) for block in blocks)


@pytest.mark.parametrize(
    ("argument", "written"),
    [
        ("/usr/bin/streamstt", "/usr/bin/streamstt"),
        ("/a b", '"/a b"'),
        ("/100%/$HOME", "/100%%/$$HOME"),
        ('/a"b\\c', '"/a\\"b\\\\c"'),
    ],
)
def test_quoting(argument: str, written: str) -> None:
    """What means something to systemd is escaped."""
    assert quote_argument(argument) == written


def test_own_command(tmp_path: Path) -> None:
    """The command beside Python if there is one, else Python and the module; links stay links, as in a venv."""
    python = tmp_path / "python"
    assert program_command(str(python)) == [str(python), "-m", "streamstt"]
    (tmp_path / "streamstt").touch(mode=0o755)
    assert program_command(str(python)) == [str(tmp_path / "streamstt")]


def test_what_a_system_service_cannot_see(tmp_path: Path) -> None:
    """What lies in people's folders, also behind a link."""
    link = tmp_path / "python"
    link.symlink_to("/home/me/.local/bin/python")
    assert hidden_from_unit([Path("/opt/x"), Path("/usr/bin/env"), link]) == [link]
    assert hidden_from_unit([Path("/homeless/x")]) == []


def test_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where systemd looks: for a user in the folder of settings, for the machine in /etc, of an image in its own."""
    monkeypatch.setitem(os.environ, "XDG_CONFIG_HOME", "/x")
    assert UnitLocation(system=False).file == Path("/x/systemd/user/streamstt.service")
    assert UnitLocation(system=True).file == Path("/etc/systemd/system/streamstt.service")
    assert UnitLocation(system=True, root="/image").file == Path("/image/etc/systemd/system/streamstt.service")
    assert UnitLocation(system=False).systemctl == ["systemctl", "--user"]
    assert UnitLocation(system=True, root="/image").systemctl == ["systemctl", "--root=/image"]
