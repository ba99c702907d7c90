"""Real message brokers of this machine: started, killed, and started again where they were."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.support.daemon import Daemon

START_S = 90
SECRET = "open-sesame-4711"


def redis_command(port: int, folder: Path) -> list[str]:
    """Every entry is on disk before Redis answers."""
    options = {"port": str(port), "bind": "127.0.0.1", "dir": str(folder), "requirepass": SECRET}
    options["set-proc-title"] = "no"  # it would lie over the environment, by which it is known to be ours
    options |= {"appendonly": "yes", "appendfsync": "always", "save": ""}
    return ["redis-server", *(part for key, value in options.items() for part in (f"--{key}", value))]


def nats_command(port: int, folder: Path) -> list[str]:
    """JetStream in files."""
    file = folder / "nats.conf"
    file.write_text(
        f'listen: "127.0.0.1:{port}"\nauthorization {{ token: "{SECRET}" }}\njetstream {{ store_dir: "{folder}" }}\n'
    )
    return ["nats-server", "-c", str(file)]


def mosquitto_command(port: int, folder: Path) -> list[str]:
    """What waits for clients is on disk at once."""
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
    """One that the system gives to nobody else while the broker is dead: below those of ``ip_local_port_range``."""
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Broker:
    """One that keeps what it has in a folder, and its port for as long as it lives; a context manager."""

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
        """How daemons and edges find it, but for the address."""
        return [] if self.kind == "mqtt" else ["--set", f"{self.kind}.password_file={self._secret}"]

    def start(self) -> None:
        """Returns when it listens."""
        with self._log.open("ab") as log:
            path = f"{os.environ['PATH']}:/usr/sbin"  # Debian's place for servers
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=os.environ | {"PATH": path})
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"{self._command[0]} does not start: {self._log.read_text()}")

    def kill(self) -> None:
        """As a power cut would end it."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def edge(broker: Broker, *more: str) -> Daemon:
    """``streamstt serve``, which takes captions from it."""
    return Daemon("--from", broker.url, *broker.settings, *more, verb="serve")
