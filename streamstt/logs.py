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

from streamstt.config.settings import LogSettings
from streamstt.errors import StreamsttError

CAPTION_LOGGER = "streamstt.spoken"  # the logger of what was said; silent unless ``log.text`` is set
JOURNAL_PRIORITY = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
}  # sd-daemon(3); others: 7
ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in {9, 10}}

log = logging.getLogger(__name__)


PLAIN_FORMATTER = logging.Formatter("%(message)s")  # with the traceback behind it, if there is one
DATED_FORMATTER = logging.Formatter("%(asctime)s %(levelname)s %(message)s")


def human_line(record: logging.LogRecord) -> str:
    """Time, level, message; without what could move a terminal's cursor, for some of it comes from strangers."""
    return DATED_FORMATTER.format(record).translate(ESCAPES)


def journal_lines(record: logging.LogRecord) -> str:
    """The level as a prefix that journald understands, on each line, for it makes an entry of each; it has the time."""
    priority = next((p for level, p in JOURNAL_PRIORITY.items() if record.levelno >= level), 7)
    lines = PLAIN_FORMATTER.format(record).translate(ESCAPES).splitlines() or [""]
    return "\n".join(f"<{priority}>{line}" for line in lines)


def json_line(record: logging.LogRecord) -> str:
    """An object on one line: ``time`` (ISO 8601), ``level``, ``logger``, ``message``, and ``exception`` if one is."""
    fields = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    if record.exc_info:
        fields["exception"] = PLAIN_FORMATTER.formatException(record.exc_info)
    return json.dumps(fields, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Formatter:
    """A format as ``logging`` takes it."""

    write: Callable[[logging.LogRecord], str]

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return self.write(record)


FORMATTERS: Mapping[str, Formatter] = {
    "human": Formatter(human_line),
    "journal": Formatter(journal_lines),
    "json": Formatter(json_line),
}


def choose_formatter(settings: LogSettings, stderr: os.stat_result, environ: Mapping[str, str]) -> Formatter:
    """The format that is wanted: ``auto`` is the journal's if standard error goes there, else for people.

    Args:
        settings: The ``[log]`` section.
        stderr: What standard error is; a program may have redirected it since the journal was announced.
        environ: The process's environment.
    """
    if settings.format != "auto":
        return FORMATTERS[settings.format]
    return FORMATTERS["journal" if environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}" else "human"]


def configure(settings: LogSettings) -> None:
    """Sends this process's log to standard error as the settings say; may be called again.

    From now on, whatever nobody caught is logged with its traceback, as one record; and a process that crashes or is
    aborted, as a watchdog does, says where each thread was.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.formatter = choose_formatter(settings, os.fstat(2), os.environ)  # type: ignore[assignment]  # it only has to format
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("streamstt").setLevel(level)
    spoken = logging.getLogger(CAPTION_LOGGER)
    spoken.setLevel(logging.INFO)  # asked for, it is shown at any level
    spoken.disabled = not settings.text
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_thread_error
    sys.unraisablehook = _log_unraisable
    faulthandler.enable()


def install_loop_handler() -> None:
    """Has the running event loop log what nobody caught."""
    asyncio.get_running_loop().set_exception_handler(_log_loop_error)


@contextmanager
def log_fatal_errors() -> Iterator[None]:
    """Logs the error that ends the process, unless it is a person who reads: ``cli`` prints it for them.

    Raises:
        SystemExit: With the error's exit code, when it was logged.
    """
    try:
        yield
    except StreamsttError as error:
        if human_line in {getattr(handler.formatter, "write", human_line) for handler in logging.getLogger().handlers}:
            raise
        log.critical("%s", error)
        sys.exit(error.exit_code)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("the daemon ends by a mistake of its own", exc_info=(kind, error, trace))


def _log_thread_error(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_value is None or issubclass(uncaught.exc_type, SystemExit):
        return
    name = uncaught.thread.name if uncaught.thread else "?"
    log.error("thread %s failed", name, exc_info=(uncaught.exc_type, uncaught.exc_value, uncaught.exc_traceback))


def _log_unraisable(unraisable: Any) -> None:  # its type exists for type checkers only
    error = unraisable.exc_value
    exc_info = (unraisable.exc_type, error, unraisable.exc_traceback) if error else None
    log.error("%s", unraisable.err_msg or "an error where none can be raised", exc_info=exc_info)


def _log_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What ended a task that nobody waits for, or a callback."""
    error = context.get("exception")
    exc_info = (type(error), error, error.__traceback__) if error else None
    log.error("%s", context.get("message") or "the event loop failed", exc_info=exc_info)
