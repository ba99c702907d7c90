"""``streamstt transcribe`` and ``bench``: what is done with recordings."""

import json
from pathlib import Path
from typing import Annotated

import typer

from streamstt.commands.endings import interrupted
from streamstt.commands.options import Assignments, ConfigFile, Language, Model, err, options, out
from streamstt.config.loader import load
from streamstt.errors import SinkError, SourceError
from streamstt.subtitles.formats import Format, render
from streamstt.terminal.bars import download_bars, transcribe_bar
from streamstt.terminal.tables import show_benchmark


def transcribe(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    files: Annotated[list[Path], typer.Argument(help="Recordings in any format that libsndfile reads.")],
    form: Annotated[Format, typer.Option("--format", metavar="txt|srt|vtt|json", help="What to write.")] = "txt",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write a file for each into this folder instead."),
    ] = None,
    config: ConfigFile = None,
    model: Model = None,
    language: Language = None,
    assign: Assignments = None,
) -> None:
    """Transcribe recordings, to standard output or into files."""
    settings = load(options(model=model, language=language, assign=assign), file=config).settings
    _require(files)
    targets = _targets(files, output, form) if output else {}
    with interrupted("What was finished is whole; of the rest nothing was written."):
        from streamstt.recordings.transcribe import transcribe as transcribe_file  # noqa: PLC0415 - as in run
        from streamstt.whisper.loader import load_engine  # noqa: PLC0415

        with download_bars(err) as progress:
            engine = load_engine(settings.engine, progress)
        spoken = None if settings.engine.language == "auto" else settings.engine.language
        for path in files:
            with transcribe_bar(err, path.name) as advance:
                finals = transcribe_file(path, engine, settings.speech, spoken, advance, settings.words)
            _put(render(finals, form), targets.get(path))


def _require(files: list[Path]) -> None:
    """Says before a slow start what is no file."""
    folders = [str(f) for f in files if f.is_dir()]
    if folders:
        raise SourceError(f"{', '.join(folders)} is a folder; name the recordings in it: {folders[0]}/*")
    missing = [str(f) for f in files if not f.is_file()]
    if missing:
        raise SourceError(f"there is no file {', '.join(missing)}")


def _targets(files: list[Path], folder: Path, form: str) -> dict[Path, Path]:
    """Where the text of each recording goes."""
    targets = {path: folder / f"{path.stem}.{form}" for path in files}
    twice = sorted({t.name for t in targets.values() if list(targets.values()).count(t) > 1})
    if twice:
        raise SinkError(f"two recordings would become {folder / twice[0]}; transcribe them one after the other")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"cannot write into {folder}: {error.strerror}; name another with --output") from error
    return targets


def _put(text: str, target: Path | None) -> None:
    """Prints it, or writes it: the whole file is there, or none is."""
    if target is None:
        typer.echo(text, nl=False)
        return
    begun = target.with_name(f".{target.name}.new")
    try:
        begun.write_text(text, encoding="utf-8")
        begun.replace(target)
    except OSError as error:
        raise SinkError(f"cannot write {target}: {error.strerror}; name another folder with --output") from error
    finally:
        begun.unlink(missing_ok=True)
    out.print(str(target), highlight=False, markup=False, soft_wrap=True)


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
    _require([audio] if audio else [])
    with interrupted("Nothing was measured to its end."):
        from streamstt.bench import benchmark  # noqa: PLC0415 - as in run
        from streamstt.whisper.checkpoints import search  # noqa: PLC0415
        from streamstt.whisper.loader import load_engine  # noqa: PLC0415
        from streamstt.whisper.normalizer import make_normaliser  # noqa: PLC0415

        with download_bars(err) as progress:
            engine = load_engine(settings.engine, progress)
        if audio is None:
            with err.status("measuring") as status:
                result = benchmark.machine(settings, engine, lambda what: status.update(f"measuring {what}"))
        else:
            script = settings.engine.model.startswith("script:")
            folder = None if script else search.find(settings.engine.model).folder
            spoken = "en" if settings.engine.language == "auto" else settings.engine.language
            plan = benchmark.Plan(audio, reference, words, sources, offsets, decode_s, compare)
            with err.status(f"captioning {audio.name}"):
                result = benchmark.recording(plan, settings, engine, make_normaliser(spoken, folder))
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        show_benchmark(out, result)
