"""``streamstt transcribe``: transcribes recordings."""

import sys
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
    setting_overrides,
)
from streamstt.config.loader import load
from streamstt.errors import EngineError, OutputError, SourceError, StreamsttError
from streamstt.subtitles.formats import Format, render
from streamstt.terminal.progress_bars import download_bars, transcribe_bar

STANDARD_INPUT = Path("/dev/stdin")


def transcribe(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    files: Annotated[
        list[Path], typer.Argument(help="Recordings or videos, in nearly any format; - is standard input.")
    ],
    file_format: Annotated[Format, typer.Option("--format", metavar="txt|srt|vtt|json", help="Output format.")] = "txt",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write one file per recording into this folder instead."),
    ] = None,
    track: Annotated[
        int, typer.Option(metavar="N", min=0, help="Audio track of a video, from 1 on; 0: its default one.")
    ] = 0,
    config: ConfigOption = None,
    model: ModelOption = None,
    language: LanguageOption = None,
    assign: SetOption = None,
) -> None:
    """Transcribe recordings, to standard output or into files. What cannot be read does not stop the others."""
    settings = load(setting_overrides(model=model, language=language, assign=assign), file=config).settings
    files = [STANDARD_INPUT if str(path) == "-" else path for path in files]
    errors: list[StreamsttError] = []  # of single files: the others are done nevertheless
    files = _readable(files, errors)
    targets = _output_paths(files, output, file_format) if output else {}
    with report_interrupt("Finished files are complete; nothing was written for the others."):
        from streamstt.recordings.transcribe import transcribe as transcribe_file  # noqa: PLC0415 - as in run
        from streamstt.whisper.loader import load_engine  # noqa: PLC0415
        from streamstt.whisper.model_choice import make_demand  # noqa: PLC0415

        with download_bars(err) as progress:
            engine = load_engine(settings.engine, progress, make_demand(settings))
        language_code = None if settings.engine.language == "auto" else settings.engine.language

        def report(problem: str, is_damage: bool) -> None:
            if is_damage:
                errors.append(SourceError(problem))
            else:
                err.print(problem, highlight=False, markup=False, soft_wrap=True)

        for path in files:
            try:
                with transcribe_bar(err, path.name) as advance:
                    finals = transcribe_file(
                        path, engine, settings.speech, language_code, advance, settings.words, report, track
                    )
                _write_output(render(finals, file_format), targets.get(path))
            except (SourceError, EngineError, OutputError) as error:
                errors.append(error)
    if errors:
        raise type(errors[0])("\n".join(map(str, errors)))


def _readable(files: list[Path], errors: list[StreamsttError]) -> list[Path]:
    """Returns the files that exist, before a slow start; adds an error for each of the others.

    Raises:
        SourceError: None does.
    """
    readable = []
    for path in files:
        if path.is_dir():
            errors.append(SourceError(f"{path} is a folder; name the recordings in it: {path}/*"))
        elif path == STANDARD_INPUT and sys.stdin and sys.stdin.isatty():
            errors.append(SourceError("standard input is a terminal; direct a recording to it: ... | streamstt"))
        elif not path.exists():
            errors.append(SourceError(f"there is no file {path}"))
        else:
            readable.append(path)
    if not readable:
        raise SourceError("\n".join(map(str, errors)))
    return readable


def _output_paths(files: list[Path], folder: Path, file_format: str) -> dict[Path, Path]:
    """Returns the output file of each recording; creates the folder.

    Raises:
        OutputError: Two recordings have the same output file, or the folder cannot be created.
    """
    targets = {path: folder / f"{path.stem}.{file_format}" for path in files}
    duplicates = sorted({t.name for t in targets.values() if list(targets.values()).count(t) > 1})
    if duplicates:
        raise OutputError(
            f"two recordings have the same output file {folder / duplicates[0]}; transcribe them into different folders"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot create folder {folder}: {error.strerror}; choose another one with --output"
        ) from error
    return targets


def _write_output(text: str, target: Path | None) -> None:
    """Prints the text, or writes it to a file that appears only when it is complete."""
    if target is None:
        typer.echo(text, nl=False)
        return
    temporary = target.with_name(f".{target.name}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}; choose another folder with --output") from error
    finally:
        temporary.unlink(missing_ok=True)
    out.print(str(target), highlight=False, markup=False, soft_wrap=True)
