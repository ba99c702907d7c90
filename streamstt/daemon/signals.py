"""What signals ask for: to stop, and to read the settings again."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def stop_on_signal() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set. A second signal leaves at once, losing what is not final."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)  # threads may hang; nothing that matters is open
        log.info("%s: finishing the last captions; once more to leave at once", number.name)
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
    """An event that SIGHUP sets. Where there is a terminal, SIGHUP says that it was closed: that asks to stop."""
    loop = asyncio.get_running_loop()
    wanted = asyncio.Event()
    if any(os.isatty(descriptor) for descriptor in (0, 1, 2)):
        loop.add_signal_handler(signal.SIGHUP, signal.raise_signal, signal.SIGTERM)
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        loop.add_signal_handler(signal.SIGHUP, wanted.set)
    try:
        yield wanted
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
