"""``streamstt run``: listen, and serve captions."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Annotated, Any

import typer

from streamstt import logs
from streamstt.audio.devices.recorder_process import list_devices
from streamstt.captioning.setup import is_service
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
from streamstt.config.settings import LogSettings, Settings
from streamstt.daemon.hooks import DaemonHooks
from streamstt.daemon.systemd import SystemdNotifier
from streamstt.errors import ConfigError, SourceError
from streamstt.progress import LogProgress
from streamstt.samples import welcome
from streamstt.server.access import Role
from streamstt.server.tokens import load_tokens, token_for, will_create_tokens
from streamstt.terminal.live_view import LiveView
from streamstt.terminal.progress_bars import download_bars
from streamstt.terminal.tty import TerminalModes, Tty


def run(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    config: ConfigOption = None,
    source: SourceOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    model: ModelOption = None,
    language: LanguageOption = None,
    rate: Annotated[int | None, typer.Option(help="Sample rate of standard input (s16le mono).")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Files as fast as the engine can, not in real time.")] = False,
    loop: Annotated[bool, typer.Option("--loop", help="Files from the start again at their end.")] = False,
    or_sample: Annotated[
        bool, typer.Option("--or-sample", help="Without a microphone, caption a bundled recording in a loop.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="The log only, no live view, at a terminal too.")] = False,
    assign: SetOption = None,
) -> None:
    """Listen, and serve captions."""
    chosen = setting_overrides(model=model, language=language, assign=assign)
    chosen += [(f"--{k}", f"server.{k}", v) for k, v in (("host", host), ("port", port)) if v is not None]
    details = {"rate": rate, "fast": fast or None, "loop": loop or None}
    extra = {key: value for key, value in details.items() if value is not None}
    if source:
        chosen.append(("--source", "source", [{"input": text, **extra} for text in source]))
    elif extra:
        raise ConfigError("--rate, --fast and --loop belong to a --source")
    logs.configure(LogSettings())
    with logs.log_fatal_errors():
        if or_sample and not source:
            chosen += _sample_options(load(chosen, file=config).settings)
        _run_daemon(lambda: load(chosen, file=config).settings, plain=plain)


def _run_daemon(load_settings: Callable[[], Settings], *, plain: bool) -> None:
    """Runs the daemon with the settings that ``read`` gives, now and when it is told to read them again."""
    settings = load_settings()
    logs.configure(settings.log)
    new_tokens = will_create_tokens(settings.server)  # made now, so that mistakes are told before the slow start
    load_tokens(settings.server)
    # Until the daemon is ready nothing is lost by Ctrl-C, and a download in a thread must not hold it up.
    signal.signal(signal.SIGINT, _exit_at_once)
    view = None if plain else _make_live_view(settings)
    from streamstt.daemon import app  # noqa: PLC0415 - torch takes seconds to import: help and mistakes come first

    with download_bars(err) if err.is_terminal else nullcontext(LogProgress()) as progress:
        ready = partial(announce, settings, new_tokens)
        asyncio.run(
            app.run(settings, DaemonHooks(ready, load_settings, progress, SystemdNotifier.from_environment(), view))
        )


def _exit_at_once(number: int, _: object) -> None:
    """Ends at once, with a cursor: a bar hides it."""
    err.show_cursor()
    os._exit(128 + number)


def _make_live_view(settings: Settings) -> LiveView | None:
    """One, if a person sits in front of this program, and no other program reads what it writes."""
    lively = out.is_terminal and err.is_terminal and not err.is_dumb_terminal
    if not lively or settings.output.stdout or settings.log.format != "auto" or is_service(os.environ, os.getpid()):
        return None
    if not TerminalModes(2).is_foreground:
        return None  # in the background it would draw over what others write
    try:
        return LiveView(Tty(2))
    except OSError:
        return None


def announce(settings: Settings, new_tokens: bool, address: str) -> None:
    """Prints where captions are; new tokens once, and to a person only: what is piped may end in a log."""
    keys = load_tokens(settings.server)
    to = err if settings.output.stdout else out  # that is for captions then, and nothing else
    token = f"?token={token_for(keys, Role.VIEWER)}" if keys and new_tokens and to.is_terminal else ""
    to.print(f"Captions: {address}{token}\nOverlay:  {address}overlay{token}", highlight=False, soft_wrap=True)
    if keys:
        to.print(f"Tokens:   {keys.location} (viewers need one)", highlight=False, soft_wrap=True)
    to.file.flush()


def _sample_options(settings: Settings) -> list[tuple[str, str, Any]]:
    """The bundled recording in place of a default microphone that is not there."""
    if [s.input for s in settings.source] != ["mic"]:
        return []
    try:
        found = [d for d in list_devices() if d.kind == "mic"]
        why = "" if found else "This machine has no microphone that can be seen"
    except SourceError as error:
        why = str(error)
    if not why:
        return []
    err.print(
        f"{why}.\nCaptioning a bundled recording instead, in a loop, so that you can see it work.",
        markup=False,
        soft_wrap=True,
    )
    sample = {"input": f"file:{welcome()}", "name": "sample", "label": "Sample", "loop": True}
    return [("--or-sample", "source", [sample])]
