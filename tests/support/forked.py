"""Starts ``streamstt`` quickly: a process that has imported it forks for each daemon and command.

Each is a process of its own, from ``main`` to the end of the interpreter, with its own environment, folder and
standard streams; only Python's start and the imports are saved: most of a second of processor time, and three seconds
if torch and transformers have been imported, too, for those that ask for it. These do not notice variables that a
library reads when it is imported, such as ``HF_HOME``, and none has colors on a terminal.
"""

import atexit
import gc
import json
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from streamstt.__main__ import main
from tests.support import daemon
from tests.support.daemon import command, environment
from tests.support.paths import ROOT

IMPORTED = ("streamstt.cli.app", "streamstt.daemon.app", "streamstt.daemon.edge", "streamstt.engine.scripted")
TORCH = "streamstt.diagnostics.engine_probe"  # imports torch, transformers and our engine
RUN_S = 300  # as in ``daemon.run``


def can_fork(args: Sequence[str]) -> bool:
    """Whether it is a command of ``streamstt``, or a program given as text, which should import ``streamstt``."""
    return list(args[:3]) == command() or list(args[:2]) == [sys.executable, "-c"]


class Process:
    """A forked process, with the members of ``subprocess.Popen`` that tests use."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
        stdout: int | IO[Any] = subprocess.DEVNULL,
        stderr: int | IO[Any] = subprocess.DEVNULL,
        cwd: str | None = None,
        text: bool = False,
        torch: bool = False,
    ) -> None:
        assert can_fork(args)
        self.args = list(args)
        self.returncode: int | None = None
        self._waiting = threading.Lock()
        self._control, theirs = socket.socketpair()
        given: list[int] = []  # closed here once they have been sent
        mode = ("w", "r") if text else ("wb", "rb")

        def end(stream: int | IO[Any], *, written: bool) -> tuple[int, IO[Any] | None]:
            """Returns what the process gets, and the other end of a pipe."""
            if stream == subprocess.PIPE:
                reading, writing = os.pipe()
                given.append(reading if written else writing)
                return given[-1], open(writing if written else reading, mode[0 if written else 1])
            if stream == subprocess.DEVNULL:
                given.append(os.open(os.devnull, os.O_RDWR))
                return given[-1], None
            return (stream if isinstance(stream, int) else stream.fileno()), None

        ends = [end(stdin, written=True), end(stdout, written=False), end(stderr, written=False)]
        self.stdin, self.stdout, self.stderr = (ours for _, ours in ends)
        request = {"args": self.args[1:], "env": dict(env), "cwd": cwd or os.getcwd()}
        fds = [fd for fd, _ in ends] + [theirs.fileno()]
        socket.send_fds(_server(torch)[0], [json.dumps(request).encode()], fds)
        for fd in given:
            os.close(fd)
        theirs.close()
        self.pid = int.from_bytes(self._control.recv(4, socket.MSG_WAITALL), "little")

    def poll(self) -> int | None:
        """Returns the exit code, or None while it runs."""
        return self._receive(0)

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its exit; returns the exit code."""
        code = self._receive(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def _receive(self, timeout: float | None) -> int | None:
        with self._waiting:
            if self.returncode is None:
                self._control.settimeout(timeout)
                try:
                    answer = self._control.recv(4)
                except (BlockingIOError, TimeoutError):
                    return None
                assert len(answer) == 4, "the process that forks has gone"
                self.returncode = int.from_bytes(answer, "little", signed=True)
                self._control.close()
            return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has exited."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Asks it to stop."""
        self.send_signal(signal.SIGTERM)


@cache
def _server(torch: bool = False) -> tuple[socket.socket, str]:
    """Starts the process that forks, once; returns the connection to it, and the address for others."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    address = f"\0streamstt-{secrets.token_hex(8)}"
    listener.bind(address)
    listener.listen()
    fds = (theirs.fileno(), listener.fileno())
    more = [TORCH] if torch else []
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.forked", *map(str, fds), *more],
        cwd=ROOT, env=environment(), pass_fds=fds, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    theirs.close()
    listener.close()

    @atexit.register
    def stop() -> None:
        ours.close()
        process.wait(daemon.STOP_S)

    return ours, address


SHIM = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
    control.connect({address!r})
    args = ["-m", "streamstt", *sys.argv[1:]]
    request = {{"args": args, "env": dict(os.environ), "cwd": os.getcwd()}}
    socket.send_fds(control, [json.dumps(request).encode()], [0, 1, 2])
    control.recv(4)
    sys.exit(int.from_bytes(control.recv(4), "little", signed=True))
"""


def write_shim(file: Path) -> None:
    """Writes an executable that does what ``streamstt`` does, in a forked process, for shells."""
    file.write_text(SHIM.format(python=sys.executable, address=_server()[1]))
    file.chmod(0o755)


def start(args: Sequence[str], **options: Any) -> Any:
    """Starts a process as ``subprocess.Popen`` does: forked if possible."""
    return (Process if can_fork(args) else subprocess.Popen)(args, **options)


class Daemon(daemon.Daemon):
    """``streamstt run`` as a forked process."""

    popen = staticmethod(start)


class WhisperDaemon(Daemon):
    """The same with real weights: torch has been imported."""

    popen = staticmethod(partial(start, torch=True))


def run(*arguments: str, env: Mapping[str, str] | None = None, torch: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return finish(command(*arguments), env, torch=torch)


def finish(
    args: Sequence[str], env: Mapping[str, str] | None = None, *, cwd: Path = ROOT, torch: bool = False
) -> subprocess.CompletedProcess[str]:
    """As ``run``, with a whole command line; its output goes to files."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = Process(args, env=environment(env), stdout=out, stderr=err, cwd=str(cwd), torch=torch)
        try:
            code = process.wait(RUN_S)
        finally:
            process.kill()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(process.args, code, *texts)


# ---- in the process that forks


def _become(request: dict[str, Any], fds: list[int]) -> list[str]:
    """Makes this forked process what was requested; returns the arguments of Python."""
    for target, fd in enumerate(fds[:3]):
        os.dup2(fd, target)
    for fd in fds:
        os.close(fd)
    sys.stdout.reconfigure(line_buffering=os.isatty(1) or "PYTHONUNBUFFERED" in request["env"])  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    return list(request["args"])


def _serve(connection: socket.socket, listener: socket.socket) -> list[str]:
    """Forks for each request until the connection is closed.

    Returns:
        In a forked process: the arguments of Python. In the one that forks: nothing.
    """
    waking, wakeup = os.pipe()
    os.set_blocking(waking, False)
    os.set_blocking(wakeup, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup)
    controls: dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()
    selector.register(connection, selectors.EVENT_READ)
    selector.register(listener, selectors.EVENT_READ)
    selector.register(waking, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is waking:
                os.read(waking, 4096)
                _report_exits(controls)
            else:
                if key.fileobj is connection:
                    data, fds, _, _ = socket.recv_fds(connection, 1 << 20, 4)
                    if not data:
                        return []
                else:
                    client = listener.accept()[0]
                    data, fds, _, _ = socket.recv_fds(client, 1 << 20, 3)
                    fds.append(client.detach())
                pid = os.fork()
                if not pid:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for inherited in (selector, connection, listener, *controls.values()):
                        inherited.close()
                    os.close(waking)
                    os.close(wakeup)
                    return _become(json.loads(data), fds)
                for fd in fds[:3]:
                    os.close(fd)
                controls[pid] = socket.socket(fileno=fds[3])
                with suppress(OSError):  # it has gone already
                    controls[pid].send(pid.to_bytes(4, "little"))


def _report_exits(controls: dict[int, socket.socket]) -> None:
    for pid, control in list(controls.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with control, suppress(OSError):  # nobody waits for it any longer
                control.send(os.waitstatus_to_exitcode(status).to_bytes(4, "little", signed=True))
            del controls[pid]


def _import_all(*more: str) -> None:
    """Imports what a daemon imports while it starts; model libraries only if asked for."""
    for name in (*IMPORTED, *more):
        import_module(name)
    heavy = {"torch", "transformers", "huggingface_hub", "sounddevice"} & set(sys.modules)
    assert bool(heavy) == bool(more), heavy


def _be_python(args: list[str]) -> None:
    """Does what Python does with ``-m streamstt ...`` or ``-c code ...``."""
    if args[0] == "-m":
        sys.argv = args[1:]
        main()
    else:
        sys.argv = ["-c", *args[2:]]
        exec(compile(args[1], "<string>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    _import_all(*sys.argv[3:])
    gc.collect()
    gc.freeze()
    if given := _serve(*(socket.socket(fileno=int(fd)) for fd in sys.argv[1:3])):
        _be_python(given)
