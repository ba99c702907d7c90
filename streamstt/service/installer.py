"""Installs the service and uninstalls it: writes the unit file, and enables it in systemd. Reports each step."""

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import streamstt
from streamstt.errors import ServiceError
from streamstt.service.units import UNIT_HEADER, UNIT_NAME, UnitLocation, hidden_from_unit, make_unit, program_command

Report = Callable[[str], None]
"""Called with a sentence for each step that was done."""


def install(location: UnitLocation, report: Report) -> None:
    """Writes the unit file, enables the unit, and starts it if systemd runs.

    Args:
        location: Where the unit goes.
        report: Called for each step.

    Raises:
        ServiceError: The unit cannot be written or enabled, and is removed again; or it does not start.
    """
    command = program_command()
    _require_installable(location, command)
    before = _read_unit(location)
    _write(location.file, make_unit(system=location.system, command=command))
    report(f"Wrote {location.file}")
    unreachable = _unreachable_reason(location)
    enabled = _run([*location.systemctl, "enable", UNIT_NAME], offline=bool(unreachable))
    if enabled.returncode:
        _restore(location.file, before)
        raise ServiceError(f"systemd rejects the unit, which is removed again: {enabled.stderr.strip()}")
    report(f"Enabled it: it starts {'at boot' if location.system else 'when you log in'}")
    if unreachable:
        report(f"Did not start it now: {unreachable}")
        return
    _run([*location.systemctl, "daemon-reload"])
    report("Starting it; the first time a model may have to be downloaded, which takes minutes ...")
    started = _run([*location.systemctl, "restart", UNIT_NAME])
    if started.returncode:
        raise ServiceError(
            f"it is installed, but does not start; see {_format_command('logs', location)}, or uninstall it with "
            f"{_format_command('uninstall', location)}: {started.stderr.strip()}"
        )
    report(f"Started it; see {_format_command('status', location)}")
    if not location.system:
        report(f"To run it from boot on, also while you are not logged in: loginctl enable-linger {getpass.getuser()}")


def uninstall(location: UnitLocation, report: Report) -> None:
    """Stops the service, disables it, and removes the unit file; settings, models and transcripts stay.

    Args:
        location: Where the unit is.
        report: Called for each step.

    Raises:
        ServiceError: There is no unit file, streamstt did not write it, or the service cannot be stopped.
    """
    _require_systemctl()
    _require_rights(location)
    if _read_unit(location) is None:
        raise ServiceError(f"there is nothing to remove: {location.file} does not exist")
    unreachable = _unreachable_reason(location)
    options = [] if unreachable else ["--now"]
    stopped = _run([*location.systemctl, "disable", *options, UNIT_NAME], offline=bool(unreachable))
    if stopped.returncode:
        raise ServiceError(f"it could not be stopped and disabled, so it stays: {stopped.stderr.strip()}")
    report("Disabled it" if unreachable else "Stopped and disabled it")
    _restore(location.file, None)
    report(f"Removed {location.file}")
    if not unreachable:
        _run([*location.systemctl, "daemon-reload"])
    report("Settings, models and transcripts are still there")


def run_systemd_command(location: UnitLocation, command: list[str]) -> int:
    """Runs a command of systemd, whose output goes to the terminal unchanged.

    Args:
        location: Where the unit is.
        command: Program and arguments.

    Returns:
        The exit code of the command.

    Raises:
        ServiceError: systemd cannot be reached.
    """
    _require_systemctl()
    if reason := _unreachable_reason(location):
        raise ServiceError(f"systemd cannot be reached: {reason}")
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own arguments


def _require_installable(location: UnitLocation, command: list[str]) -> None:
    _require_systemctl()
    _require_rights(location)
    needed = [Path(command[0]), Path(sys.executable), Path(streamstt.__file__)]
    if location.system and not location.root and (hidden := hidden_from_unit(needed)):
        raise ServiceError(
            f"a system service has no access to users' folders, and so cannot see {hidden[0].resolve()}; install "
            "streamstt elsewhere: python3 -m venv /opt/streamstt && /opt/streamstt/bin/pip install streamstt"
        )


def _require_systemctl() -> None:
    if not shutil.which("systemctl"):
        raise ServiceError(
            "there is no systemctl: this machine does not use systemd; start `streamstt run` another way"
        )


def _require_rights(location: UnitLocation) -> None:
    folder = next(p for p in location.file.parents if p.exists())
    if not os.access(folder, os.W_OK):
        advice = f"use sudo {' '.join(program_command())} service" if location.system else "ask its owner"
        raise ServiceError(f"you may not write in {folder}; {advice}")


def _read_unit(location: UnitLocation) -> str | None:
    """Returns the text of the unit file; None if there is none.

    Raises:
        ServiceError: It cannot be read, or streamstt did not write it.
    """
    try:
        text = location.file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceError(f"{location.file} cannot be read: {error}") from error
    if not text.startswith(UNIT_HEADER):
        raise ServiceError(f"{location.file} was not written by `streamstt service install`; move it away first")
    return text


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ServiceError(f"{file} cannot be written: {error.strerror}") from error


def _restore(file: Path, text: str | None) -> None:
    if text is None:
        file.unlink()
    else:
        _write(file, text)


def _unreachable_reason(location: UnitLocation) -> str:
    """Returns why systemd cannot be reached now; empty if it can. Units can be enabled all the same."""
    if location.root:
        return f"{location.root} is not this machine's own file system"
    probe = _run([*location.systemctl, "show", "--property=Version"])
    if not probe.returncode:
        return ""
    manager = "systemd" if location.system else "your session's systemd"
    return f"{manager} does not answer here ({(probe.stderr.strip() or 'it gives no reason').splitlines()[-1]})"


def _format_command(command: str, location: UnitLocation) -> str:
    return f"`streamstt service {command}{' --system' if location.system else ''}`"


def _run(command: list[str], *, offline: bool = False) -> subprocess.CompletedProcess[str]:
    environ = os.environ | ({"SYSTEMD_OFFLINE": "1"} if offline else {})
    return subprocess.run(command, capture_output=True, text=True, env=environ, check=False)  # noqa: S603 - our own
