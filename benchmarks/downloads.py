#!/usr/bin/env python3
"""Captions while people download them: ``benchmarks/downloads.py --finals 20000 --clients 20``.

Starts a server with so many finals in its history, and clients that download the captions in all formats, again and
again. Meanwhile, it publishes a partial 20 times a second and a final every 3 seconds. Results:

- ``delivery_ms``: from when a message should be published until a viewer in another process has it, as median, 99th
  percentile and maximum, without and with downloads.
- ``downloads``: number of complete ones, and the longest, in seconds.
"""

import argparse
import asyncio
import json
import multiprocessing
import multiprocessing.connection
import random
import statistics
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from websockets.asyncio.client import connect

from streamstt.captioning.remote_source import RemoteSource, RemoteSourceRequest
from streamstt.config.server import ServerSettings
from streamstt.events import Final, Partial, Word
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError, DaemonInfo, SourceInfo
from streamstt.server.server import CaptionServer

WORDS = ("so", "we", "said", "that", "the", "budget", "of", "this", "year", "is", "not", "what", "anybody", "had")
FORMATS = ("txt", "srt", "vtt", "json")
PARTIAL_S, PARTIALS_PER_FINAL = 0.05, 60
STARTED_AT = "2026-01-02T03:04:05.678+00:00"


class NoIngest:
    """Accepts no audio."""

    def add_remote_source(self, request: RemoteSourceRequest) -> RemoteSource:
        """Refuses it."""
        raise ClientError("full", request.name)


def make_final(number: int) -> Final:
    """Makes a caption of 14 words, 4 seconds after the one before."""
    start = number * 4.0
    words = tuple(Word(random.choice(WORDS), start + i / 4, start + i / 4 + 0.2, 0.9) for i in range(14))  # noqa: S311
    text = " ".join(word.text for word in words)
    return Final("room", f"room-{number}", 9, start, words[-1].end, text, words, "en")


def serve(finals: int, pipe: multiprocessing.connection.Connection) -> None:
    """Runs the server until it is terminated; the text of a partial is the time when it is due."""

    async def run() -> None:
        hub = Hub(DaemonInfo("1.0", "run-1", STARTED_AT, "", "", "en"), history=finals, hello_history=1, queue=10_000)
        hub.add_source(SourceInfo("room", "Room", STARTED_AT))
        for number in range(finals):
            hub.publish(make_final(number))
        server = CaptionServer(ServerSettings(port=0, max_per_address=1000), hub, NoIngest())
        pipe.send(await server.start())
        number, due = finals, time.monotonic()
        while True:
            for rev in range(PARTIALS_PER_FINAL):
                due += PARTIAL_S
                await asyncio.sleep(due - time.monotonic())
                hub.publish(Partial("room", f"room-{number}", rev, 0, 1, repr(due), 0, "en"))
            hub.publish(make_final(number))
            number += 1

    asyncio.run(run())


def download(url: str, until: float, pipe: multiprocessing.connection.Connection, clients: int) -> None:
    """Downloads with many clients until a time, and sends the durations."""

    def loop(client: int) -> list[float]:
        durations = []
        while (started := time.monotonic()) < until:
            file_format = FORMATS[(client + len(durations)) % len(FORMATS)]
            with urllib.request.urlopen(f"{url}transcript.{file_format}", timeout=600) as response:  # noqa: S310
                while response.read(2**16):
                    pass
            durations.append(time.monotonic() - started)
        return durations

    with ThreadPoolExecutor(clients) as threads:
        pipe.send([duration for durations in threads.map(loop, range(clients)) for duration in durations])


async def watch(url: str, until: float) -> dict[str, float]:
    """Follows the captions until a time; returns how late they are."""
    late = []
    async with connect(f"{url.replace('http', 'ws')}captions", max_size=None, ping_timeout=None) as socket:
        while time.monotonic() < until:
            message = json.loads(await socket.recv())
            if message["type"] == "partial":
                late.append(1000 * (time.monotonic() - float(message["text"])))
    percentiles = statistics.quantiles(late, n=100, method="inclusive")
    return {"median": round(percentiles[49], 1), "99 %": round(percentiles[98], 1), "maximum": round(max(late), 1)}


def measure(finals: int, clients: int, seconds: float) -> dict[str, Any]:
    """Runs the benchmark once."""
    context = multiprocessing.get_context("spawn")
    pipe, server_pipe = context.Pipe()
    server = context.Process(target=serve, args=(finals, server_pipe), daemon=True)
    server.start()
    url = pipe.recv()
    alone = asyncio.run(watch(url, time.monotonic() + seconds))
    until = time.monotonic() + seconds
    loopers = context.Process(target=download, args=(url, until, server_pipe, clients), daemon=True)
    loopers.start()
    busy = asyncio.run(watch(url, until))
    durations = pipe.recv()
    server.terminate()
    result = {"finals": finals, "clients": clients, "delivery_ms": {"without": alone, "with": busy}}
    return result | {"downloads": len(durations), "longest_s": round(max(durations), 1)}


def main() -> None:
    """Parses the arguments and prints the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--finals", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    sys.stdout.write(json.dumps(measure(arguments.finals, arguments.clients, arguments.seconds), indent=1) + "\n")


if __name__ == "__main__":
    main()
