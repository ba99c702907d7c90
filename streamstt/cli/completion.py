"""``streamstt completion``: shell completion of commands, options and values."""

from contextlib import suppress
from typing import Annotated, Literal

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # it is there in every version

from streamstt.audio.devices.recorder_process import list_devices
from streamstt.config.settings import SECTIONS
from streamstt.errors import SourceError
from streamstt.terminal.device_tables import KIND_NAMES, source_input
from streamstt.whisper.checkpoints.names import LANGUAGES, REPOSITORIES

Suggestions = list[tuple[str, str]]
"""Values, each with its description."""

SOURCE_KINDS = [
    ("mic", "the default microphone"),
    ("monitor", "what the default output plays"),
    ("file:", "a recording"),
    ("url:", "a live stream: rtsp, rtmp, srt, http"),
    ("stdin", "raw audio from a pipe"),
    ("ws", "remote clients only"),
]


def complete_sources(incomplete: str) -> Suggestions:
    """Completes kinds of sources and the devices of this machine."""
    values = list(SOURCE_KINDS)
    if incomplete.startswith(("mic", "monitor")):
        with suppress(SourceError):  # the daemon will report it
            values += [
                (source_input(device), f"{KIND_NAMES[device.kind]}: {device.title}") for device in list_devices()
            ]
    return _filter_by_prefix(values, incomplete)


def complete_models(incomplete: str) -> Suggestions:
    """Completes short names of models and ``auto``."""
    auto = ("auto", "the largest that this machine carries live")
    return _filter_by_prefix([auto, *REPOSITORIES.items()], incomplete)


def complete_languages(incomplete: str) -> Suggestions:
    """Completes language codes and ``auto``."""
    return _filter_by_prefix([("auto", "detect it"), *((code, "") for code in LANGUAGES.split())], incomplete)


def complete_settings(incomplete: str) -> Suggestions:
    """Completes names of settings, up to the equals sign."""
    settings = [
        (f"{section}.{key}=", field.description or "")
        for section, model in SECTIONS.items()
        for key, field in model.model_fields.items()
    ]
    return _filter_by_prefix(settings, incomplete)


def _filter_by_prefix(values: Suggestions, incomplete: str) -> Suggestions:
    return [(value, text) for value, text in values if value.startswith(incomplete)]


PROGRAM = "streamstt"
COMPLETE_VARIABLE = "_STREAMSTT_COMPLETE"

# Bash splits "mic:USB" and "server.port=80" into several words. So the line is split at spaces only, and the part that
# bash considers complete is removed from each suggestion.
BASH_SCRIPT = """\
_streamstt_completion() {
    local line="${COMP_LINE:0:COMP_POINT}" current before
    local -a words
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current="${words[-1]}"
    before="${current%"${current##*[:=]}"}"
    local IFS=$'\\n'
    COMPREPLY=( $( env COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) \\
        _STREAMSTT_COMPLETE=complete_bash "$1" 2>/dev/null ) )
    COMPREPLY=( "${COMPREPLY[@]#"$before"}" )
    [[ ${COMPREPLY[0]} == *[:=] ]] && compopt -o nospace
    return 0
}
complete -o default -F _streamstt_completion streamstt
"""

Shell = Literal["bash", "zsh", "fish"]


def completion(shell: Annotated[Shell, typer.Argument(help="Shell.", show_default=False)]) -> None:
    """Print a script that makes a shell complete commands, options and values.

    For bash, in ~/.bashrc: eval "$(streamstt completion bash)". For zsh, in ~/.zshrc after compinit:
    eval "$(streamstt completion zsh)". For fish: streamstt completion fish > ~/.config/fish/completions/streamstt.fish
    """
    script = (
        BASH_SCRIPT
        if shell == "bash"
        else get_completion_script(prog_name=PROGRAM, complete_var=COMPLETE_VARIABLE, shell=shell)
    )
    typer.echo(script.strip())
