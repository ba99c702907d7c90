"""Assembles the command line. Only this package prints messages and exits."""

import logging
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]  # it is there in every version

from streamstt.cli import config, models, service
from streamstt.cli.bench import bench
from streamstt.cli.certificate import certificate
from streamstt.cli.check import check
from streamstt.cli.completion import PROGRAM, completion
from streamstt.cli.devices import devices
from streamstt.cli.listen import listen
from streamstt.cli.mark import mark
from streamstt.cli.options import err, out
from streamstt.cli.run import run
from streamstt.cli.serve import serve
from streamstt.cli.transcribe import transcribe
from streamstt.errors import EngineError, StreamsttError
from streamstt.version import __version__
from streamstt.whisper.torch_import import skip_unused_parts

HELP_OPTIONS = ["-h", "--help"]

app = typer.Typer(
    help="Live captions while people are still speaking; nothing leaves this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,  # streamstt completion is a command that changes no files
    context_settings={"help_option_names": HELP_OPTIONS},
)
for command in (run, serve, listen, check, certificate, devices, mark, transcribe, bench):
    app.command()(command)
app.command()(completion)
app.add_typer(models.app, name="models")
app.add_typer(config.app, name="config")
app.add_typer(service.app, name="service")


def main() -> NoReturn:
    """Runs the command line; an error is reported as one message, with its exit code."""
    skip_unused_parts()
    completion_init()
    for library, level in (("websockets", logging.CRITICAL), ("httpx", logging.WARNING), ("httpx2", logging.WARNING)):
        logging.getLogger(library).setLevel(level)  # failed handshakes of clients, and each request to Hugging Face
    program = typer.main.get_command(app)
    _hide_types_of_flags(program)
    try:
        program(prog_name=PROGRAM)
    except StreamsttError as error:
        err.print(
            f"streamstt: {error}", style="red" if err.is_terminal else "", highlight=False, markup=False, soft_wrap=True
        )
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "streamstt"}:
            raise
        text = f"streamstt: this needs the package {package}, which an edge is installed without; see docs/install.md"
        err.print(text, style="red" if err.is_terminal else "", highlight=False, soft_wrap=True)
        sys.exit(EngineError.exit_code)
    sys.exit(0)


def _hide_types_of_flags(command: Any) -> None:
    """Has the help of a command and of those in it show flags without a type: they take no value.

    Args:
        command: A command or group as typer makes it; typer's classes differ between its versions.
    """
    context = command.context_class(command, help_option_names=HELP_OPTIONS)
    for parameter in command.get_params(context):
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    for inner in getattr(command, "commands", {}).values():
        _hide_types_of_flags(inner)


def _print_version(requested: bool) -> None:
    if requested:
        out.print(f"streamstt {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _global_options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...
