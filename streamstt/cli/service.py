"""``streamstt service``: installs and inspects the systemd service."""

from typing import Annotated

import typer

from streamstt.cli.options import out
from streamstt.service import installer
from streamstt.service.units import UNIT_NAME, UnitLocation

app = typer.Typer(help="Run streamstt as a systemd service.", no_args_is_help=True)

SystemOption = Annotated[bool, typer.Option("--system", help="System-wide, started at boot (default: for your user).")]
RootOption = Annotated[
    str, typer.Option(metavar="DIR", help="With --system: root of another file system, such as an image.")
]


@app.command()
def install(system: SystemOption = False, root: RootOption = "") -> None:
    """Install, enable and start the service."""
    installer.install(_unit_location(system=system, root=root), _report)


@app.command()
def uninstall(system: SystemOption = False, root: RootOption = "") -> None:
    """Stop, disable and remove the service."""
    installer.uninstall(_unit_location(system=system, root=root), _report)


@app.command()
def status(system: SystemOption = False) -> None:
    """Show the status of the service."""
    location = UnitLocation(system)
    raise typer.Exit(
        installer.run_systemd_command(location, [*location.systemctl, "status", "--no-pager", "--full", UNIT_NAME])
    )


@app.command()
def logs(
    system: SystemOption = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Number of lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing new lines.")] = False,
) -> None:
    """Show the log of the service."""
    user = [] if system else ["--user"]
    more = ["--follow"] if follow else ["--no-pager"]
    raise typer.Exit(
        installer.run_systemd_command(
            UnitLocation(system), ["journalctl", *user, f"--unit={UNIT_NAME}", f"--lines={lines}", *more]
        )
    )


def _unit_location(*, system: bool, root: str) -> UnitLocation:
    if root and not system:
        raise typer.BadParameter("--root needs --system: a user service belongs to a user of this machine")
    return UnitLocation(system, root)


def _report(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
