"""``streamstt completion``: what makes a shell complete this program's commands, options and values."""

from typing import Annotated, Literal

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # it is there in every version

PROGRAM = "streamstt"
VARIABLE = "_STREAMSTT_COMPLETE"

# Bash takes "mic:USB" and "server.port=80" for several words. So the line is split at spaces only, and what bash takes
# for words before is cut off from each answer.
BASH = """\
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
    script = BASH if shell == "bash" else get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell)
    typer.echo(script.strip())
