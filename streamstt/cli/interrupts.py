"""How commands end when somebody presses Ctrl-C."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.text import Text

from streamstt.cli.options import err

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # as shells count


@contextmanager
def ended_by_hand() -> Iterator[None]:
    """Ctrl-C is how this is meant to end: no error, and nothing to say. SIGTERM ends it as well as it can.

    Raises:
        Exit: With code 0.
        SystemExit: By SIGTERM.
    """
    signal.signal(signal.SIGTERM, _terminated)  # else it would leave a terminal without cursor
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(0) from interrupt


@contextmanager
def asked_to_end() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that nothing is left half drawn."""
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interrupted(left: str) -> Iterator[None]:
    """Ctrl-C breaks this off: says how things were left.

    Args:
        left: A sentence.

    Raises:
        Exit: With code 130.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        err.print(Text(f"Interrupted. {left}"), soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from interrupt


def _terminated(*_: object) -> None:
    sys.exit(TERMINATED)
