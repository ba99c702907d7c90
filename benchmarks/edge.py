#!/usr/bin/env python3
"""Many viewers on an edge: ``benchmarks/edge.py --broker redis --viewers 1000``.

Starts a broker (redis-server with appendonly, or nats-server with JetStream on disk), ``streamstt run`` with a scripted
engine, and ``streamstt serve``. Connects viewers to the edge from this process, sends audio to the daemon in real time,
and records when each viewer receives each message. Results, in ms on one clock: from the moment at which the daemon's
hub publishes a message until a viewer has it, and until the first viewer has it, which is the way through the broker.
"""

import argparse
import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile
from crowd import SAMPLE_RATE, Crowd
from viewers import ROOT, WORDS, percentiles

RAISED_LIMITS = ["max_connections=20000", "max_per_address=20000", "client_queue=2000"]


def start_broker(kind: str, folder: Path, stack: ExitStack) -> str:
    """Starts a broker that stores messages on disk, and returns its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if kind == "redis":
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
        command += ["--appendonly", "yes", "--save", ""]
    else:
        (folder / "nats.conf").write_text(f"host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: {folder}/js }}\n")
        command = ["nats-server", "-c", str(folder / "nats.conf")]
    start_process(command, folder, stack)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return f"{kind}://127.0.0.1:{port}"
        time.sleep(0.05)
    raise SystemExit(f"{command[0]} did not start: {(folder / 'log').read_text()}")


def start_process(command: list[str], folder: Path, stack: ExitStack) -> subprocess.Popen[bytes]:
    """Starts a process that ends with the stack."""
    process = subprocess.Popen(  # noqa: S603 - our own commands
        command,
        stdout=subprocess.PIPE,
        stderr=(folder / "log").open("ab"),
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    return process


def read_port(process: subprocess.Popen[bytes], folder: Path) -> int:
    """Returns the port that a daemon or edge prints at its start."""
    match = re.search(rb"http://[^:]+:(\d+)/", process.stdout.readline() if process.stdout else b"")
    if not match:
        raise SystemExit(f"streamstt did not start: {(folder / 'log').read_text()}")
    return int(match[1])


def measure(kind: str, viewers: int, seconds: float) -> dict[str, Any]:
    """Runs the benchmark once."""
    samples, _ = soundfile.read(ROOT / "tests/data/long_sentence.flac", dtype="int16")
    raised = [part for setting in RAISED_LIMITS for part in ("--set", f"server.{setting}")]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        words = [{"text": f" {w}", "start": 0.5 + 0.3 * i, "end": 0.75 + 0.3 * i} for i, w in enumerate(WORDS)]
        (folder / "script.json").write_text(json.dumps({"words": words, "repeat_s": 8}))
        url = start_broker(kind, folder, stack)
        logged = [sys.executable, str(ROOT / "benchmarks/published.py"), str(folder / "published")]
        run = ["run", "--port", "0", "--source", "ws", "--language", "en", "--model", f"script:{folder}/script.json"]
        daemon = start_process([*logged, *run, "--set", f"{kind}.url={url}"], folder, stack)
        port = read_port(daemon, folder)
        start_s = time.perf_counter()
        edge = start_process(
            [sys.executable, "-m", "streamstt", "serve", "--port", "0", "--from", url, *raised], folder, stack
        )
        edge_port, edge_start_s = read_port(edge, folder), time.perf_counter() - start_s
        edge_process = psutil.Process(edge.pid)
        memory = edge_process.memory_info().rss
        crowd = Crowd(port, edge_port)
        crowd.read_until(time.perf_counter() + 2)  # the edge has caught up
        crowd.connect_viewers(viewers, 0)
        crowd.read_until(time.perf_counter() + 1)
        cpu_s = sum(edge_process.cpu_times()[:2])
        crowd.send_audio(np.resize(samples, int(seconds * SAMPLE_RATE)).tobytes(), 1)
        cpu_s = sum(edge_process.cpu_times()[:2]) - cpu_s
        crowd.read_until(time.perf_counter() + 2)
        result = {"broker": kind, "viewers": viewers, "seconds": seconds, **evaluate(crowd, folder / "published")}
        result |= {"edge_cpu": round(cpu_s / seconds, 3), "edge_start_s": round(edge_start_s, 2)}
        memories = {
            "edge_memory_mb": round(memory / 1e6),
            "edge_memory_viewers_mb": edge_process.memory_info().rss // 10**6,
        }
        return result | memories | {"load": os.getloadavg()[0]}


def evaluate(crowd: Crowd, published: Path) -> dict[str, Any]:
    """Evaluates what viewers received, and when."""
    times = {int(seq): float(at) for seq, at in (line.split() for line in published.read_text().splitlines())}
    finals, delays, first = [], [], {}
    for viewer in crowd.readers:
        received = [(at, m) for at, m in viewer.messages() if m["type"] in {"partial", "final"}]
        finals.append([m["seq"] for _, m in received if m["type"] == "final"])
        for at, message in received:
            delay = 1000 * (at - times[message["seq"]])
            delays.append(delay)
            first[message["seq"]] = min(delay, first.get(message["seq"], delay))
    all_finals = max(finals, key=len)
    return {
        "messages": len(first),
        "finals": len(all_finals),
        "viewers_that_missed_finals": sum(f != all_finals for f in finals),
        "viewers_closed": sum(viewer.closed for viewer in crowd.readers),
        "delivery": percentiles(delays),
        "first_viewer": percentiles(list(first.values())),
    }


def main() -> None:
    """Parses the command line and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--broker", choices=("redis", "nats"), default="redis")
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, arguments.viewers + 100)), hard))
    result = measure(arguments.broker, arguments.viewers, arguments.seconds)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
