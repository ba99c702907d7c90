"""What there is to know of the model: is it here, does it load, how fast is it, how much memory does it take?"""

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

BASE_MEMORY_MB = 450.0  # of the daemon without a model: Python and torch
LOAD_FACTOR = 2.5  # of its files' size a model takes while it is loaded
UPDATE_S = 6  # of audio: what a usual update hears


def probe_engine(settings: Settings) -> list[Fact]:
    """The model's facts; it is loaded if it is here and there is room for it, and never fetched."""
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
        loaded = load_engine(settings.engine)
        update_s = measure_update(loaded, settings.engine.threads)
    except StreamsttError as error:
        return [ModelFact(name, present=True, size_mb=size_mb, problem=str(error)), memory]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        ModelFact(name, True, size_mb, loaded.info.precision),
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
    """Seconds of an update."""
    if isinstance(engine, StreamingEngine) and engine.info.device == "cpu":
        return speed.measure(engine, threads).update
    samples = read_recording(welcome())[: UPDATE_S * SAMPLE_RATE]
    took = []
    for _ in range(2):  # the first prepares
        begun = time.perf_counter()
        engine.decode(Job("check", 0, samples, final=False, language="en"))
        took.append(time.perf_counter() - begun)
    return min(took)


def free_memory_mb() -> float:
    """Memory that programs can still take, in MB: of the machine, or of the container if that has less."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable"))
    try:
        group = Path("/sys/fs/cgroup")
        most, used = ((group / f"memory.{what}").read_text().strip() for what in ("max", "current"))
        return min(free, (int(most) - int(used)) / 2**20)
    except (OSError, ValueError):
        return free  # there is no limit
