"""What tests start ends with them, however they end."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support import guardian

FOLDER = str(Path(guardian.__file__).parent)
STARTS = """
import signal, subprocess, sys, time
import guardian
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background of a shell ignores it
guardian.guard()
grandchild = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", grandchild], start_new_session=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left(how: signal.Signals) -> None:
    """A grandchild in another session is gone soon after the process that it came of."""
    command = [sys.executable, "-c", f"import sys; sys.path.append({FOLDER!r})\n{STARTS}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdout
        left = psutil.Process(int(run.stdout.readline()))
        run.send_signal(how)
        run.wait()
    until = time.monotonic() + 60
    while lives(left):
        assert time.monotonic() < until, "it lives on"
        time.sleep(0.01)


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
