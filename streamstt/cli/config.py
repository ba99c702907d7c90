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
def check(file: Annotated[Path, typer.Argument(help="Configuration file.")]) -> None:
    """Check a configuration file and show all mistakes."""
    load(file=file, environ={})
    out.print(f"No mistakes found in {file}.", highlight=False, soft_wrap=True)


@app.command("default")
def print_default() -> None:
    """Print the annotated default file, to start your own from."""
    err.print(f"# Save your file as {user_file()}", highlight=False, soft_wrap=True)
    typer.echo(default_file(), nl=False)
