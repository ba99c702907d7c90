"""Kills the processes that a test run has started, however the run ends: by Ctrl-C, kill -9 or a crash.

Each process of the run has a guardian, which waits until that process is gone and then kills its descendants. It
recognizes them by an environment variable, which every process inherits.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

VARIABLE = "STARTED_BY_TESTS"  # a mark of each pytest process above it, the innermost last
ROUNDS = 200
PAUSE_S = 0.05


def guard() -> None:
    """Marks this process and those that it starts from now on, and starts its guardian."""
    mark = f"{os.getpid()}-{secrets.token_hex(8)}"
    reading, _ = os.pipe()  # no other process has the other end, which is closed when this process is gone
    subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, mark],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},  # without the mark: guardians do not kill each other
        cwd="/",
        start_new_session=True,  # Ctrl-C is not meant for it
    )
    os.close(reading)
    os.environ[VARIABLE] = ":".join(filter(None, (os.environ.get(VARIABLE), mark)))


def mark() -> str:
    """Returns the innermost mark of this process, or an empty text if it has no guardian."""
    return os.environ.get(VARIABLE, "").rpartition(":")[2]


def _marked(mark: str) -> list[int]:
    """Returns the processes that have the mark; those that have exited but not been waited for have no environment."""
    processes = []
    wanted = mark.encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                variables = (entry / "environ").read_bytes().split(b"\0")
                if any(v.startswith(f"{VARIABLE}=".encode()) and wanted in v for v in variables):
                    processes.append(int(entry.name))
    return processes


def _mounts(mark: str) -> list[str]:
    """Returns where file systems are mounted whose device is named by the mark."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [place for device, place, *_ in map(str.split, lines) if device == mark]


def _wait_and_end(mark: str) -> None:
    sys.stdin.buffer.read()
    for _ in range(ROUNDS):  # a process may have started another one just before it was killed
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
