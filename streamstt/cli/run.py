"""``streamstt run``: captions audio sources and serves the captions."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

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
from streamstt.server.guests import make_invitation, other_addresses
from streamstt.server.tls import local_certificate
from streamstt.server.tokens import load_tokens, token_for, will_create_tokens
from streamstt.terminal.live_view import LiveView
from streamstt.terminal.progress_bars import download_bars
from streamstt.terminal.qr_code import show_qr_code
from streamstt.terminal.tty import TerminalModes, Tty


def run(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    config: ConfigOption = None,
    source: SourceOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    model: ModelOption = None,
    language: LanguageOption = None,
    rate: Annotated[int | None, typer.Option(help="Sample rate of standard input in Hz (s16le mono).")] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Caption files as fast as the engine can, instead of in real time.")
    ] = False,
    loop: Annotated[bool, typer.Option("--loop", help="Repeat files forever.")] = False,
    or_sample: Annotated[
        bool, typer.Option("--or-sample", help="If no microphone is found, caption a bundled recording in a loop.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Show only the log, without the live view.")] = False,
    assign: SetOption = None,
) -> None:
    """Caption audio sources and serve the captions."""
    overrides = setting_overrides(model=model, language=language, assign=assign)
    overrides += [(f"--{k}", f"server.{k}", v) for k, v in (("host", host), ("port", port)) if v is not None]
    details = {"rate": rate, "fast": fast or None, "loop": loop or None}
    extra = {key: value for key, value in details.items() if value is not None}
    if source:
        overrides.append(("--source", "source", [{"input": text, **extra} for text in source]))
    elif extra:
        raise ConfigError("--rate, --fast and --loop need a --source")
    logs.configure(LogSettings())
    with logs.log_fatal_errors():
        if or_sample and not source:
            overrides += _sample_options(load(overrides, file=config).settings)
        _run_daemon(lambda: load(overrides, file=config).settings, plain=plain)


def _run_daemon(load_settings: Callable[[], Settings], *, plain: bool) -> None:
    """Runs the daemon.

    Args:
        load_settings: Loads the settings, at the start and on each reload.
        plain: Whether to show the log only.
    """
    settings = load_settings()
    logs.configure(settings.log)
    new_tokens = will_create_tokens(settings.server)
    from streamstt.diagnostics.preflight import require_startable  # noqa: PLC0415 - as below

    require_startable(settings)
    load_tokens(settings.server)  # created before the slow start
    # Until the daemon is ready Ctrl-C loses nothing, and a download in a thread must not delay it.
    signal.signal(signal.SIGINT, _exit_at_once)
    view = None if plain else _make_live_view(settings)
    from streamstt.daemon import app  # noqa: PLC0415 - torch takes seconds to import: help and errors come first

    with download_bars(err) if err.is_terminal else nullcontext(LogProgress()) as progress:
        ready = partial(announce, settings, new_tokens)
        asyncio.run(
            app.run(settings, DaemonHooks(ready, load_settings, progress, SystemdNotifier.from_environment(), view))
        )


def _exit_at_once(number: int, _: object) -> None:
    """Exits at once; shows the cursor, which a progress bar hides."""
    err.show_cursor()
    os._exit(128 + number)


def _make_live_view(settings: Settings) -> LiveView | None:
    """Makes a live view if the daemon runs interactively in the foreground of a terminal."""
    interactive = out.is_terminal and err.is_terminal and not err.is_dumb_terminal
    if (
        not interactive
        or settings.output.stdout
        or settings.log.format != "auto"
        or is_service(os.environ, os.getpid())
    ):
        return None
    if not TerminalModes(2).is_foreground:
        return None  # in the background it would draw over the output of other programs
    try:
        return LiveView(Tty(2))
    except OSError:
        return None


def announce(settings: Settings, new_tokens: bool, address: str) -> None:
    """Prints the addresses, and a QR code for phones.

    A token is printed only if it is new and on a terminal, as piped output may end in a log. The code, which is for a
    terminal anyway, always has a viewer's.
    """
    tokens = load_tokens(settings.server)
    console = err if settings.output.stdout else out  # standard output may be reserved for captions
    token = f"?token={token_for(tokens, Role.VIEWER)}" if tokens and new_tokens and console.is_terminal else ""
    lines = [f"Captions: {address}{token}", f"Overlay:  {address}overlay{token}"]
    port = urlsplit(address).port or {"http": 80, "https": 443}[urlsplit(address).scheme]
    invitation = make_invitation(settings.server, port, tokens)
    lines += [f"Also at:  {other}" for other in other_addresses(settings.server, port, address)]
    if tokens:
        lines.append(f"Tokens:   {tokens.location} (viewers need one)")
    if invitation.addresses and local_certificate(settings.server):
        lines.append(f"Trust:    {address}trust (open it once on each phone)")
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
    if invitation.addresses:
        show_qr_code(console, invitation.link(invitation.addresses[0]))
    console.file.flush()


def _sample_options(settings: Settings) -> list[tuple[str, str, Any]]:
    """Returns an override with the bundled recording if the default microphone is wanted and there is none."""
    if [s.input for s in settings.source] != ["mic"]:
        return []
    try:
        has_microphone = any(device.kind == "mic" for device in list_devices())
        problem = "" if has_microphone else "No microphone was found"
    except SourceError as error:
        problem = str(error)
    if not problem:
        return []
    err.print(
        f"{problem}.\nCaptioning a bundled recording in a loop instead, so that you can see how it works.",
        markup=False,
        soft_wrap=True,
    )
    sample = {"input": f"file:{welcome()}", "name": "sample", "label": "Sample", "language": "en", "loop": True}
    return [("--or-sample", "source", [sample])]
