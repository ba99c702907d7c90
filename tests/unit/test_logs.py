"""Formats of the log, and what is logged."""

import json
import logging
import os
import subprocess
import sys

import pytest

from streamstt.config.settings import LogSettings
from streamstt.logs import FORMATTERS, choose_formatter
from streamstt.progress import LogProgress


def record(level: int, message: str, *, error: Exception | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("streamstt.x", level, "x.py", 1, message, (), exc_info)


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)],
)
def test_journal_levels(level: int, priority: int) -> None:
    """The journal gets syslog's levels, and no time: it adds its own."""
    assert FORMATTERS["journal"].format(record(level, "It is so.")) == f"<{priority}>It is so."


def test_journal_lines() -> None:
    """Each line of a traceback begins with the level: the journal makes an entry of each line."""
    lines = FORMATTERS["journal"].format(record(logging.ERROR, "first\nsecond", error=ValueError("third"))).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("<3>") for line in lines)


def test_json_is_one_line() -> None:
    """A record with a traceback is one JSON object on one line."""
    text = FORMATTERS["json"].format(record(logging.ERROR, "first\nsecond", error=ValueError("Grüße")))
    assert "\n" not in text
    fields = json.loads(text)
    assert fields["level"] == "error"
    assert fields["logger"] == "streamstt.x"
    assert fields["message"] == "first\nsecond"
    assert fields["exception"] == "ValueError: Grüße"
    assert fields["time"].endswith("+00:00")


@pytest.mark.parametrize("log_format", ["human", "journal"])
def test_controls_are_escaped(log_format: str) -> None:
    """Control characters, which could control the reader's terminal, are escaped."""
    text = FORMATTERS[log_format].format(record(logging.INFO, "client \x1b[2Jx\r\x9b1m"))
    assert r"client \x1b[2Jx\x0d\x9b1m" in text


def test_the_journal_is_detected() -> None:
    """The format is the journal's only if standard error is the stream that systemd announced; a setting overrides."""
    here = os.stat(".")
    journal = {"JOURNAL_STREAM": f"{here.st_dev}:{here.st_ino}"}
    assert choose_formatter(LogSettings(), here, journal) is FORMATTERS["journal"]
    assert choose_formatter(LogSettings(), here, {"JOURNAL_STREAM": "1:2"}) is FORMATTERS["human"]
    assert choose_formatter(LogSettings(), here, {}) is FORMATTERS["human"]
    assert choose_formatter(LogSettings(format="json"), here, journal) is FORMATTERS["json"]


BROKEN = """
import asyncio, logging, threading, warnings
from streamstt import logs
from streamstt.config.settings import LogSettings
logs.configure(LogSettings(format="json"))
thread = threading.Thread(target=lambda: 1 / 0, name="capture-x")
thread.start()
thread.join()
async def forgotten():
    raise KeyError("task")
async def main():
    logs.install_loop_handler()
    task = asyncio.ensure_future(forgotten())
    await asyncio.sleep(0)
    del task
    asyncio.get_running_loop().call_soon(lambda: [][1])
    await asyncio.sleep(0)
asyncio.run(main())
warnings.warn("old")
logging.getLogger("library").info("chatter")
raise RuntimeError("the end")
"""


def test_uncaught_exceptions() -> None:
    """Uncaught exceptions of a thread, a task, a callback and the program are logged, each as one line."""
    done = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True, timeout=180, check=False)
    records = [json.loads(line) for line in done.stderr.splitlines()]
    raised = [r["exception"].splitlines()[-1] for r in records if "exception" in r]
    assert set(raised) == {
        "ZeroDivisionError: division by zero",
        "KeyError: 'task'",
        "IndexError: list index out of range",
        "RuntimeError: the end",
    }
    assert records[0]["message"] == "thread capture-x failed"
    assert not any("chatter" in r["message"] for r in records), "libraries log warnings and above only"
    assert any("old" in r["message"] for r in records)
    assert done.returncode == 1


def test_progress_of_a_download(caplog: pytest.LogCaptureFixture) -> None:
    """Without a terminal, the progress of a download is logged every 10 %."""
    caplog.set_level(logging.INFO, "streamstt.progress")
    progress = LogProgress()
    for done in range(101):
        progress("base", done, 100)
    assert len(caplog.messages) == 11
    assert caplog.messages[5] == "fetching base: 50%"
