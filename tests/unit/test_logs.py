"""How log records look."""

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
    """The journal gets syslog's levels, and no time, for it has its own."""
    assert FORMATTERS["journal"].format(record(level, "It is so.")) == f"<{priority}>It is so."


def test_journal_lines() -> None:
    """Each line of a traceback has the level, for the journal makes an entry of each."""
    lines = FORMATTERS["journal"].format(record(logging.ERROR, "first\nsecond", error=ValueError("third"))).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("<3>") for line in lines)


def test_json_is_one_line() -> None:
    """A record with a traceback is one object on one line."""
    text = FORMATTERS["json"].format(record(logging.ERROR, "first\nsecond", error=ValueError("Grüße")))
    assert "\n" not in text
    fields = json.loads(text)
    assert fields["level"] == "error"
    assert fields["logger"] == "streamstt.x"
    assert fields["message"] == "first\nsecond"
    assert fields["exception"] == "ValueError: Grüße"
    assert fields["time"].endswith("+00:00")


@pytest.mark.parametrize("form", ["human", "journal"])
def test_strangers_cannot_draw(form: str) -> None:
    """Control characters, which could move the cursor of whoever reads the log, are written out."""
    text = FORMATTERS[form].format(record(logging.INFO, "client \x1b[2Jx\r\x9b1m"))
    assert r"client \x1b[2Jx\x0d\x9b1m" in text


def test_the_journal_is_found() -> None:
    """Only if standard error is the very stream that systemd announced; a setting stands above it."""
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
logging.getLogger("stranger").info("chatter")
raise RuntimeError("the end")
"""


def test_what_nobody_caught() -> None:
    """A failed thread, a failed task, a failed callback and the end of the process are records, each on one line."""
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
    assert not any("chatter" in r["message"] for r in records), "libraries speak from warnings upwards"
    assert any("old" in r["message"] for r in records)
    assert done.returncode == 1


def test_a_download_is_told_in_tenths(caplog: pytest.LogCaptureFixture) -> None:
    """Where no terminal shows a bar, the log says how far a model is, in few lines."""
    caplog.set_level(logging.INFO, "streamstt.progress")
    fetching = LogProgress()
    for done in range(101):
        fetching("base", done, 100)
    assert len(caplog.messages) == 11
    assert caplog.messages[5] == "fetching base: 50%"
