"""How the daemon's own messages look: for people, for the journal, or a JSON object a line. Never what was spoken.

Settings of the level are for this program's loggers; libraries speak from warnings upwards only, for nobody here can
say what their debugging shows.
"""

import asyncio
import faulthandler
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from streamstt.config.settings import Log
from streamstt.errors import StreamsttError

SPOKEN = "streamstt.spoken"  # the logger of what was said; silent unless ``log.text`` is set
PRIORITY = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6}  # sd-daemon(3); others: 7
HARMLESS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in {9, 10}}

log = logging.getLogger(__name__)


PLAIN = logging.Formatter("%(message)s")  # with the traceback behind it, if there is one
DATED = logging.Formatter("%(asctime)s %(levelname)s %(message)s")


def for_people(record: logging.LogRecord) -> str:
    """Time, level, message; without what could move a terminal's cursor, for some of it comes from strangers."""
    return DATED.format(record).translate(HARMLESS)


def for_journal(record: logging.LogRecord) -> str:
    """The level as a prefix that journald understands, on each line, for it makes an entry of each; it has the time."""
    priority = next((p for level, p in PRIORITY.items() if record.levelno >= level), 7)
    lines = PLAIN.format(record).translate(HARMLESS).splitlines() or [""]
    return "\n".join(f"<{priority}>{line}" for line in lines)


def as_json(record: logging.LogRecord) -> str:
    """An object on one line: ``time`` (ISO 8601), ``level``, ``logger``, ``message``, and ``exception`` if one is."""
    fields = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    if record.exc_info:
        fields["exception"] = PLAIN.formatException(record.exc_info)
    return json.dumps(fields, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Form:
    """A format as ``logging`` takes it."""

    write: Callable[[logging.LogRecord], str]

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return self.write(record)


FORMS: Mapping[str, Form] = {"human": Form(for_people), "journal": Form(for_journal), "json": Form(as_json)}


def form_of(settings: Log, stderr: os.stat_result, environ: Mapping[str, str]) -> Form:
    """The format that is wanted: ``auto`` is the journal's if standard error goes there, else for people.

    Args:
        settings: The ``[log]`` section.
        stderr: What standard error is; a program may have redirected it since the journal was announced.
        environ: The process's environment.
    """
    if settings.format != "auto":
        return FORMS[settings.format]
    return FORMS["journal" if environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}" else "human"]


def configure(settings: Log) -> None:
    """Sends this process's log to standard error as the settings say; may be called again.

    From now on, whatever nobody caught is logged with its traceback, as one record; and a process that crashes or is
    aborted, as a watchdog does, says where each thread was.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.formatter = form_of(settings, os.fstat(2), os.environ)  # type: ignore[assignment]  # it only has to format
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("streamstt").setLevel(level)
    spoken = logging.getLogger(SPOKEN)
    spoken.setLevel(logging.INFO)  # asked for, it is shown at any level
    spoken.disabled = not settings.text
    logging.captureWarnings(True)
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_thread
    sys.unraisablehook = _on_unraisable
    faulthandler.enable()


def watch_loop() -> None:
    """Has the running event loop log what nobody caught."""
    asyncio.get_running_loop().set_exception_handler(_on_loop)


@contextmanager
def fatal_errors() -> Iterator[None]:
    """Logs the error that ends the process, unless it is a person who reads: ``cli`` prints it for them.

    Raises:
        SystemExit: With the error's exit code, when it was logged.
    """
    try:
        yield
    except StreamsttError as error:
        if for_people in {getattr(handler.formatter, "write", for_people) for handler in logging.getLogger().handlers}:
            raise
        log.critical("%s", error)
        sys.exit(error.exit_code)


def _on_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("the daemon ends by a mistake of its own", exc_info=(kind, error, trace))


def _on_thread(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_value is None or issubclass(uncaught.exc_type, SystemExit):
        return
    name = uncaught.thread.name if uncaught.thread else "?"
    log.error("thread %s failed", name, exc_info=(uncaught.exc_type, uncaught.exc_value, uncaught.exc_traceback))


def _on_unraisable(unraisable: Any) -> None:  # its type exists for type checkers only
    error = unraisable.exc_value
    exc_info = (unraisable.exc_type, error, unraisable.exc_traceback) if error else None
    log.error("%s", unraisable.err_msg or "an error where none can be raised", exc_info=exc_info)


def _on_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What ended a task that nobody waits for, or a callback."""
    error = context.get("exception")
    exc_info = (type(error), error, error.__traceback__) if error else None
    log.error("%s", context.get("message") or "the event loop failed", exc_info=exc_info)
