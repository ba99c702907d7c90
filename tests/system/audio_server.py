"""A real PulseAudio server of the test's own; a null sink is a microphone into which a recording can be spoken."""

import os
import subprocess
import time
from pathlib import Path

START_S = 10


class AudioServer:
    """Starts and kills the server; a context manager."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> dict[str, str]:
        """What makes a program use this server, and the null sink as its microphone."""
        return {
            "XDG_RUNTIME_DIR": str(self._folder),
            "PULSE_RUNTIME_PATH": str(self._folder),
            "PULSE_STATE_PATH": str(self._folder),
            "PULSE_COOKIE": str(self._folder / "cookie"),
            "PULSE_SERVER": f"unix:{self._folder / 'native'}",
            "PULSE_SOURCE": "room.monitor",
        }

    def start(self) -> None:
        """Starts the server with one null sink, ``room``, and returns when it answers."""
        modules = ["module-native-protocol-unix", "module-null-sink sink_name=room rate=16000 channels=1"]
        loads = [part for module in modules for part in ("-L", module)]
        self._process = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--log-level=error", *loads],
            env=os.environ | self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_S
        while self._run("pactl", "info").returncode:
            assert time.monotonic() < deadline, "PulseAudio did not start"

    def kill(self) -> None:
        """Kills the server as a crash would."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def play(self, recording: Path) -> None:
        """Speaks a recording into the microphone, to its end."""
        assert self._run("paplay", "--device=room", str(recording)).returncode == 0

    def try_play(self, recording: Path) -> bool:
        """The same; whether it came to its end: the server may be killed meanwhile."""
        return self._run("paplay", "--device=room", str(recording)).returncode == 0

    def _run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, env=os.environ | self.env, capture_output=True, timeout=60, check=False)

    def __enter__(self) -> "AudioServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
