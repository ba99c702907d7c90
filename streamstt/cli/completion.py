"""``streamstt completion``: what makes a shell complete this program's commands, options and values."""

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
"""What may be typed, and what it is."""


SOURCE_KINDS = [
    ("mic", "the default microphone"),
    ("monitor", "what the default output plays"),
    ("file:", "a recording"),
    ("stdin", "raw audio from a pipe"),
    ("ws", "remote clients only"),
]


def complete_sources(incomplete: str) -> Suggestions:
    """Kinds of sources, and the devices there are."""
    values = list(SOURCE_KINDS)
    if incomplete.startswith(("mic", "monitor")):
        with suppress(SourceError):  # the daemon will say why
            values += [
                (source_input(device), f"{KIND_NAMES[device.kind]}: {device.title}") for device in list_devices()
            ]
    return _filter_by_prefix(values, incomplete)


def complete_models(incomplete: str) -> Suggestions:
    """Short names."""
    return _filter_by_prefix(list(REPOSITORIES.items()), incomplete)


def complete_languages(incomplete: str) -> Suggestions:
    """Codes, and ``auto``."""
    return _filter_by_prefix([("auto", "detect it"), *((code, "") for code in LANGUAGES.split())], incomplete)


def complete_settings(incomplete: str) -> Suggestions:
    """Names of settings, up to the equals sign."""
    named = [
        (f"{section}.{key}=", field.description or "")
        for section, model in SECTIONS.items()
        for key, field in model.model_fields.items()
    ]
    return _filter_by_prefix(named, incomplete)


def _filter_by_prefix(values: Suggestions, incomplete: str) -> Suggestions:
    return [(value, text) for value, text in values if value.startswith(incomplete)]


PROGRAM = "streamstt"
COMPLETE_VARIABLE = "_STREAMSTT_COMPLETE"

# Bash takes "mic:USB" and "server.port=80" for several words. So the line is split at spaces only, and what bash takes
# for words before is cut off from each answer.
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


def completion(shell: Annotated[Shell, typer.Argument(help="Whose.", show_default=False)]) -> None:
    """Print what makes a shell complete commands, options and values.

    For bash, in ~/.bashrc: eval "$(streamstt completion bash)". For zsh, in ~/.zshrc after compinit:
    eval "$(streamstt completion zsh)". For fish: streamstt completion fish > ~/.config/fish/completions/streamstt.fish
    """
    script = (
        BASH_SCRIPT
        if shell == "bash"
        else get_completion_script(prog_name=PROGRAM, complete_var=COMPLETE_VARIABLE, shell=shell)
    )
    typer.echo(script.strip())
