"""``streamstt config``: shows and checks the settings."""

from pathlib import Path
from typing import Annotated

import typer

from streamstt.cli.options import ConfigOption, err, out
from streamstt.config.loader import load, user_file
from streamstt.config.rendering import default_file, effective_toml

app = typer.Typer(help="Show and check the configuration.", no_args_is_help=True)


@app.command()
def show(config: ConfigOption = None) -> None:
    """Show all settings in force, and where each comes from."""
    for line in effective_toml(load(file=config)):
        typer.echo(line)


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="Configuration file; without one: the settings in force.", show_default=False)
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Check the settings and all that they name, such as model, files, port and certificate; show all mistakes.

    Nothing is started, downloaded or changed.
    """
    from streamstt.diagnostics.preflight import require_no_mistakes  # noqa: PLC0415 - the other commands need no model

    file = file or config
    settings = (load(file=file, environ={}) if file else load()).settings
    require_no_mistakes(settings)
    out.print(f"No mistakes found in {file or 'the settings in force'}.", highlight=False, soft_wrap=True)


@app.command("default")
def print_default() -> None:
    """Print the annotated default file, to start your own from."""
    err.print(f"# Save your file as {user_file()}", highlight=False, soft_wrap=True)
    typer.echo(default_file(), nl=False)
