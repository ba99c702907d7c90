"""Ends what a test run has started, whatever ends the run: Ctrl-C, kill -9, a crash.

Each process of the run has a guardian, which waits until that process is gone, and then kills all that came of it. It
knows them by a variable of their environment, which is handed down from process to process.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

VARIABLE = "STARTED_BY_TESTS"  # a mark for each process of pytest above it, the innermost last
ROUNDS = 200
PAUSE_S = 0.05


def guard() -> None:
    """Marks this process and what it starts from now on, and starts its guardian."""
    mark = f"{os.getpid()}-{secrets.token_hex(8)}"
    reading, _ = os.pipe()  # nobody else has the other end: it is closed when this process is gone
    subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, mark],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},  # without the mark: a guardian ends no guardian
        cwd="/",
        start_new_session=True,  # Ctrl-C is not meant for it
    )
    os.close(reading)
    os.environ[VARIABLE] = ":".join(filter(None, (os.environ.get(VARIABLE), mark)))


def mark() -> str:
    """The innermost mark of this process; empty without a guardian."""
    return os.environ.get(VARIABLE, "").rpartition(":")[2]


def _marked(mark: str) -> list[int]:
    """The processes that have the mark; one that is over, and only waits for its parent, has no environment."""
    found = []
    wanted = mark.encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                variables = (entry / "environ").read_bytes().split(b"\0")
                if any(v.startswith(f"{VARIABLE}=".encode()) and wanted in v for v in variables):
                    found.append(int(entry.name))
    return found


def _mounts(mark: str) -> list[str]:
    """Where disks lie that were mounted with the mark as their name."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [place for device, place, *_ in map(str.split, lines) if device == mark]


def _wait_and_end(mark: str) -> None:
    sys.stdin.buffer.read()
    for _ in range(ROUNDS):  # what is killed may have started another one just before
        marked = _marked(mark)
        if not marked:
            break
        for process in marked:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(PAUSE_S)
    for place in _mounts(mark):
        subprocess.run(["umount", "--lazy", place], check=False, env={"PATH": os.defpath})


if __name__ == "__main__":
    _wait_and_end(sys.argv[1])
