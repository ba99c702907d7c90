"""Starts the real daemon as a process, and talks to it as a client would."""

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
from collections.abc import Mapping, Sequence
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
SYSTEMD = ("NOTIFY_SOCKET", "WATCHDOG_", "JOURNAL_STREAM")  # the tests' own manager, if one started them
# How long what must come is waited for: far longer than it takes on a slow machine that has much else to do. It costs
# time only when it does not come.
START_S = 180  # a cold start reads 150 MB of weights and imports torch
STOP_S = 90
WITHIN_S = 90


def command(*arguments: str) -> list[str]:
    """The command line of ``streamstt``."""
    return [sys.executable, "-m", "streamstt", *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without the user's own settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("STREAMSTT_", *SYSTEMD))} | dict(extra or {})


def run(
    *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    done = subprocess.run(
        command(*arguments), capture_output=True, env=environment(env), input=stdin, timeout=300, check=False
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Daemon:
    """``streamstt run`` on a free port; a context manager that leaves nothing behind."""

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
        self.process = subprocess.Popen(
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
        """Waits until it has logged ``text``."""
        with self._logged:
            found = self._logged.wait_for(lambda: text in "".join(self._log), within_s)
            assert found, f"{text!r} is not in {''.join(self._log)}"

    def clear_log(self) -> None:
        """Forgets what it has logged so far, for the next test that shares it."""
        with self._logged:
            self._log.clear()

    @property
    def log(self) -> str:
        """What it wrote to standard error so far; once it has ended, all of it."""
        if self.process.poll() is not None:
            self._reader.join(STOP_S)
        return "".join(self._log)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal, waits, and returns the exit code."""
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
    """Options that make the daemon say SCRIPT by heart, in step with the audio, every eight seconds."""
    words = [
        {"text": f" {word}", "start": 0.5 + 0.3 * i, "end": word_end_s(i)} for i, word in enumerate(SCRIPT.split())
    ]
    file = folder / "script.json"
    file.write_text(json.dumps({"words": words, "repeat_s": 8, **more}))
    return ["--model", f"script:{file}"]


def captions(daemon: Daemon, path: str = "/captions", **options: Any) -> connect:
    """A connection to the daemon."""
    # The answer to a ping would wait behind audio that comes faster than it can be heard.
    options = {"ping_interval": None, "open_timeout": WITHIN_S} | options
    return connect(daemon.url.replace("http", "ws", 1) + path, max_size=2**24, compression=None, **options)


async def receive(socket: ClientConnection, within_s: float = WITHIN_S) -> dict[str, Any]:
    """The next message."""
    async with asyncio.timeout(within_s):
        return json.loads(await socket.recv())


async def receive_until(socket: ClientConnection, kind: str, within_s: float = 2 * WITHIN_S) -> list[dict[str, Any]]:
    """All messages up to the first of ``kind``."""
    messages: list[dict[str, Any]] = []
    async with asyncio.timeout(within_s):
        while not messages or messages[-1]["type"] != kind:
            messages.append(json.loads(await socket.recv()))
    return messages


async def receive_all(socket: ClientConnection, within_s: float = 2 * WITHIN_S) -> list[dict[str, Any]]:
    """All messages until the daemon closes the connection, with whatever code."""
    messages: list[dict[str, Any]] = []
    async with asyncio.timeout(within_s):
        with suppress(ConnectionClosed):
            while True:
                messages.append(json.loads(await socket.recv()))
    return messages


async def speak(socket: ClientConnection, pcm: bytes, rate: int = 16000, *, speed: float = 1.0) -> None:
    """Sends audio in pieces of 100 ms at the speed of speech, or faster."""
    size = rate // 10 * 2
    for i in range(0, len(pcm), size):
        await socket.send(pcm[i : i + size])
        await asyncio.sleep(0.1 / speed)


async def wait_until_idle(daemon: Daemon) -> None:
    """Waits until nobody speaks to it any more: those of a test before may still be leaving."""
    async with asyncio.timeout(WITHIN_S):
        while json.loads((await asyncio.to_thread(get, f"{daemon.url}/healthz"))[1])["sources"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class VisibleWords:
    """What viewers see of SCRIPT while it is said; so that a speaker can wait for its words to be heard.

    However slow the machine is, what is said in steps, each of which waits for its words, comes in as many captions.
    """

    def __init__(self, viewer: ClientConnection) -> None:
        self._viewer = viewer
        self._captions: dict[str, str] = {}

    async def until(self, count: int) -> None:
        """Waits until so many words have been shown."""
        async with asyncio.timeout(2 * WITHIN_S):
            while sum(len(text.split()) for text in self._captions.values()) < count:
                message = json.loads(await self._viewer.recv())
                if message["type"] in {"partial", "final"}:
                    self._captions[message["id"]] = message["text"]

    async def until_spoken(self, said_s: float) -> None:
        """The same for the words that must have been heard when so much of the script's first seven seconds is said."""
        await self.until(sum(word_end_s(n) + 1 < said_s for n in range(len(SCRIPT.split()))))


def tokens_in(folder: Path) -> dict[str, str]:
    """The access tokens that a daemon with this state folder has generated, by role."""
    lines = (folder / "tokens").read_text().splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))  # type: ignore[misc]


def word_end_s(number: int) -> float:
    """When a word of SCRIPT has been said, in seconds."""
    return 0.75 + 0.3 * number


def pcm_of(name: str) -> bytes:
    """A recording of tests/data as s16le."""
    samples, _ = soundfile.read(DATA / f"{name}.flac", dtype="int16")
    return bytes(samples.tobytes())


def resampled(name: str, rate: int) -> bytes:
    """The same at another sample rate."""
    samples, own_rate = soundfile.read(DATA / f"{name}.flac", dtype="float32")
    return to_s16le(soxr.resample(samples, own_rate, rate))


def text_of(name: str) -> str:
    """What is said in a recording of tests/data."""
    return (DATA / f"{name}.txt").read_text()


def final_text(messages: list[dict[str, Any]]) -> str:
    """The text of all finals."""
    return " ".join(m["text"] for m in messages if m["type"] == "final" and m["text"])


def get(url: str, context: ssl.SSLContext | None = None, **headers: str) -> tuple[int, str]:
    """Status and body of a page."""
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=WITHIN_S, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def refusal_status(daemon: Daemon, path: str = "/captions", **headers: str) -> int:
    """The status with which a WebSocket is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with captions(daemon, path, additional_headers=headers):
            pass
    return int(caught.value.response.status_code)


def exchange(daemon: Daemon, data: bytes) -> bytes:
    """Sends bytes, and returns all that comes back until the end."""
    with socket.create_connection(("127.0.0.1", urlsplit(daemon.url).port or 0), timeout=WITHIN_S) as raw:
        received = b""
        try:
            raw.sendall(data)
            while part := raw.recv(65536):
                received += part
        except ConnectionError:
            pass
        return received
