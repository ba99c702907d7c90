"""``streamstt check``: is this machine ready for captions?"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from streamstt.cli.options import (
    ConfigOption,
    LanguageOption,
    ModelOption,
    SetOption,
    SourceOption,
    err,
    out,
    setting_overrides,
)
from streamstt.config.loader import load
from streamstt.config.settings import Settings
from streamstt.diagnostics.facts import Fact, SettingsFact
from streamstt.diagnostics.probes import gather
from streamstt.diagnostics.verdicts import exit_code, make_findings
from streamstt.errors import ConfigError
from streamstt.terminal.reports import show_findings


def check(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    config: ConfigOption = None,
    source: SourceOption = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    model: ModelOption = None,
    language: LanguageOption = None,
    assign: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Tell whether this machine is ready for captions, and what to do if it is not.

    Takes some seconds: it listens to the microphone, and loads the model. Nothing is fetched, nothing is changed.
    """
    chosen = setting_overrides(model=model, language=language, assign=assign)
    chosen += [("--port", "server.port", port)] if port is not None else []
    chosen += [("--source", "source", [{"input": text} for text in source])] if source else []
    settings, about = _load_settings(chosen, config)
    with err.status("Listening, and loading the model"):
        findings = make_findings(gather(settings, about, _probe_engine))
    code = exit_code(findings)
    if as_json:
        typer.echo(json.dumps({"ready": not code, "checks": [asdict(f) for f in findings]}, indent=1))
    else:
        show_findings(out, findings)
    sys.exit(code)


def _probe_engine(settings: Settings) -> list[Fact]:
    from streamstt.diagnostics.engine_probe import probe_engine  # noqa: PLC0415 - torch takes seconds to import

    return probe_engine(settings)


def _load_settings(chosen: list[tuple[str, str, Any]], config: Path | None) -> tuple[Settings, SettingsFact]:
    """The settings in force, or the defaults and what is wrong with those that are meant."""
    try:
        loaded = load(chosen, file=config)
    except ConfigError as error:
        return Settings(), SettingsFact(problem=str(error))
    return loaded.settings, SettingsFact(tuple(sorted(set(loaded.origins.values()))))
