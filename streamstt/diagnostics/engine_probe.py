"""Gathers the facts of the model: whether it is on this machine and loads, its speed, and its memory."""

import resource
import time
from pathlib import Path

from streamstt.audio.format import SAMPLE_RATE
from streamstt.bench.benchmark import read_recording
from streamstt.config.settings import Settings
from streamstt.diagnostics.facts import Fact, MemoryFact, ModelFact, SpeedFact
from streamstt.engine.base import Engine, Job
from streamstt.errors import StreamsttError
from streamstt.samples import welcome
from streamstt.whisper import speed
from streamstt.whisper.checkpoints import search
from streamstt.whisper.loader import load_engine
from streamstt.whisper.streaming import StreamingEngine

BASE_MEMORY_MB = 450.0  # memory of the daemon without a model: Python and torch
LOAD_FACTOR = 2.5  # memory of a model while it is loaded, relative to the size of its files
UPDATE_S = 6  # audio of a typical update


def probe_engine(settings: Settings) -> list[Fact]:
    """Gathers the facts; loads the model if it is on this machine and fits into memory, but never downloads it."""
    name = settings.engine.model
    if name.startswith("script:"):
        return [_probe_script(settings)]
    try:
        folder = search.find_local(name)
    except StreamsttError as error:
        return [ModelFact(name, present=False, problem=str(error))]
    if folder is None:
        return [ModelFact(name, present=False)]
    size_mb = sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6
    memory = MemoryFact(free_memory_mb(), BASE_MEMORY_MB + LOAD_FACTOR * size_mb)
    if memory.needed_mb > memory.free_mb:
        return [ModelFact(name, present=True, size_mb=size_mb), memory]
    return _probe_loaded(settings, size_mb, memory)


def _probe_loaded(settings: Settings, size_mb: float, memory: MemoryFact) -> list[Fact]:
    name = settings.engine.model
    try:
        engine = load_engine(settings.engine)
        update_s = measure_update(engine, settings.engine.threads)
    except StreamsttError as error:
        return [ModelFact(name, present=True, size_mb=size_mb, problem=str(error)), memory]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        ModelFact(name, True, size_mb, engine.info.precision),
        SpeedFact(update_s, settings.speech.update_ms / 1000, len(settings.source)),
        MemoryFact(memory.free_mb, peak_mb, measured=True),
    ]


def _probe_script(settings: Settings) -> ModelFact:
    try:
        load_engine(settings.engine)
    except StreamsttError as error:
        return ModelFact(settings.engine.model, present=True, problem=str(error))
    return ModelFact(settings.engine.model, present=True)


def measure_update(engine: Engine, threads: int) -> float:
    """Measures the time of a typical update (s)."""
    if isinstance(engine, StreamingEngine) and engine.info.device == "cpu":
        return speed.measure(engine, threads).update
    samples = read_recording(welcome())[: UPDATE_S * SAMPLE_RATE]
    times_s = []
    for _ in range(2):  # the first one warms up
        start = time.perf_counter()
        engine.decode(Job("check", 0, samples, final=False, language="en"))
        times_s.append(time.perf_counter() - start)
    return min(times_s)


def free_memory_mb() -> float:
    """Returns the memory available to programs (MB): of the machine, or of the container if it has less."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable"))
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / f"memory.{what}").read_text().strip() for what in ("max", "current"))
        return min(free, (int(limit) - int(used)) / 2**20)
    except (OSError, ValueError):
        return free  # the container has no limit
