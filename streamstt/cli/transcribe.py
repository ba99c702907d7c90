"""``streamstt transcribe``: writes down recordings."""

from pathlib import Path
from typing import Annotated

import typer

from streamstt.cli.interrupts import report_interrupt
from streamstt.cli.options import (
    ConfigOption,
    LanguageOption,
    ModelOption,
    SetOption,
    err,
    out,
    require_files,
    setting_overrides,
)
from streamstt.config.loader import load
from streamstt.errors import OutputError
from streamstt.subtitles.formats import Format, render
from streamstt.terminal.progress_bars import download_bars, transcribe_bar


def transcribe(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    files: Annotated[list[Path], typer.Argument(help="Recordings in any format that libsndfile reads.")],
    form: Annotated[Format, typer.Option("--format", metavar="txt|srt|vtt|json", help="What to write.")] = "txt",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write a file for each into this folder instead."),
    ] = None,
    config: ConfigOption = None,
    model: ModelOption = None,
    language: LanguageOption = None,
    assign: SetOption = None,
) -> None:
    """Transcribe recordings, to standard output or into files."""
    settings = load(setting_overrides(model=model, language=language, assign=assign), file=config).settings
    require_files(files)
    targets = _output_paths(files, output, form) if output else {}
    with report_interrupt("What was finished is whole; of the rest nothing was written."):
        from streamstt.recordings.transcribe import transcribe as transcribe_file  # noqa: PLC0415 - as in run
        from streamstt.whisper.loader import load_engine  # noqa: PLC0415

        with download_bars(err) as progress:
            engine = load_engine(settings.engine, progress)
        spoken = None if settings.engine.language == "auto" else settings.engine.language
        for path in files:
            with transcribe_bar(err, path.name) as advance:
                finals = transcribe_file(path, engine, settings.speech, spoken, advance, settings.words)
            _write_output(render(finals, form), targets.get(path))


def _output_paths(files: list[Path], folder: Path, form: str) -> dict[Path, Path]:
    """Where the text of each recording goes."""
    targets = {path: folder / f"{path.stem}.{form}" for path in files}
    twice = sorted({t.name for t in targets.values() if list(targets.values()).count(t) > 1})
    if twice:
        raise OutputError(f"two recordings would become {folder / twice[0]}; transcribe them one after the other")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror}; name another with --output") from error
    return targets


def _write_output(text: str, target: Path | None) -> None:
    """Prints it, or writes it: the whole file is there, or none is."""
    if target is None:
        typer.echo(text, nl=False)
        return
    begun = target.with_name(f".{target.name}.new")
    try:
        begun.write_text(text, encoding="utf-8")
        begun.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}; name another folder with --output") from error
    finally:
        begun.unlink(missing_ok=True)
    out.print(str(target), highlight=False, markup=False, soft_wrap=True)
