"""How commands end when somebody presses Ctrl-C."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.text import Text

from streamstt.cli.options import err

EXIT_INTERRUPTED, EXIT_TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # as shells count


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Ctrl-C is how this is meant to end: no error, and nothing to say. SIGTERM ends it as well as it can.

    Raises:
        Exit: With code 0.
        SystemExit: By SIGTERM.
    """
    signal.signal(signal.SIGTERM, _exit_on_sigterm)  # else it would leave a terminal without cursor
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(0) from interrupt


@contextmanager
def stop_event() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that nothing is left half drawn."""
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def report_interrupt(message: str) -> Iterator[None]:
    """Ctrl-C breaks this off: says how things were left.

    Args:
        message: A sentence.

    Raises:
        Exit: With code 130.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        err.print(Text(f"Interrupted. {message}"), soft_wrap=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt


def _exit_on_sigterm(*_: object) -> None:
    sys.exit(EXIT_TERMINATED)
