"""``streamstt bench``: measures this machine, or captions of a recording."""

import json
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
from streamstt.terminal.progress_bars import download_bars
from streamstt.terminal.reports import show_benchmark


def bench(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    audio: Annotated[
        Path | None, typer.Argument(help="Recording to caption; without one, the speed of this machine is measured.")
    ] = None,
    reference: Annotated[Path | None, typer.Option(help="Exact text of the recording, as a text file.")] = None,
    words: Annotated[
        Path | None, typer.Option(help='Its words with times, as JSON: [{"text", "start", "end"}, ...].')
    ] = None,
    sources: Annotated[int, typer.Option(min=1, help="Number of simultaneous sources.")] = 1,
    offsets: Annotated[int, typer.Option(min=1, help="Number of runs, each with a slightly shifted recording.")] = 1,
    decode_s: Annotated[
        float, typer.Option(min=0, help="Simulate decodes of this duration (s) instead of measuring them.")
    ] = 0,
    compare: Annotated[
        str, typer.Option(metavar="MODEL", help="Also transcribe the file with faster-whisper and this model.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: ConfigOption = None,
    model: ModelOption = None,
    language: LanguageOption = None,
    assign: SetOption = None,
) -> None:
    """Measure the speed of this machine, or the quality and delay of the captions of a recording."""
    settings = load(setting_overrides(model=model, language=language, assign=assign), file=config).settings
    require_files([audio] if audio else [])
    with report_interrupt("The measurement is incomplete."):
        from streamstt.bench import benchmark  # noqa: PLC0415 - as in run
        from streamstt.whisper.checkpoints import search  # noqa: PLC0415
        from streamstt.whisper.loader import load_engine  # noqa: PLC0415
        from streamstt.whisper.model_choice import make_demand  # noqa: PLC0415
        from streamstt.whisper.normalizer import make_normalizer  # noqa: PLC0415

        with download_bars(err) as progress:
            engine = load_engine(settings.engine, progress, make_demand(settings))
        if audio is None:
            with err.status("measuring") as status:
                result = benchmark.measure_machine(settings, engine, lambda stage: status.update(f"measuring {stage}"))
        else:
            is_script = settings.engine.model.startswith("script:")
            folder = None if is_script else search.find(engine.info.model).folder
            language_code = "en" if settings.engine.language == "auto" else settings.engine.language
            plan = benchmark.Plan(audio, reference, words, sources, offsets, decode_s, compare)
            with err.status(f"captioning {audio.name}"):
                result = benchmark.measure_recording(plan, settings, engine, make_normalizer(language_code, folder))
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        show_benchmark(out, result)
