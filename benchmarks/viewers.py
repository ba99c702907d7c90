#!/usr/bin/env python3
"""Many viewers on one real daemon, some of which never read: ``benchmarks/viewers.py --viewers 1000 --stalled 100``.

Starts ``streamstt run``, connects viewers from this process, sends audio, and records when each viewer receives each
caption. Before the viewers connect, audio is sent fast, until the history is long enough to fill the connections of
those that do not read. Then audio is sent in real time, and that is measured. Results, in ms:

- ``delivery``: from sending the block of audio that caused a message until a viewer has it. It includes the work of the
  daemon in between (voice detection, a scripted engine), so delivery itself is a little faster.
- ``spread``: from the first viewer's receiving a message until another receives it.
- ``lag``: from the end of the words of a partial until the first viewer has it; compares engines under load.
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
HISTORY = 300  # finals before viewers connect: more than the connection of a stalled viewer can hold
FILL_SPEED = 200  # times real time


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon in a process of its own, and its port."""

    process: subprocess.Popen[bytes]
    port: int

    @classmethod
    def start(cls, folder: Path, model: str) -> "Daemon":
        """Starts a daemon with a model, or with a scripted engine if ``model`` is empty."""
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
    """Runs the benchmark once."""
    samples, _ = soundfile.read(ROOT / "tests/data/long_sentence.flac", dtype="int16")
    with tempfile.TemporaryDirectory() as name:
        daemon = Daemon.start(Path(name), model)
        try:
            process = psutil.Process(daemon.process.pid)
            crowd = Crowd(daemon.port)
            while (
                stalled and not model and sum(m["type"] == "final" for _, m in crowd.audio_client.messages()) < HISTORY
            ):
                crowd.send_audio(np.tile(samples, 4).tobytes(), FILL_SPEED)
            crowd.connect_viewers(viewers - stalled, stalled)
            crowd.read_until(time.perf_counter() + 1)
            first_block, cpu_s = len(crowd.sent_at), sum(process.cpu_times()[:2])
            crowd.send_audio(np.resize(samples, int(seconds * SAMPLE_RATE)).tobytes(), 1)
            cpu_s = sum(process.cpu_times()[:2]) - cpu_s
            crowd.read_rest(2)
            result = {"viewers": viewers, "stalled": stalled, "seconds": seconds, **evaluate(crowd, first_block)}
            result |= {"cpu": round(cpu_s / seconds, 3), "memory_mb": round(process.memory_info().rss / 1e6)}
            return result | {"too_slow": (Path(name) / "log").read_text().count("too slow")}
        finally:
            daemon.process.terminate()
            daemon.process.wait(30)


def evaluate(crowd: Crowd, first_block: int) -> dict[str, Any]:
    """Evaluates what viewers received; only messages caused by ``first_block`` or later blocks are timed."""
    all_messages = [viewer.messages() for viewer in crowd.readers]
    last_hello = max(m["seq"] for messages in all_messages for _, m in messages if m["type"] == "hello")
    # Messages published before the last viewer connected are in the history of some.
    received = [
        [(at, m) for at, m in messages if m["type"] != "hello" and m["seq"] > last_hello] for messages in all_messages
    ]
    finals = [[m["seq"] for _, m in messages if m["type"] == "final"] for messages in received]
    all_finals = max(finals, key=len)
    sent = np.array(crowd.sent_at)
    times: dict[int, list[float]] = {}
    by_seq: dict[int, dict[str, Any]] = {}
    for messages in received:
        for at, message in messages:
            times.setdefault(message["seq"], []).append(at)
            by_seq[message["seq"]] = message
    delivery, spread, lag = [], [], []
    for seq, received_at in times.items():
        first_s = min(received_at)
        block = int(np.searchsorted(sent, first_s)) - 1  # the last one sent before any viewer had the message
        if block < first_block:
            continue
        delivery += [1000 * (at - sent[block]) for at in received_at]
        spread += [1000 * (at - first_s) for at in received_at]
        if by_seq[seq]["type"] == "partial":
            end_block = int(by_seq[seq]["end"] * SAMPLE_RATE / BLOCK_SAMPLES)  # the block that contains its end
            lag.append(1000 * (first_s - sent[min(end_block, len(sent) - 1)]))
    return {
        "messages": len(times),
        "finals": len(all_finals),
        "viewers_that_missed_finals": sum(f != all_finals for f in finals),
        "viewers_out_of_order": sum([m["seq"] for _, m in g] != sorted(m["seq"] for _, m in g) for g in received),
        "viewers_closed": sum(viewer.closed for viewer in crowd.readers),
        "delivered": len(delivery),
        "delivery": percentiles(delivery),
        "spread": percentiles(spread),
        "lag": percentiles(lag),
    }


def percentiles(values: list[float]) -> dict[str, float]:
    """Returns median, 95th and 99th percentile and maximum, in ms; empty if there are no values."""
    names = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(float(np.percentile(values, q)), 1) for name, q in names.items()} if values else {}


def main() -> None:
    """Parses the command line and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--stalled", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument(
        "--model", default="", help="model to run, without a history before; default: a scripted engine"
    )
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, arguments.viewers + 100)), hard))
    result = measure(arguments.viewers, arguments.stalled, arguments.seconds, arguments.model)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
