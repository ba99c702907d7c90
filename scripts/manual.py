"""Prints the man page, made of the commands' own help: ``python scripts/manual.py > docs/streamstt.1``."""

import inspect
import sys
import textwrap
from typing import Any

import typer

from streamstt.cli.app import app
from streamstt.version import __version__

WIDTH = 78  # characters of a line of the source
EXIT_CODES = (
    ("0", "Stopped as asked; of check: this machine is ready."),
    ("2", "A wrong option."),
    ("3", "A source cannot be read."),
    ("4", "The model or the engine failed."),
    ("5", "The port is taken, or no daemon answers."),
    ("6", "Transcripts cannot be written."),
    ("7", "The service manager refuses."),
    ("78", "The configuration is wrong; a service manager should not try again."),
    ("130", "Interrupted by Ctrl-C before it was done."),
)
FILES = (
    ("/etc/streamstt/streamstt.toml", "Settings of the machine."),
    ("~/.config/streamstt/streamstt.toml", "Settings of the user; streamstt config default prints one to begin with."),
    ("~/.cache/streamstt/models", "Models."),
    ("~/.local/state/streamstt", "Transcripts and tokens, unless settings name another folder."),
)
ENVIRONMENT = (
    ("STREAMSTT_SECTION__KEY", "Any setting, such as STREAMSTT_SERVER__PORT."),
    ("STREAMSTT_TOKEN", "The token of listen and mark."),
    ("NO_COLOR", "If it is set, nothing is coloured."),
    ("HF_HUB_OFFLINE", "If it is 1, no model is fetched."),
)


def escape_roff(text: str) -> str:
    """Text as roff prints it as it is."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("'", "\\(aq")
    lines = textwrap.wrap(plain, WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in lines)


def entry(term: str, text: str) -> list[str]:
    """A term and what it is."""
    return [".TP", term, escape_roff(text)]


def command_lines(name: str, command: Any) -> list[str]:
    """A section of one command."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden and p.name != "help"]
    lines = [f".SS {escape_roff(' '.join([name, *map(usage, arguments)]))}"]
    for i, paragraph in enumerate(inspect.cleandoc(command.help or "").split("\n\n")):
        lines += [".PP"] * (i > 0) + [escape_roff(" ".join(paragraph.split()))]
    for argument in arguments:
        if getattr(argument, "help", None):
            lines += entry(f"\\fI{escape_roff(argument.name.upper())}\\fP", argument.help)
    for option in options:
        flags = ", ".join(f"\\fB{escape_roff(flag)}\\fP" for flag in option.opts)
        value = "" if option.is_flag else f" \\fI{escape_roff(value_name(option))}\\fP"
        lines += entry(flags + value, option.help or "")
    return lines


def usage(argument: Any) -> str:
    """An argument in the line that shows how the command is used."""
    name = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def value_name(option: Any) -> str:
    """What an option takes."""
    return str(option.metavar or option.name).upper().replace(" ", "_")


def page() -> list[str]:
    """The whole page."""
    root: Any = typer.main.get_command(app)
    lines = [
        ".\\\" Made by scripts/manual.py of the commands' help; do not edit.",
        f'.TH STREAMSTT 1 "" "streamstt {__version__}" "User Commands"',
        ".SH NAME",
        "streamstt \\- live captions while people are still speaking",
        ".SH SYNOPSIS",
        "\\fBstreamstt\\fP \\fICOMMAND\\fP [\\fIOPTIONS\\fP]",
        ".SH DESCRIPTION",
        escape_roff(root.help),
        escape_roff("The captions page, the overlay, transcripts, and health come over HTTP; captions over WebSocket."),
        ".SH COMMANDS",
    ]
    for name, command in root.commands.items():
        for inner, below in getattr(command, "commands", {}).items():
            lines += command_lines(f"{name} {inner}", below)
        if not hasattr(command, "commands"):
            lines += command_lines(name, command)
    for title, entries in (("EXIT STATUS", EXIT_CODES), ("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        lines.append(f".SH {title}")
        for term, text in entries:
            lines += entry(f"\\fB{escape_roff(term)}\\fP", text)
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
