"""Turns signals into requests to stop, and to reload the settings."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def stop_on_signal() -> Iterator[asyncio.Event]:
    """Provides an event that SIGINT and SIGTERM set.

    A second signal ends the process at once; captions that are not final are lost.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)  # threads may hang, and nothing that matters is open
        log.info("%s: finishing the last captions; send it again to exit at once", number.name)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextmanager
def reload_on_signal() -> Iterator[asyncio.Event]:
    """Provides an event that SIGHUP sets.

    When started from a terminal, SIGHUP means that the terminal was closed: that is a request to stop.
    """
    loop = asyncio.get_running_loop()
    reload_requested = asyncio.Event()
    if any(os.isatty(descriptor) for descriptor in (0, 1, 2)):
        loop.add_signal_handler(signal.SIGHUP, signal.raise_signal, signal.SIGTERM)
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup has it ignored
        loop.add_signal_handler(signal.SIGHUP, reload_requested.set)
    try:
        yield reload_requested
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
