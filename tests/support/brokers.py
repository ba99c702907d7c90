"""Real message brokers on this machine, which can be killed and started again with their data."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.support.forked import Daemon

START_S = 90
SECRET = "open-sesame-4711"


def redis_command(port: int, folder: Path) -> list[str]:
    """Command that starts Redis; it stores every entry on disk before it replies."""
    options = {"port": str(port), "bind": "127.0.0.1", "dir": str(folder), "requirepass": SECRET}
    options["set-proc-title"] = (
        "no"  # a title would overwrite the environment, by which the tests recognize their processes
    )
    options |= {"appendonly": "yes", "appendfsync": "always", "save": ""}
    return ["redis-server", *(part for key, value in options.items() for part in (f"--{key}", value))]


def nats_command(port: int, folder: Path) -> list[str]:
    """Command that starts NATS with JetStream, stored in files."""
    file = folder / "nats.conf"
    file.write_text(
        f'listen: "127.0.0.1:{port}"\nauthorization {{ token: "{SECRET}" }}\njetstream {{ store_dir: "{folder}" }}\n'
    )
    return ["nats-server", "-c", str(file)]


def mosquitto_command(port: int, folder: Path) -> list[str]:
    """Command that starts Mosquitto; messages waiting for clients are stored on disk at once."""
    file = folder / "mosquitto.conf"
    file.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
        "autosave_interval 1\nautosave_on_changes true\nuser root\n"
    )
    return ["mosquitto", "-c", str(file)]


COMMANDS: dict[str, Callable[[int, Path], list[str]]] = {
    "redis": redis_command,
    "nats": nats_command,
    "mqtt": mosquitto_command,
}


def free_port() -> int:
    """Returns a free port that the system gives to no other process while the server on it is down.

    It is below the range that the kernel chooses from (``ip_local_port_range``).
    """
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Broker:
    """A broker that keeps its data in a folder, and its port across restarts; a context manager."""

    def __init__(self, kind: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.port = free_port()
        self._command = COMMANDS[kind](self.port, folder)
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.kind = kind
        self.url = f"{kind}://127.0.0.1:{self.port}"
        self._secret = folder / "secret"
        self._secret.write_text(f"{SECRET}\n")

    @property
    def settings(self) -> list[str]:
        """Options for daemons and edges that use it, without its address."""
        return [] if self.kind == "mqtt" else ["--set", f"{self.kind}.password_file={self._secret}"]

    def start(self) -> None:
        """Starts the broker; returns when it accepts connections."""
        with self._log.open("ab") as log:
            path = f"{os.environ['PATH']}:/usr/sbin"  # where Debian installs servers
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=os.environ | {"PATH": path})
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"{self._command[0]} did not start: {self._log.read_text()}")

    def kill(self) -> None:
        """Kills the broker, as a power failure would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def edge(broker: Broker, *more: str) -> Daemon:
    """Starts an edge: ``streamstt serve`` with captions from the broker."""
    return Daemon("--from", broker.url, *broker.settings, *more, verb="serve")
