"""Puts the unit file into place and has systemd take it; takes it out again. Says each thing that it did."""

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import streamstt
from streamstt.errors import ServiceError
from streamstt.service.units import MARK, NAME, Place, make_unit, own_command, unseen

Say = Callable[[str], None]


def install(place: Place, say: Say) -> None:
    """Writes the unit, enables it, and starts it if systemd runs.

    Args:
        place: For whom.
        say: Told each thing that was done.

    Raises:
        ServiceError: It cannot be; nothing is left behind that was not there before.
    """
    command = own_command()
    _check(place, command)
    before = _own_unit(place)
    _write(place.file, make_unit(system=place.system, command=command))
    say(f"Wrote {place.file}")
    why_not = _unreachable(place)
    enabled = _run([*place.systemctl, "enable", NAME], offline=bool(why_not))
    if enabled.returncode:
        _restore(place.file, before)
        raise ServiceError(f"systemd does not take the unit, which is removed again: {enabled.stderr.strip()}")
    say(f"Enabled it: it starts {'at boot' if place.system else 'when you log in'}")
    if why_not:
        say(f"Did not start it now: {why_not}")
        return
    _run([*place.systemctl, "daemon-reload"])
    say("Starting it; the first time a model may have to be fetched, which takes minutes ...")
    started = _run([*place.systemctl, "restart", NAME])
    if started.returncode:
        raise ServiceError(
            f"it is installed, but does not start; see {_hint('logs', place)}, and {_hint('uninstall', place)} "
            f"takes it out again: {started.stderr.strip()}"
        )
    say(f"Started it; see {_hint('status', place)}")
    if not place.system:
        say(f"To have it from boot on, also while you are not logged in: loginctl enable-linger {getpass.getuser()}")


def uninstall(place: Place, say: Say) -> None:
    """Stops the service, disables it, and removes the unit; settings, models and transcripts stay.

    Raises:
        ServiceError: There is none, or it is not ours.
    """
    _require_systemctl()
    _require_rights(place)
    if _own_unit(place) is None:
        raise ServiceError(f"there is nothing to remove: {place.file} does not exist")
    why_not = _unreachable(place)
    stopped = _run([*place.systemctl, "disable", *([] if why_not else ["--now"]), NAME], offline=bool(why_not))
    if stopped.returncode:
        raise ServiceError(f"it could not be stopped and disabled, so it stays: {stopped.stderr.strip()}")
    say("Disabled it" if why_not else "Stopped and disabled it")
    _restore(place.file, None)
    say(f"Removed {place.file}")
    if not why_not:
        _run([*place.systemctl, "daemon-reload"])
    say("Settings, models and transcripts are where they were")


def ask(place: Place, command: list[str]) -> int:
    """Runs a command of systemd whose answer goes to the user as it is, and returns its exit code.

    Raises:
        ServiceError: Systemd cannot be asked.
    """
    _require_systemctl()
    if why_not := _unreachable(place):
        raise ServiceError(f"systemd cannot be asked: {why_not}")
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own arguments


def _check(place: Place, command: list[str]) -> None:
    _require_systemctl()
    _require_rights(place)
    parts = [Path(command[0]), Path(sys.executable), Path(streamstt.__file__)]
    if place.system and not place.root and (hidden := unseen(parts)):
        raise ServiceError(
            f"a system service is kept out of people's folders, and so cannot see {hidden[0].resolve()}; install "
            "streamstt elsewhere: python3 -m venv /opt/streamstt && /opt/streamstt/bin/pip install streamstt"
        )


def _require_systemctl() -> None:
    if not shutil.which("systemctl"):
        raise ServiceError("there is no systemctl: this machine is not run by systemd; start `streamstt run` your way")


def _require_rights(place: Place) -> None:
    folder = next(p for p in place.file.parents if p.exists())
    if not os.access(folder, os.W_OK):
        again = f"sudo {' '.join(own_command())} service" if place.system else "the folder's owner"
        raise ServiceError(f"{folder} may not be written by you; that takes {again}")


def _own_unit(place: Place) -> str | None:
    """The unit that is there, if one is.

    Raises:
        ServiceError: Somebody else wrote it.
    """
    try:
        text = place.file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceError(f"{place.file} cannot be read: {error}") from error
    if not text.startswith(MARK):
        raise ServiceError(f"{place.file} was not written by `streamstt service install`; move it away first")
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


def _unreachable(place: Place) -> str:
    """Why systemd cannot be talked to now; empty when it can. Units can be enabled all the same."""
    if place.root:
        return f"{place.root} is not this machine's own file system"
    asked = _run([*place.systemctl, "show", "--property=Version"])
    if not asked.returncode:
        return ""
    who = "systemd" if place.system else "your session's systemd"
    return f"{who} does not answer here ({(asked.stderr.strip() or 'it gives no reason').splitlines()[-1]})"


def _hint(command: str, place: Place) -> str:
    return f"`streamstt service {command}{' --system' if place.system else ''}`"


def _run(command: list[str], *, offline: bool = False) -> subprocess.CompletedProcess[str]:
    environ = os.environ | ({"SYSTEMD_OFFLINE": "1"} if offline else {})
    return subprocess.run(command, capture_output=True, text=True, env=environ, check=False)  # noqa: S603 - our own
