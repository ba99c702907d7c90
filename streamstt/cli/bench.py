"""``streamstt bench``: measures a recording."""

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
    config: ConfigOption = None,
    model: ModelOption = None,
    language: LanguageOption = None,
    assign: SetOption = None,
) -> None:
    """Measure how fast this machine is, or how good captions of a recording are and when they come."""
    settings = load(setting_overrides(model=model, language=language, assign=assign), file=config).settings
    require_files([audio] if audio else [])
    with report_interrupt("Nothing was measured to its end."):
        from streamstt.bench import benchmark  # noqa: PLC0415 - as in run
        from streamstt.whisper.checkpoints import search  # noqa: PLC0415
        from streamstt.whisper.loader import load_engine  # noqa: PLC0415
        from streamstt.whisper.normalizer import make_normalizer  # noqa: PLC0415

        with download_bars(err) as progress:
            engine = load_engine(settings.engine, progress)
        if audio is None:
            with err.status("measuring") as status:
                result = benchmark.measure_machine(settings, engine, lambda what: status.update(f"measuring {what}"))
        else:
            script = settings.engine.model.startswith("script:")
            folder = None if script else search.find(settings.engine.model).folder
            spoken = "en" if settings.engine.language == "auto" else settings.engine.language
            plan = benchmark.Plan(audio, reference, words, sources, offsets, decode_s, compare)
            with err.status(f"captioning {audio.name}"):
                result = benchmark.measure_recording(plan, settings, engine, make_normalizer(spoken, folder))
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        show_benchmark(out, result)
