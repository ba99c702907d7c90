"""The unit files: where they are shipped, where they are installed, and what is filled in. Runs no command."""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import platformdirs

UNIT_NAME = "streamstt.service"
UNIT_HEADER = (
    "# Written by: streamstt service install. It is overwritten at each install: put changes into a drop-in.\n"
)
WHEEL_FOLDER = files("streamstt") / "systemd"  # in a wheel
CHECKOUT_FOLDER = Path(__file__).parents[2] / "systemd"  # in a checkout
# A system unit sees none of these folders.
HIDDEN_FOLDERS = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - nothing is written there


@dataclass(frozen=True, slots=True)
class UnitLocation:
    """Where a unit is installed.

    Attributes:
        system: Whether it is a unit of the whole machine; else of this user.
        root: Root of another file system, such as an image that is being built; empty: this machine's.
    """

    system: bool
    root: str = ""

    @property
    def file(self) -> Path:
        """Path of the unit file."""
        if self.system:
            return Path(self.root or "/") / "etc/systemd/system" / UNIT_NAME
        return Path(platformdirs.user_config_dir()) / "systemd/user" / UNIT_NAME

    @property
    def systemctl(self) -> list[str]:
        """The systemctl command for units of this location, without a verb."""
        return ["systemctl", *([] if self.system else ["--user"]), *([f"--root={self.root}"] if self.root else [])]


def program_command(executable: str = sys.executable) -> list[str]:
    """Returns the command that starts this program: the script beside Python, or else Python and the module.

    Args:
        executable: Path of Python.
    """
    command = Path(executable).with_name("streamstt")
    return [str(command)] if os.access(command, os.X_OK) else [executable, "-m", "streamstt"]


def hidden_from_unit(paths: Sequence[Path]) -> list[Path]:
    """Returns those of the paths that a system unit cannot see."""
    return [p for p in paths if any(p.resolve().is_relative_to(folder) for folder in HIDDEN_FOLDERS)]


def make_unit(*, system: bool, command: Sequence[str]) -> str:
    """Returns the text of a unit file that starts ``command`` with ``run``.

    Args:
        system: Whether it is a unit of the whole machine; else of a user.
        command: Program and arguments.
    """
    kind = "system" if system else "user"
    shipped = WHEEL_FOLDER / kind / UNIT_NAME
    text = (shipped if shipped.is_file() else CHECKOUT_FOLDER / kind / UNIT_NAME).read_text(encoding="utf-8")
    start = f"ExecStart={' '.join(map(quote_argument, command))} run"
    return UNIT_HEADER + re.sub(r"^ExecStart=.*$", lambda _: start, text, count=1, flags=re.MULTILINE)


def quote_argument(argument: str) -> str:
    """Quotes an argument for systemd.service(5), which expands % and $ and splits at spaces."""
    text = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if re.search(r"[\s\"';\\]", argument) else text
