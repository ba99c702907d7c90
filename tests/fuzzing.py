"""Fuzzes the real server, in this process: ``python -m tests.fuzzing 100000``.

An input is everything that a client sends on one connection: bytes, requests, handshakes and frames, valid, invalid
and cut off. After each batch, no error may have been logged, no exception may be unhandled, and no connection may be
left; a normal viewer must be served. At the end, memory must not have grown.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings
from websockets.asyncio.client import connect

from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.compat.endpoints import make_api, make_endpoints, translate_error
from streamstt.config.compat import CompatSettings
from streamstt.config.settings import Settings
from streamstt.engine.runner import EngineRunner
from streamstt.engine.scripted import Script, ScriptedEngine
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import DaemonInfo
from streamstt.recordings.uploads import UploadTranscriber
from streamstt.server.endpoint import Extensions
from streamstt.server.server import CaptionServer
from tests.support.wire import INPUTS, TOKEN, Input

BATCH = 1000  # inputs; Hypothesis keeps those of a run in memory, so that long runs would grow
TURNS = 20  # of the event loop
WAIT_S = 60  # until the server closes a connection


class Target:
    """Two real servers with one hub and pipeline, one of which demands a token; collects their errors."""

    def __init__(self, folder: Path) -> None:
        # The first upload that can be read imports torch: seconds, and memory, that belong to no input.
        import_module("streamstt.recordings.silero")
        self.errors: list[str] = []
        self.opened = 0  # number of WebSockets
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _, context: self.errors.append(repr(context)))
        tokens = folder / "tokens"
        tokens.write_text(TOKEN)
        server = {"port": 0, "max_per_address": 50, "max_audio_clients": 64, "handshake_s": 5}
        speech = {"detector": "webrtc"}  # Silero would take most of the time to start
        self._settings = Settings.model_validate({"server": server, "speech": speech, "source": [{"input": "ws"}]})
        self._closed = self._settings.server.model_copy(update={"require_token": True, "token_file": str(tokens)})
        self._thread = ThreadPoolExecutor(1)
        self.ports = self.loop.run_until_complete(self._start())

    async def _start(self) -> list[int]:
        engine = EngineRunner(lambda: ScriptedEngine(Script(words=())), self._thread)
        await engine.start()
        self._hub = Hub(DaemonInfo("0", "run", "", "script", "", "en"), history=50, hello_history=9, queue=100)
        pipeline = CaptionPipeline(self._settings, engine, self._hub)
        self._decoding = asyncio.create_task(pipeline.run())
        compat = CompatSettings(vosk=True, deepgram=True, openai=True)
        api = make_api(compat, UploadTranscriber(pipeline.background_decoder, engine), lambda: "script")
        extensions = Extensions(endpoints=make_endpoints(compat), api=api, translate_error=translate_error)
        self.servers = [
            CaptionServer(s, self._hub, pipeline, extensions) for s in (self._settings.server, self._closed)
        ]
        return [int((await server.start()).rpartition(":")[2].rstrip("/")) for server in self.servers]

    async def play(self, number: int, data: Input) -> None:
        """Sends one input and waits until the server closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[number % 2])
        try:
            async with asyncio.timeout(WAIT_S):
                await self._talk(reader, writer, data)
        except ConnectionError:
            pass
        except TimeoutError:
            self.errors.append(f"the server did not close the connection of {data!r}")
        writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: Input) -> None:
        writer.write(data.head)
        if data.body:
            self.opened += (await reader.read(65536)).startswith(b"HTTP/1.1 101")
            writer.write(data.body)
            for _ in range(TURNS):  # so that the server reads it before it learns that the client has finished
                await asyncio.sleep(0)
        writer.write_eof()
        while await reader.read(65536):
            pass

    async def check(self) -> None:
        """Checks that a viewer is served and that no other client is left."""
        async with asyncio.timeout(WAIT_S):
            while self._hub.viewers:  # noqa: ASYNC110 - nothing signals that the last one has left
                await asyncio.sleep(0.01)
        async with connect(f"ws://127.0.0.1:{self.ports[0]}/captions", compression=None) as viewer:
            assert json.loads(await viewer.recv())["type"] == "hello"
        if self._decoding.done():
            self.errors.append("the pipeline has ended")

    async def _stop(self) -> None:
        self._decoding.cancel()
        for server in self.servers:
            await server.drain()

    def close(self) -> None:
        """Stops the servers."""
        self.loop.run_until_complete(self._stop())
        self.loop.close()
        self._thread.shutdown()


class ErrorCollector(logging.Handler):
    """Adds all errors that are logged to a list."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        self._errors.append(self.format(record))


def fuzz(count: int, first_seed: int, folder: Path, report: Any = lambda *_: None) -> dict[str, float]:
    """Plays ``count`` inputs.

    Returns:
        Memory in MB after a tenth of the inputs and at the end, and how many inputs opened a WebSocket.

    Raises:
        AssertionError: There was an error; the message has it, and the seed to repeat it.
    """
    target = Target(folder)
    handler = ErrorCollector(target.errors)
    logging.getLogger().addHandler(handler)
    process, played, early = psutil.Process(), 0, 0.0
    try:
        while played < count:
            batch = min(BATCH, count - played)

            @seed(first_seed + played)
            @settings(max_examples=batch, database=None, deadline=None, phases=[Phase.generate],
                      suppress_health_check=list(HealthCheck))  # fmt: skip
            @given(INPUTS)
            def play(data: Input) -> None:
                nonlocal played
                target.loop.run_until_complete(target.play(played, data))
                played += 1
                assert not target.errors, f"{target.errors} after {data!r}"

            play()
            target.loop.run_until_complete(target.check())
            assert not target.errors, f"{target.errors}; seed {first_seed}"
            megabytes = process.memory_info().rss / 1e6
            early = early or (megabytes if played >= count / 10 else 0)
            report(played, target.opened, megabytes)
        return {"early_mb": early, "late_mb": megabytes, "opened": target.opened}
    finally:
        logging.getLogger().removeHandler(handler)
        target.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.monotonic()

    def report(played: int, opened: int, megabytes: float) -> None:
        seconds = time.monotonic() - started
        sys.stdout.write(f"{played:7d} inputs, {opened} opened a WebSocket, {seconds:.0f} s, {megabytes:.0f} MB\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as folder:
        memory = fuzz(arguments.count, arguments.seed, Path(folder), report)
    early, late = memory["early_mb"], memory["late_mb"]
    sys.stdout.write(f"No errors. Memory after a tenth {early:.0f} MB, at the end {late:.0f} MB.\n")
    sys.exit(late > early * 1.2 + 60)  # the first thousands of inputs fill histories and caches


if __name__ == "__main__":
    main()
