"""Starts the real daemon as a process, and connects to it as a client would."""

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import soundfile
import soxr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamstt.audio.format import to_s16le
from tests.support.paths import DATA

SENTENCES = ["Every word of this has been written down before.", "It is said again and again so that tests know it."]
SCRIPT = " ".join(SENTENCES)
SYSTEMD = ("NOTIFY_SOCKET", "WATCHDOG_", "JOURNAL_STREAM")  # set if a service manager started the tests
# How long to wait for what must happen: far longer than it takes on a slow, busy machine. It costs time only when it
# does not happen.
START_S = 180  # a cold start reads 150 MB of weights and imports torch
STOP_S = 90
WITHIN_S = 90


def command(*arguments: str) -> list[str]:
    """The command line of ``streamstt``."""
    return [sys.executable, "-m", "streamstt", *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns this process's environment without the user's own settings, and with the variables in ``extra``.

    The model is base: which one "auto" stands for depends on the machine.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("STREAMSTT_", *SYSTEMD))}
    return clean | {"STREAMSTT_ENGINE__MODEL": "base"} | dict(extra or {})


def run(
    *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    done = subprocess.run(
        command(*arguments), capture_output=True, env=environment(env), input=stdin, timeout=300, check=False
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Daemon:
    """``streamstt run`` on a free port, as a process; a context manager that leaves no process behind."""

    popen: Callable[..., Any] = subprocess.Popen

    def __init__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        pipe: bool = False,
        stdin: int = subprocess.DEVNULL,
        stderr: int = subprocess.PIPE,
        program: Sequence[str] = (),
        verb: str = "run",
    ) -> None:
        self.process = self.popen(
            [*(program or command()), verb, "--port", "0", *arguments],
            env=environment(env),
            stdin=subprocess.PIPE if pipe else stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        self._log: list[str] = []
        self._logged = threading.Condition()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        watchdog = threading.Timer(START_S, self.process.kill)
        watchdog.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        watchdog.cancel()
        match = re.search(r"https?://\S+/", line)
        if not match:
            self.process.wait(STOP_S)
            raise AssertionError(f"the daemon did not start ({self.process.returncode}): {self.log}")
        self.url = match[0].rstrip("/")

    def _read_log(self) -> None:
        for line in self.process.stderr or ():
            with self._logged:
                self._log.append(line.decode())
                self._logged.notify_all()

    def wait_for_log(self, text: str, within_s: float = WITHIN_S) -> None:
        """Waits until it has logged a text."""
        with self._logged:
            found = self._logged.wait_for(lambda: text in "".join(self._log), within_s)
            assert found, f"{text!r} is not in {''.join(self._log)}"

    def clear_log(self) -> None:
        """Discards what it has logged so far, for the next test that shares this daemon."""
        with self._logged:
            self._log.clear()

    @property
    def log(self) -> str:
        """What it has written to standard error; complete once it has exited."""
        if self.process.poll() is not None:
            self._reader.join(STOP_S)
        return "".join(self._log)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal, waits for the exit, and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


def write_script(folder: Path, **more: float) -> list[str]:
    """Writes a script of SCRIPT's words, repeated every eight seconds; returns options for a daemon that plays it back.

    Args:
        folder: Where ``script.json`` is written.
        more: Other fields of the script, such as ``decode_s``.
    """
    words = [
        {"text": f" {word}", "start": 0.5 + 0.3 * i, "end": word_end_s(i)} for i, word in enumerate(SCRIPT.split())
    ]
    file = folder / "script.json"
    file.write_text(json.dumps({"words": words, "repeat_s": 8, **more}))
    return ["--model", f"script:{file}"]


def write_brisk_script(folder: Path, **more: float) -> list[str]:
    """As ``write_script``, spoken more than twice as fast: a final every second and a half."""
    words = [
        {"text": f" {word}", "start": 0.2 + 0.12 * i, "end": 0.3 + 0.12 * i} for i, word in enumerate(SCRIPT.split())
    ]
    file = folder / "brisk.json"
    file.write_text(json.dumps({"words": words, "repeat_s": 3.04, **more}))
    return ["--model", f"script:{file}"]


def captions(daemon: Daemon, path: str = "/captions", **options: Any) -> connect:
    """Opens a WebSocket connection to a path of the daemon."""
    # Without pings: the reply to one would wait behind audio that is sent faster than it can be decoded.
    options = {"ping_interval": None, "open_timeout": WITHIN_S} | options
    return connect(daemon.url.replace("http", "ws", 1) + path, max_size=2**24, compression=None, **options)


async def receive(socket: ClientConnection, within_s: float = WITHIN_S) -> dict[str, Any]:
    """Returns the next message."""
    async with asyncio.timeout(within_s):
        return json.loads(await socket.recv())


async def receive_until(socket: ClientConnection, kind: str, within_s: float = 2 * WITHIN_S) -> list[dict[str, Any]]:
    """Returns all messages up to the first of a type."""
    messages: list[dict[str, Any]] = []
    async with asyncio.timeout(within_s):
        while not messages or messages[-1]["type"] != kind:
            messages.append(json.loads(await socket.recv()))
    return messages


async def receive_all(socket: ClientConnection, within_s: float = 2 * WITHIN_S) -> list[dict[str, Any]]:
    """Returns all messages until the daemon closes the connection, with any code."""
    messages: list[dict[str, Any]] = []
    async with asyncio.timeout(within_s):
        with suppress(ConnectionClosed):
            while True:
                messages.append(json.loads(await socket.recv()))
    return messages


async def speak(socket: ClientConnection, pcm: bytes, rate: int = 16000, *, speed: float = 1.0) -> None:
    """Sends audio in blocks of 100 ms.

    Args:
        socket: A connection for audio.
        pcm: Mono samples, s16le.
        rate: Sample rate in Hz.
        speed: 1 for real time, 2 for twice as fast.
    """
    size = rate // 10 * 2
    for i in range(0, len(pcm), size):
        await socket.send(pcm[i : i + size])
        await asyncio.sleep(0.1 / speed)


async def wait_until_idle(daemon: Daemon) -> None:
    """Waits until it has no remote sources: those of the previous test may still be closing."""
    async with asyncio.timeout(WITHIN_S):
        while json.loads((await asyncio.to_thread(get, f"{daemon.url}/healthz"))[1])["sources"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class VisibleWords:
    """Follows what a viewer sees of SCRIPT, so that a test can send more audio when its words have been shown.

    Audio that is sent in such steps becomes the same number of partials, however slow the machine is.
    """

    def __init__(self, viewer: ClientConnection) -> None:
        self._viewer = viewer
        self._captions: dict[str, str] = {}

    async def until(self, count: int) -> None:
        """Waits until ``count`` words have been shown."""
        async with asyncio.timeout(2 * WITHIN_S):
            while sum(len(text.split()) for text in self._captions.values()) < count:
                message = json.loads(await self._viewer.recv())
                if message["type"] in {"partial", "final"}:
                    self._captions[message["id"]] = message["text"]

    async def until_spoken(self, sent_s: float) -> None:
        """Waits for the words that must have been recognized once ``sent_s`` seconds of the script have been sent."""
        await self.until(sum(word_end_s(n) + 1 < sent_s for n in range(len(SCRIPT.split()))))


def tokens_in(folder: Path) -> dict[str, str]:
    """The access tokens that a daemon with this state folder has generated, by role."""
    lines = (folder / "tokens").read_text().splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))  # type: ignore[misc]


def word_end_s(number: int) -> float:
    """Returns when a word of SCRIPT ends, in seconds from the start."""
    return 0.75 + 0.3 * number


def pcm_of(name: str) -> bytes:
    """Returns a recording in tests/data as s16le at 16 kHz."""
    samples, _ = soundfile.read(DATA / f"{name}.flac", dtype="int16")
    return bytes(samples.tobytes())


def resampled(name: str, rate: int) -> bytes:
    """Returns a recording in tests/data as s16le at another sample rate, in Hz."""
    samples, own_rate = soundfile.read(DATA / f"{name}.flac", dtype="float32")
    return to_s16le(soxr.resample(samples, own_rate, rate))


def text_of(name: str) -> str:
    """Returns what is said in a recording in tests/data."""
    return (DATA / f"{name}.txt").read_text()


def final_text(messages: list[dict[str, Any]]) -> str:
    """Returns the text of all finals among the messages."""
    return " ".join(m["text"] for m in messages if m["type"] == "final" and m["text"])


def get(url: str, context: ssl.SSLContext | None = None, **headers: str) -> tuple[int, str]:
    """Returns the status and the body of a page; ``headers`` are sent, with ``_`` for ``-``."""
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=WITHIN_S, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def refusal_status(daemon: Daemon, path: str = "/captions", **headers: str) -> int:
    """Returns the HTTP status with which a WebSocket handshake is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with captions(daemon, path, additional_headers=headers):
            pass
    return int(caught.value.response.status_code)


def exchange(daemon: Daemon, data: bytes) -> bytes:
    """Sends bytes over a new connection; returns everything received until it is closed."""
    with socket.create_connection(("127.0.0.1", urlsplit(daemon.url).port or 0), timeout=WITHIN_S) as raw:
        received = b""
        try:
            raw.sendall(data)
            while part := raw.recv(65536):
                received += part
        except ConnectionError:
            pass
        return received
