"""Runs many commands quickly: a process that has imported the command line forks for each of them.

Each command is run by a process of its own, from ``main`` to its exit code; only Python's start and the imports, a
second of processor time, are saved. Variables that a library reads when it is imported (``HF_HOME``) have no effect.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from streamstt.cli.app import main
from tests.support.daemon import environment
from tests.support.paths import ROOT


@dataclass(frozen=True)
class CompletedCommand:
    """Exit code and output of a command, named as in ``subprocess.CompletedProcess``."""

    returncode: int
    stdout: str
    stderr: str


class CommandServer:
    """The process that forks; a context manager."""

    def __enter__(self) -> "CommandServer":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.command_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def run(self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> CompletedCommand:
        """Runs a command to its end."""
        assert self._process.stdin
        assert self._process.stdout
        request = {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return CompletedCommand(**json.loads(self._process.stdout.readline()))


@cache
def _shared_server() -> CommandServer:
    server = CommandServer().__enter__()
    atexit.register(server.__exit__)
    return server


def run_forked(*arguments: str, env: Mapping[str, str] | None = None) -> CompletedCommand:
    """Runs a command to its end, in the checkout, with the variables of ``env`` in addition to this process's."""
    return _shared_server().run(arguments, ROOT, env or {})


def _child(request: dict, out: int, err: int) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(request["cwd"])
    os.environ.update(request["env"])
    sys.argv = ["streamstt", *request["arguments"]]
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as Python does it: a traceback, and 1
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if not child:
                _child(request, out.fileno(), err.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode(errors="replace"))
        sys.stdout.write(json.dumps({"returncode": code, "stdout": texts[0], "stderr": texts[1]}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
