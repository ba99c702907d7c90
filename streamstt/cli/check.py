"""``streamstt check``: checks whether this machine is ready for captions."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

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
from streamstt.config.server import ServerSettings, local_address
from streamstt.config.settings import Settings
from streamstt.diagnostics.facts import Fact, SettingsFact
from streamstt.diagnostics.probes import fetch_health, gather
from streamstt.diagnostics.verdicts import Finding, Verdict, exit_code, make_findings
from streamstt.errors import ConfigError, ServerError, StreamsttError
from streamstt.terminal.reports import show_findings

JSON_VERDICTS: dict[Verdict, str] = {"ok": "good", "warn": "look", "fail": "bad"}


def check(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    config: ConfigOption = None,
    source: SourceOption = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    model: ModelOption = None,
    language: LanguageOption = None,
    assign: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    health: Annotated[
        bool, typer.Option("--health", help="Only ask the running daemon: exit code 0 if it is ready.")
    ] = False,
) -> None:
    """Check whether this machine is ready for captions, and show how to fix what is not.

    Takes a few seconds: it records from the microphone and loads the model. It downloads and changes nothing.
    """
    overrides = setting_overrides(model=model, language=language, assign=assign)
    overrides += [("--port", "server.port", port)] if port is not None else []
    overrides += [("--source", "source", [{"input": text} for text in source])] if source else []
    if health:
        _show_health(load(overrides, file=config).settings.server)
    settings, settings_fact = _load_settings(overrides, config)
    with err.status("Recording, and loading the model"):
        findings = make_findings(gather(settings, settings_fact, _probe_engine))
    code = exit_code(findings)
    if as_json:
        typer.echo(json.dumps({"ready": not code, "checks": [_to_json(finding) for finding in findings]}, indent=1))
    else:
        show_findings(out, findings)
    sys.exit(code)


def _show_health(server: ServerSettings) -> NoReturn:
    """Prints the health of the daemon with these settings, and exits: with 0 if it is ready.

    Raises:
        ServerError: No daemon answers.
    """
    state = fetch_health(server)
    if not state:
        raise ServerError(f"no daemon answers at {local_address(server)}; start one with: streamstt run")
    out.print(state, highlight=False, markup=False, soft_wrap=True)
    sys.exit(0 if state.startswith("ready") else StreamsttError.exit_code)


def _to_json(finding: Finding) -> dict[str, Any]:
    """Returns a finding under the names that ``--json`` has always had."""
    return {
        "name": finding.name,
        "verdict": JSON_VERDICTS[finding.verdict],
        "says": finding.message,
        "remedy": finding.fix,
        "exit_code": finding.exit_code,
    }


def _probe_engine(settings: Settings) -> list[Fact]:
    from streamstt.diagnostics.engine_probe import probe_engine  # noqa: PLC0415 - torch takes seconds to import

    return probe_engine(settings)


def _load_settings(overrides: list[tuple[str, str, Any]], config: Path | None) -> tuple[Settings, SettingsFact]:
    """Loads the settings; if they are invalid, returns the defaults and the error."""
    try:
        loaded = load(overrides, file=config)
    except ConfigError as error:
        return Settings(), SettingsFact(problem=str(error))
    return loaded.settings, SettingsFact(tuple(sorted(set(loaded.origins.values()))))
