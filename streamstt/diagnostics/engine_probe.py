"""Gathers the facts of the model: whether it is on this machine and loads, its speed, and its memory."""

import resource
import time
from dataclasses import replace

from streamstt.audio.format import SAMPLE_RATE
from streamstt.bench.benchmark import read_recording
from streamstt.config.settings import EngineSettings, Settings
from streamstt.diagnostics.facts import Fact, MemoryFact, ModelFact, SpeedFact
from streamstt.engine.base import Engine, Job
from streamstt.errors import StreamsttError
from streamstt.samples import welcome
from streamstt.whisper import auto_model, memory, speed
from streamstt.whisper.checkpoints import search
from streamstt.whisper.loader import load_engine
from streamstt.whisper.model_choice import AUTO, make_demand
from streamstt.whisper.streaming import StreamingEngine

UPDATE_S = 6  # audio of a typical update


def probe_engine(settings: Settings) -> list[Fact]:
    """Gathers the facts; loads the model if it is on this machine and fits into memory, but never downloads it."""
    name = settings.engine.model
    if name.startswith("script:"):
        return [_probe_script(settings)]
    if name != AUTO:
        return _probe_model(settings, name)
    if not any(entry.folder for entry in search.list_models()):
        return [ModelFact(AUTO, present=False)]  # measuring takes a while; the first start does it
    try:
        chosen = auto_model.choose(settings.engine, make_demand(settings))
    except StreamsttError as error:
        return [ModelFact(AUTO, present=True, problem=str(error))]
    return _probe_model(settings, chosen.name, str(chosen))


def _probe_model(settings: Settings, name: str, choice: str = "") -> list[Fact]:
    """Gathers the facts of one model; ``choice`` says why it was chosen."""
    settings = settings.model_copy(update={"engine": settings.engine.model_copy(update={"model": name})})
    try:
        folder = search.find_local(name)
    except StreamsttError as error:
        return [ModelFact(name, present=False, problem=str(error))]
    if folder is None:
        return [ModelFact(name, present=False, choice=choice)]
    size_mb = memory.size_mb(folder)
    needed = MemoryFact(memory.free_memory_mb(), memory.BASE_MEMORY_MB + memory.model_memory_mb(size_mb))
    if needed.needed_mb > needed.free_mb:
        return [ModelFact(name, present=True, size_mb=size_mb, choice=choice), needed]
    return _probe_loaded(settings, ModelFact(name, present=True, size_mb=size_mb, choice=choice), needed)


def _probe_loaded(settings: Settings, model: ModelFact, needed: MemoryFact) -> list[Fact]:
    try:
        engine = load_engine(settings.engine)
        update_s, promised_s = measure_update(engine, settings.engine)
    except StreamsttError as error:
        return [replace(model, problem=str(error)), needed]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        replace(model, precision=engine.info.precision),
        SpeedFact(update_s, settings.speech.update_ms / 1000, len(settings.source), promised_s),
        MemoryFact(needed.free_mb, peak_mb, measured=True),
    ]


def _probe_script(settings: Settings) -> ModelFact:
    try:
        load_engine(settings.engine)
    except StreamsttError as error:
        return ModelFact(settings.engine.model, present=True, problem=str(error))
    return ModelFact(settings.engine.model, present=True)


def measure_update(engine: Engine, settings: EngineSettings) -> tuple[float, float]:
    """Measures the time of a typical update now, and that when nothing else runs (s).

    The latter is what was measured at the first start, if it was; 0: not known.
    """
    if isinstance(engine, StreamingEngine):
        return speed.measure_now(engine).update, auto_model.promised_update_s(engine, settings)
    samples = read_recording(welcome())[: UPDATE_S * SAMPLE_RATE]
    times_s = []
    for _ in range(2):  # the first one warms up
        start = time.perf_counter()
        engine.decode(Job("check", 0, samples, final=False, language="en"))
        times_s.append(time.perf_counter() - start)
    return min(times_s), 0.0
