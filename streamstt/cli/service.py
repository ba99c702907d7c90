"""``streamstt service``: run as a service of systemd."""

from typing import Annotated

import typer

from streamstt.cli.options import out
from streamstt.service import installer
from streamstt.service.units import UNIT_NAME, UnitLocation

app = typer.Typer(help="Run streamstt as a service of systemd.", no_args_is_help=True)

SystemOption = Annotated[bool, typer.Option("--system", help="For the whole machine, from boot on; else for you.")]
RootOption = Annotated[
    str, typer.Option(metavar="DIR", help="With --system: into another file system, such as an image.")
]


@app.command()
def install(system: SystemOption = False, root: RootOption = "") -> None:
    """Write the unit, enable it and start it; say what was done."""
    installer.install(_unit_location(system=system, root=root), _report)


@app.command()
def uninstall(system: SystemOption = False, root: RootOption = "") -> None:
    """Undo what install did."""
    installer.uninstall(_unit_location(system=system, root=root), _report)


@app.command()
def status(system: SystemOption = False) -> None:
    """Show whether it runs, and what it says of itself."""
    place = UnitLocation(system)
    raise typer.Exit(
        installer.run_systemd_command(place, [*place.systemctl, "status", "--no-pager", "--full", UNIT_NAME])
    )


@app.command()
def logs(
    system: SystemOption = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="So many, the newest.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing what comes.")] = False,
) -> None:
    """Show its log."""
    user = [] if system else ["--user"]
    more = ["--follow"] if follow else ["--no-pager"]
    raise typer.Exit(
        installer.run_systemd_command(
            UnitLocation(system), ["journalctl", *user, f"--unit={UNIT_NAME}", f"--lines={lines}", *more]
        )
    )


def _unit_location(*, system: bool, root: str) -> UnitLocation:
    if root and not system:
        raise typer.BadParameter("--root goes with --system: a user's units belong to a user of this machine")
    return UnitLocation(system, root)


def _report(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
