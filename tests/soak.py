"""Soak test: hours of audio at full speed, clients that come and go, a microphone that fails.

    python -m tests.soak --hours 8

Prints the resources that the process uses over time. Exits with 1 if memory, threads or descriptors grew after the
first hour of audio, or if a final that a viewer received is missing from the transcript or out of order.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.audio_server import AudioServer
from tests.support.daemon import DATA, Daemon, captions, pcm_of

RATE = 16_000
MESSAGE = RATE  # bytes: half a second
GROWTH = 1.05  # allowed growth of memory after the first hour
COMING_AND_GOING = 8  # threads or descriptors: of short-lived viewers, and the pipes of a recorder


@dataclass(frozen=True)
class Plan:
    """What to run."""

    hours: float
    model: str
    speakers: int = 4
    settled_h: float = 1.0  # hours of audio after which memory must not grow
    talk_s: float = 300.0  # audio, after which a speaker is replaced by another
    fault_s: float = 30.0  # wall time between two faults of the microphone
    sample_s: float = 5.0


@dataclass(frozen=True)
class Sample:
    """The resources that the process uses at a moment."""

    hours: float
    megabytes: float
    threads: int
    descriptors: int

    def __str__(self) -> str:
        return f"{self.hours:6.2f} h  {self.megabytes:6.0f} MB  {self.threads} threads  {self.descriptors} descriptors"


@dataclass
class Record:
    """What happened during the run."""

    spoken_s: float = 0.0
    faults: int = 0
    visits: int = 0
    samples: list[Sample] = field(default_factory=list)
    finals: list[dict[str, Any]] = field(default_factory=list)  # as received by the viewer that stays
    gaps: int = 0


async def speak(daemon: Daemon, name: str, pcm: bytes, plan: Plan, record: Record) -> None:
    """Sends audio as fast as the daemon accepts it, as one client after another, for the planned hours."""
    while record.spoken_s < plan.hours * 3600:
        # Without pings: they would wait behind the audio, which is sent faster than it can be decoded.
        async with captions(daemon, f"/audio?name={name}&language=en", ping_interval=None) as socket:
            receiving = asyncio.create_task(drain(socket))
            sent_s = 0.0
            while sent_s < plan.talk_s and record.spoken_s < plan.hours * 3600:
                for at in range(0, len(pcm), MESSAGE):
                    await socket.send(pcm[at : at + MESSAGE])
                seconds = len(pcm) / 2 / RATE
                sent_s += seconds
                record.spoken_s += seconds
            await socket.send(json.dumps({"type": "end"}))
            await receiving


async def drain(socket: Any) -> None:
    """Reads until the daemon closes the connection."""
    with suppress(ConnectionClosed):
        async for _ in socket:
            pass


async def watch(daemon: Daemon, record: Record) -> None:
    """The viewer that stays: records every final until the daemon stops."""
    async with captions(daemon) as socket:
        with suppress(ConnectionClosed):
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "final" and message["text"]:
                    record.finals.append(message)
                record.gaps += message["type"] == "gap"


async def visit(daemon: Daemon, record: Record, draw: random.Random) -> None:
    """Short-lived viewers: some read, some do not, some abort the connection."""
    while True:
        with suppress(ConnectionClosed, OSError, InvalidStatus):
            async with captions(daemon) as socket:
                record.visits += 1
                if draw.random() < 0.5:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(drain(socket), draw.uniform(0.1, 3))
                else:
                    await asyncio.sleep(draw.uniform(0.1, 3))
                if draw.random() < 0.3:
                    socket.transport.abort()


async def break_microphone(server: AudioServer, plan: Plan, record: Record) -> None:
    """Kills the audio server and starts it again while speech is played to it."""
    while True:
        playing = asyncio.create_task(asyncio.to_thread(server.try_play, DATA / "short.flac"))
        await asyncio.sleep(plan.fault_s / 2)
        await asyncio.to_thread(server.kill)
        record.faults += 1
        await asyncio.sleep(plan.fault_s / 4)
        await asyncio.to_thread(server.start)
        await playing
        await asyncio.sleep(plan.fault_s / 4)


async def measure(daemon: Daemon, plan: Plan, record: Record) -> None:
    """Records the resources that the process uses."""
    process = psutil.Process(daemon.process.pid)
    shown = 0.0
    while True:
        await asyncio.sleep(plan.sample_s)
        hours = record.spoken_s / 3600
        rss = process.memory_info().rss / 2**20
        record.samples.append(Sample(hours, rss, process.num_threads(), process.num_fds()))
        if hours - shown >= plan.hours / 32:
            shown = hours
            print(record.samples[-1], flush=True)


async def soak(plan: Plan, folder: Path, server: AudioServer) -> Record:
    """Runs the daemon with all its clients; the transcript is written to ``folder``."""
    record = Record()
    options = ["--source", "mic", "--source", "ws", "--model", plan.model, "--language", "en"]
    options += ["--set", "transcript.enabled=true", "--set", f"transcript.folder={folder}"]
    with Daemon(*options, env=server.env) as daemon:
        pcm = pcm_of("meeting") + pcm_of("short") + bytes(4 * RATE)
        watching = asyncio.create_task(watch(daemon, record))
        beside: list[Coroutine[Any, Any, None]] = [
            *(visit(daemon, record, random.Random(seed)) for seed in range(3)),
            break_microphone(server, plan, record),
            measure(daemon, plan, record),
        ]
        tasks = [asyncio.create_task(work) for work in beside]
        talks = asyncio.gather(*(speak(daemon, f"s{i}", pcm, plan, record) for i in range(plan.speakers)))
        done, _ = await asyncio.wait([talks, watching, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        assert done == {talks}, f"something ended early: {done}; log of the daemon: {daemon.log[-3000:]}"
        talks.result()
        assert daemon.stop() == 0, daemon.log[-3000:]
        await watching
        assert "Traceback" not in daemon.log, daemon.log
    return record


def find_problems(plan: Plan, record: Record, written: list[dict[str, Any]]) -> list[str]:
    """Returns a sentence for each problem."""
    problems: list[str] = []
    settled = [s for s in record.samples if s.hours >= plan.settled_h]
    share = max(1, len(settled) // 4)
    begin, end = settled[:share], settled[-share:]
    if not settled:
        return ["the run was too short to be judged"]
    before, after = (median(s.megabytes for s in part) for part in (begin, end))
    if after > before * GROWTH:
        problems.append(f"memory grew from {before:.0f} to {after:.0f} MB")
    for what in ("threads", "descriptors"):
        before, after = (median(getattr(s, what) for s in part) for part in (begin, end))
        if after > before + COMING_AND_GOING:
            problems.append(f"{what} grew from {before:.0f} to {after:.0f}")
    received = [(m["seq"], m["id"], m["text"]) for m in record.finals]
    kept = [(m["seq"], m["id"], m["text"]) for m in written]
    if kept != sorted(kept):
        problems.append("the transcript is not in order")
    if missing := set(received) - set(kept):
        problems.append(f"{len(missing)} finals of {len(received)} are not in the transcript")
    return problems


def finals_of(folder: Path) -> list[dict[str, Any]]:
    """Returns the finals of the transcript in a folder, oldest first."""
    lines = [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]
    return [message for line in lines if (message := json.loads(line)).get("type") == "final"]


def run(plan: Plan) -> list[str]:
    """Runs everything; returns a sentence for each problem."""
    with tempfile.TemporaryDirectory() as temporary:
        audio, folder = Path(temporary, "audio"), Path(temporary, "transcripts")
        audio.mkdir()
        with AudioServer(audio) as server:
            started = time.monotonic()
            record = asyncio.run(soak(plan, folder, server))
            took_h = (time.monotonic() - started) / 3600
        print(f"{record.spoken_s / 3600:.2f} h of audio in {took_h:.2f} h; {len(record.finals)} finals, ", end="")
        print(f"{record.gaps} gaps, {record.faults} faults of the microphone, {record.visits} short-lived viewers")
        return find_problems(plan, record, finals_of(folder))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hours", type=float, default=8, help="hours of audio, of all speakers together")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--speakers", type=int, default=4)
    options = parser.parse_args()
    problems = run(Plan(options.hours, options.model, options.speakers))
    for problem in problems:
        print(f"PROBLEM: {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
