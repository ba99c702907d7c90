"""``streamstt transcribe`` and ``bench``: what is done with recordings."""

import json
from pathlib import Path
from typing import Annotated

import typer

from streamstt.commands.options import Assignments, ConfigFile, Language, Model, err, options, out
from streamstt.config_layers import load
from streamstt.errors import SourceError
from streamstt.speech.subtitles import Format, render
from streamstt.terminal.bars import download_bars, transcribe_bar
from streamstt.terminal.tables import show_benchmark


def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Recordings in any format that libsndfile reads.")],
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = "txt",
    config: ConfigFile = None,
    model: Model = None,
    language: Language = None,
    assign: Assignments = None,
) -> None:
    """Transcribe recordings to standard output."""
    settings = load(options(model=model, language=language, assign=assign), file=config).settings
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
    settings = load(options(model=model, language=language, assign=assign), file=config).settings
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
