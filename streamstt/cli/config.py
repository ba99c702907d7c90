"""``streamstt config``: show and check the settings."""

from pathlib import Path
from typing import Annotated

import typer

from streamstt.cli.options import ConfigOption, err, out
from streamstt.config.loader import load, user_file
from streamstt.config.rendering import default_file, effective_toml

app = typer.Typer(help="Show and check the configuration.", no_args_is_help=True)


@app.command()
def show(config: ConfigOption = None) -> None:
    """Show the settings in force, and where each comes from."""
    for line in effective_toml(load(file=config)):
        typer.echo(line)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A configuration file.")]) -> None:
    """Check a file; every mistake is shown at once."""
    load(file=file, environ={})
    out.print(f"{file} is right.", highlight=False, soft_wrap=True)


@app.command("default")
def print_default() -> None:
    """Print the annotated default file, to begin one of your own with."""
    err.print(f"# Yours goes to {user_file()}", highlight=False, soft_wrap=True)
    typer.echo(default_file(), nl=False)
