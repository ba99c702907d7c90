"""Configures the log: formats for people, for the journal, or JSON lines. Captions are logged only if asked for.

``log.level`` applies to this program's loggers. Libraries log warnings and above only, because nobody here controls
what their debug messages reveal.
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
from streamstt.text.characters import escape_controls

CAPTION_LOGGER = "streamstt.spoken"  # logger of final captions; silent unless ``log.text`` is set
# Level to priority (sd-daemon(3)); all lower levels are 7.
JOURNAL_PRIORITY = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6}
PLAIN_FORMATTER = logging.Formatter("%(message)s")  # followed by the traceback, if there is one
DATED_FORMATTER = logging.Formatter("%(asctime)s %(levelname)s %(message)s")

log = logging.getLogger(__name__)


def human_line(record: logging.LogRecord) -> str:
    """Formats a record for people: time, level, message. Escapes control characters, which clients may send."""
    return escape_controls(DATED_FORMATTER.format(record))


def journal_lines(record: logging.LogRecord) -> str:
    """Formats a record for journald, which makes each line an entry: each begins with the level, none has the time."""
    priority = next((p for level, p in JOURNAL_PRIORITY.items() if record.levelno >= level), 7)
    lines = escape_controls(PLAIN_FORMATTER.format(record)).splitlines() or [""]
    return "\n".join(f"<{priority}>{line}" for line in lines)


def json_line(record: logging.LogRecord) -> str:
    """Formats a record as a JSON object: ``time`` (ISO 8601), ``level``, ``logger``, ``message``, any ``exception``."""
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
    """Adapts a function to the formatter interface of ``logging``.

    Attributes:
        render: Makes the text of a record.
    """

    render: Callable[[logging.LogRecord], str]

    def format(self, record: logging.LogRecord) -> str:
        """Returns the text of a record."""
        return self.render(record)


FORMATTERS: Mapping[str, Formatter] = {
    "human": Formatter(human_line),
    "journal": Formatter(journal_lines),
    "json": Formatter(json_line),
}


def choose_formatter(settings: LogSettings, stderr: os.stat_result, environ: Mapping[str, str]) -> Formatter:
    """Chooses the format: ``auto`` is the journal's if standard error goes to the journal, else human.

    Args:
        settings: The ``[log]`` section.
        stderr: Status of standard error: it may have been redirected since ``JOURNAL_STREAM`` was set.
        environ: Environment of the process.
    """
    if settings.format != "auto":
        return FORMATTERS[settings.format]
    return FORMATTERS["journal" if environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}" else "human"]


def configure(settings: LogSettings) -> None:
    """Sets up logging to standard error; may be called again.

    Uncaught exceptions are logged with their traceback as one record, and a process that crashes or is aborted, for
    example by a watchdog, prints where each thread was.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.formatter = choose_formatter(settings, os.fstat(2), os.environ)  # type: ignore[assignment]  # it only has to format
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("streamstt").setLevel(level)
    captions = logging.getLogger(CAPTION_LOGGER)
    captions.setLevel(logging.INFO)  # if enabled, captions are logged at any level
    captions.disabled = not settings.text
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_thread_error
    sys.unraisablehook = _log_unraisable
    faulthandler.enable()


def install_loop_handler() -> None:
    """Makes the running event loop log uncaught exceptions of tasks and callbacks."""
    asyncio.get_running_loop().set_exception_handler(_log_loop_error)


@contextmanager
def log_fatal_errors() -> Iterator[None]:
    """Logs the error that ends the process, unless the log is for people: then ``cli`` prints it.

    Raises:
        SystemExit: The error was logged; with its exit code.
        StreamsttError: The log is for people.
    """
    try:
        yield
    except StreamsttError as error:
        if human_line in {getattr(handler.formatter, "render", human_line) for handler in logging.getLogger().handlers}:
            raise
        log.critical("%s", error)
        sys.exit(error.exit_code)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("the daemon ends because of a bug", exc_info=(kind, error, trace))


def _log_thread_error(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_value is None or issubclass(uncaught.exc_type, SystemExit):
        return
    name = uncaught.thread.name if uncaught.thread else "?"
    log.error("thread %s failed", name, exc_info=(uncaught.exc_type, uncaught.exc_value, uncaught.exc_traceback))


def _log_unraisable(unraisable: Any) -> None:  # its type exists for type checkers only
    error = unraisable.exc_value
    exc_info = (unraisable.exc_type, error, unraisable.exc_traceback) if error else None
    log.error("%s", unraisable.err_msg or "exception ignored", exc_info=exc_info)


def _log_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs the exception of a callback, or of a task that is not awaited."""
    error = context.get("exception")
    exc_info = (type(error), error, error.__traceback__) if error else None
    log.error("%s", context.get("message") or "the event loop failed", exc_info=exc_info)
