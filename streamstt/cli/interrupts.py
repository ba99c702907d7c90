"""Handling of Ctrl-C and SIGTERM in commands."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.text import Text

from streamstt.cli.options import err

EXIT_INTERRUPTED, EXIT_TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # as in shells


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Treats Ctrl-C as the normal end, without a message.

    Raises:
        Exit: Ctrl-C was pressed; with code 0.
        SystemExit: SIGTERM was received; with code 143.
    """
    signal.signal(signal.SIGTERM, _exit_on_sigterm)  # by default the cursor would stay hidden
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(0) from interrupt


@contextmanager
def stop_event() -> Iterator[threading.Event]:
    """Provides an event that Ctrl-C and SIGTERM set, so that a drawing is always completed."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def report_interrupt(message: str) -> Iterator[None]:
    """Reports an interruption by Ctrl-C.

    Args:
        message: A sentence about what was completed.

    Raises:
        Exit: Ctrl-C was pressed; with code 130.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        err.print(Text(f"Interrupted. {message}"), soft_wrap=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt


def _exit_on_sigterm(*_: object) -> None:
    sys.exit(EXIT_TERMINATED)
