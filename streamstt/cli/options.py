"""What several commands share: the consoles, and options that set settings."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from streamstt.cli import completion
from streamstt.config.settings import INPUTS
from streamstt.errors import ConfigError, SourceError

# Text is printed as it is, also [fd00::2] in an address, and :AB: in a fingerprint.
out, err = Console(markup=False, emoji=False), Console(stderr=True, markup=False, emoji=False)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Read only this configuration file, not the usual ones.")
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help='Short name, Hugging Face id, folder, or "auto".',
        autocompletion=completion.complete_models,
    ),
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="CODE",
        help='Language code such as "en", or "auto".',
        autocompletion=completion.complete_languages,
    ),
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source", metavar="SOURCE", help=f"{INPUTS}; may be repeated.", autocompletion=completion.complete_sources
    ),
]
URL_HELP = "Port, HOST, HOST:PORT, or URL of a daemon; default: the one with your settings."
TokenOption = Annotated[
    str,
    typer.Option(
        metavar="TOKEN",
        envvar="STREAMSTT_TOKEN",
        show_default=False,
        help="Access token, if the daemon requires one; may also be in the URL. That of your own daemon is found.",
    ),
]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        metavar="FILE",
        help="Certificate to trust (PEM), for another daemon with a self-signed one.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="Override any setting; may be repeated.",
        autocompletion=completion.complete_settings,
    ),
]


def setting_overrides(
    *, model: str | None, language: str | None, assign: list[str] | None
) -> list[tuple[str, str, Any]]:
    """Returns the settings that command line options override: (option, setting, value)."""
    pairs = (("--model", "engine.model", model), ("--language", "engine.language", language))
    overrides: list[tuple[str, str, Any]] = [p for p in pairs if p[2] is not None]
    for text in assign or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text!r}: expected SECTION.KEY=VALUE, for example --set speech.vad_mode=2")
        overrides.append((f"--set {key}", key, value))
    return overrides


def require_files(files: list[Path]) -> None:
    """Checks that all files exist, before a slow start.

    Raises:
        SourceError: A file is missing, or is a folder.
    """
    folders = [str(f) for f in files if f.is_dir()]
    if folders:
        raise SourceError(f"{', '.join(folders)} is a folder; name the recordings in it: {folders[0]}/*")
    missing = [str(f) for f in files if not f.is_file()]
    if missing:
        raise SourceError(f"there is no file {', '.join(missing)}")
