#!/usr/bin/env python3
"""Many viewers on one real daemon, some of which never read: ``benchmarks/viewers.py --viewers 1000 --stalled 100``.

Starts ``streamstt run``, connects the viewers from this process, speaks to the daemon, and notes when each viewer gets
each caption. Before they come, much is said fast, so that the history fills the connections of those that do not read;
then audio comes at the pace of speech, and that is measured. Reported, in ms:

- ``delivery``: from sending the block of audio that brought a message about to a viewer's having it. It holds what the
  daemon does in between as well (voice detection, a scripted engine): the truth is a little better.
- ``spread``: from the first viewer's having a message to another's having it.
- ``lag``: from the end of what a partial says to the first viewer's having it, for comparison of engines under load.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile
from crowd import BLOCK_SAMPLES, SAMPLE_RATE, Crowd

ROOT = Path(__file__).parent.parent
WORDS = [
    "Every",
    "word",
    "of",
    "this",
    "was",
    "written",
    "down.",
    "It",
    "is",
    "said",
    "again.",
    "So",
    "it",
    "goes",
    "on.",
]
HISTORY = 300  # finals before the viewers come: with them, more than the connection of a stalled one holds
FILL_SPEED = 200  # times the speed of speech


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon that runs as a process of its own."""

    process: subprocess.Popen[bytes]
    port: int

    @classmethod
    def start(cls, folder: Path, model: str) -> "Daemon":
        """With a scripted engine, or a real one."""
        script = folder / "script.json"
        words = [{"text": f" {w}", "start": 0.5 + 0.3 * i, "end": 0.75 + 0.3 * i} for i, w in enumerate(WORDS)]
        script.write_text(json.dumps({"words": words, "repeat_s": 8}))
        options = ["--port", "0", "--source", "ws", "--language", "en", "--model", model or f"script:{script}"]
        for setting in (
            "max_connections=20000",
            "max_per_address=20000",
            "client_queue=2000",
            f"hello_history={HISTORY}",
        ):
            options += ["--set", f"server.{setting}"]
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "streamstt", "run", *options],
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("wb"),
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        match = re.search(rb"http://[^:]+:(\d+)/", process.stdout.readline() if process.stdout else b"")
        if not match:
            raise SystemExit(f"the daemon did not start: {(folder / 'log').read_text()}")
        return cls(process, int(match[1]))


def measure(viewers: int, stalled: int, seconds: float, model: str) -> dict[str, Any]:
    """One run."""
    samples, _ = soundfile.read(ROOT / "tests/data/long_sentence.flac", dtype="int16")
    with tempfile.TemporaryDirectory() as name:
        daemon = Daemon.start(Path(name), model)
        try:
            watched = psutil.Process(daemon.process.pid)
            crowd = Crowd(daemon.port)
            while (
                stalled and not model and sum(m["type"] == "final" for _, m in crowd.audio_client.messages()) < HISTORY
            ):
                crowd.send_audio(np.tile(samples, 4).tobytes(), FILL_SPEED)
            crowd.connect_viewers(viewers - stalled, stalled)
            crowd.read_until(time.perf_counter() + 1)
            first, busy = len(crowd.sent_at), sum(watched.cpu_times()[:2])
            crowd.send_audio(np.resize(samples, int(seconds * SAMPLE_RATE)).tobytes(), 1)
            busy = sum(watched.cpu_times()[:2]) - busy
            crowd.read_rest(2)
            result = {"viewers": viewers, "stalled": stalled, "seconds": seconds, **evaluate(crowd, first)}
            result |= {"cpu": round(busy / seconds, 3), "memory_mb": round(watched.memory_info().rss / 1e6)}
            return result | {"too_slow": (Path(name) / "log").read_text().count("too slow")}
        finally:
            daemon.process.terminate()
            daemon.process.wait(30)


def evaluate(crowd: Crowd, first: int) -> dict[str, Any]:
    """What the viewers got; times are of what came after the first so many blocks."""
    all_messages = [viewer.messages() for viewer in crowd.readers]
    come = max(m["seq"] for messages in all_messages for _, m in messages if m["type"] == "hello")
    # What was published before the last of them had come is in the history of some.
    got = [[(at, m) for at, m in messages if m["type"] != "hello" and m["seq"] > come] for messages in all_messages]
    finals = [[m["seq"] for _, m in messages if m["type"] == "final"] for messages in got]
    most = max(finals, key=len)
    sent = np.array(crowd.sent_at)
    times: dict[int, list[float]] = {}
    kinds: dict[int, dict[str, Any]] = {}
    for messages in got:
        for at, message in messages:
            times.setdefault(message["seq"], []).append(at)
            kinds[message["seq"]] = message
    delivery, spread, lag = [], [], []
    for seq, ats in times.items():
        block = int(np.searchsorted(sent, min(ats))) - 1  # the last one sent before anybody had the message
        if block < first:
            continue
        delivery += [1000 * (at - sent[block]) for at in ats]
        spread += [1000 * (at - min(ats)) for at in ats]
        if kinds[seq]["type"] == "partial":
            said = int(kinds[seq]["end"] * SAMPLE_RATE / BLOCK_SAMPLES)  # the block that holds its end
            lag.append(1000 * (min(ats) - sent[min(said, len(sent) - 1)]))
    return {
        "messages": len(times),
        "finals": len(most),
        "viewers_that_missed_finals": sum(f != most for f in finals),
        "viewers_out_of_order": sum([m["seq"] for _, m in g] != sorted(m["seq"] for _, m in g) for g in got),
        "viewers_closed": sum(viewer.closed for viewer in crowd.readers),
        "delivered": len(delivery),
        "delivery": percentiles(delivery),
        "spread": percentiles(spread),
        "lag": percentiles(lag),
    }


def percentiles(values: list[float]) -> dict[str, float]:
    """Median, 95 %, 99 % and the largest, in ms."""
    names = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(float(np.percentile(values, q)), 1) for name, q in names.items()} if values else {}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--stalled", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument(
        "--model", default="", help="a real one, without much being said before; else words come from a script"
    )
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, arguments.viewers + 100)), hard))
    result = measure(arguments.viewers, arguments.stalled, arguments.seconds, arguments.model)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
