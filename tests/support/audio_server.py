"""A real sound server of the test's own, PulseAudio or PipeWire; what is played to its null sink is heard by a
microphone."""

import asyncio
import os
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from tests.support.paths import DATA

START_S = 90
ROOM = "module-null-sink sink_name=room rate=16000 channels=1"

# A server that was stopped catches up at full speed. Too much processor time would have it killed: by the kernel if it
# is a real-time process, otherwise by its own limit.
UNLIMITED = ("--realtime=no", "--high-priority=no", "--no-cpu-limit=yes")


class AudioServer:
    """Starts, stops and kills the server; a context manager."""

    def __init__(self, folder: Path, system: Literal["pulseaudio", "pipewire"] = "pulseaudio") -> None:
        folder.chmod(0o700)
        self._folder = folder
        self._system = system
        self._processes: list[subprocess.Popen[bytes]] = []
        self._helpers: list[subprocess.Popen[bytes]] = []

    @property
    def env(self) -> dict[str, str]:
        """Environment for a program that uses this server, with the null sink as its microphone."""
        return self.plain_env | {"PULSE_SOURCE": "room.monitor"}

    @property
    def plain_env(self) -> dict[str, str]:
        """Environment for a program that uses this server and its default devices."""
        return {
            "XDG_RUNTIME_DIR": str(self._folder),
            "PULSE_RUNTIME_PATH": str(self._folder),
            "PULSE_STATE_PATH": str(self._folder),
            "PULSE_COOKIE": str(self._folder / "cookie"),
            "PULSE_SERVER": f"unix:{self._folder / 'native'}",
        }

    def start(self) -> None:
        """Starts the server with one null sink, ``room``; returns when it responds."""
        if self._system == "pipewire":
            self._start_pipewire()
        else:
            modules = ["module-native-protocol-unix", ROOM]
            loads = [part for module in modules for part in ("-L", module)]
            options = ["--daemonize=no", *UNLIMITED, "--exit-idle-time=-1", "--log-level=error"]
            self._start("pulseaudio", "-n", *options, *loads)
        self._wait(lambda: self._run("pactl", "info").returncode == 0)
        if self._system == "pipewire":
            self.load(ROOM)
            self._wait(lambda: "room.monitor" in self.control("list", "short", "sources"))

    def _start_pipewire(self) -> None:
        """Starts PipeWire, its session manager and its PulseAudio server, with the bus that the manager needs."""
        bus = self._folder / "bus"
        self._start("dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={bus}")
        self._wait(bus.exists)
        self._start("pipewire")
        self._wait((self._folder / "pipewire-0").exists)
        self._start("wireplumber")
        self._start("pipewire-pulse")

    def _start(self, *command: str) -> None:
        env = os.environ | self.env
        if self._system == "pipewire":
            homes = {name: str(self._folder / name) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")}
            bus = f"unix:path={self._folder / 'bus'}"
            env |= homes | {"PIPEWIRE_RUNTIME_DIR": str(self._folder), "DBUS_SESSION_BUS_ADDRESS": bus}
            env["PULSE_RUNTIME_PATH"] = str(self._folder)
        self._processes.append(subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while not condition():
            assert time.monotonic() < deadline, f"{self._system} did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kills the server as a crash would."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()
        for socket in ("bus", "pipewire-0", "native"):
            (self._folder / socket).unlink(missing_ok=True)

    def freeze(self) -> None:
        """Makes the server hang: connections stay open, but nothing is answered."""
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets the server continue after ``freeze``."""
        for process in self._processes:
            process.send_signal(signal.SIGCONT)

    def load(self, module: str) -> str:
        """Adds a device; returns the number by which ``unload`` removes it."""
        return self.control("load-module", *module.split()).strip()

    def unload(self, number: str) -> None:
        """Removes a device as if it were unplugged: one by its number, or all those of a kind of module."""
        self.control("unload-module", number)

    def table_microphone(self) -> str:
        """Adds ``table``, a microphone that hears what is played to ``room``; it does not look like a monitor."""
        module = "module-remap-source master=room.monitor source_name=table"
        return self.load(f"{module} source_properties=device.description=Table")

    def keep_awake(self) -> None:
        """Starts another recorder: a null sink that nobody records from delays a new recorder by two seconds."""
        command = ["parec", "--device=room.monitor", "--latency-msec=20"]
        self._helpers.append(subprocess.Popen(command, env=os.environ | self.env, stdout=subprocess.DEVNULL))
        deadline = time.monotonic() + START_S
        while not self.control("list", "short", "source-outputs").strip():
            assert time.monotonic() < deadline, "parec does not record"

    def control(self, *command: str) -> str:
        """Sends a command to the server; returns its output."""
        done = self._run("pactl", *command)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    def play(self, recording: Path, sink: str = "room") -> None:
        """Plays a whole recording to a sink."""
        assert self._run("paplay", f"--device={sink}", str(recording)).returncode == 0

    def try_to_play(self, recording: Path, sink: str, stop: threading.Event) -> None:
        """Plays a recording until it ends, the server stops, or ``stop`` is set."""
        command = ["paplay", f"--device={sink}", str(recording)]
        with subprocess.Popen(command, env=os.environ | self.env, stderr=subprocess.DEVNULL) as player:
            while player.poll() is None and not stop.wait(0.05):
                pass
            player.kill()

    def try_play(self, recording: Path) -> bool:
        """Plays a recording; returns whether it was played to its end, as the server may be killed meanwhile."""
        return self._run("paplay", "--device=room", str(recording)).returncode == 0

    def _run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, env=os.environ | self.env, capture_output=True, timeout=180, check=False)

    def __enter__(self) -> "AudioServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        died = [process.args for process in self._processes if process.poll() is not None]
        self.thaw()
        self.kill()
        for helper in self._helpers:
            helper.kill()
            helper.wait()
        assert not died, f"{died} exited by itself"


@asynccontextmanager
async def speaking(server: AudioServer, recording: str = "long_sentence", sink: str = "room") -> AsyncIterator[None]:
    """Plays a recording repeatedly until the block ends."""
    stop = threading.Event()

    def speak() -> None:
        while not stop.is_set():
            server.try_to_play(DATA / f"{recording}.flac", sink, stop)

    task = asyncio.create_task(asyncio.to_thread(speak))
    try:
        yield
    finally:
        stop.set()
        await task
