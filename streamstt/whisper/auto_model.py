"""Finds the model that ``engine.model = "auto"`` stands for on this machine.

Measures sizes with random weights before anything is downloaded, remembers the results, and asks the hub only if a
model that is not here would be fast enough. The decision itself is in ``model_choice``.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from streamstt.config.settings import EngineSettings
from streamstt.errors import ModelError
from streamstt.progress import Progress
from streamstt.version import __version__
from streamstt.whisper import memory, model_choice, speed
from streamstt.whisper.checkpoints import huggingface, search, wheels
from streamstt.whisper.checkpoints.cache import default_cache_root
from streamstt.whisper.checkpoints.names import REPOSITORIES
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.model_choice import Demand, ModelChoice, ModelSize
from streamstt.whisper.network import precision
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.runtime import find_device, release_free_memory
from streamstt.whisper.speed_store import SpeedStore
from streamstt.whisper.streaming import StreamingEngine

HUB_PROBE_S = 1.5  # how long a start waits for the hub, once an hour where it cannot be reached
MEASUREMENT = 3  # increment it when the engine becomes faster or slower; earlier measurements are then made again
GPU_RESERVE_MB = 1000.0  # left for keys, values and whatever else runs on a GPU

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FoundModel:
    """The model that was chosen, on this machine.

    Attributes:
        choice: Which, and why.
        checkpoint: Where it is.
    """

    choice: ModelChoice
    checkpoint: Checkpoint


def find(settings: EngineSettings, demand: Demand, progress: Progress | None = None) -> FoundModel:
    """Chooses a model, and fetches it if necessary. If it cannot be fetched, the next smaller one is taken.

    Args:
        settings: Device, number formats, threads, task.
        demand: What the model is for.
        progress: Called with the progress of a download.

    Raises:
        ModelError: No model can be had.
        EngineError: The device is not available, or torch does not support a number format.
    """
    failures: dict[str, ModelError] = {}
    while True:
        choice = choose(settings, demand, failed=frozenset(failures))
        if choice.name in failures:
            raise failures[choice.name]
        try:
            return FoundModel(choice, search.find(choice.name, progress=progress))
        except ModelError as error:
            if _is_local(choice.name):
                raise  # it is damaged
            log.info("model %s cannot be had: %s", choice.name, error)
            failures[choice.name] = error


def choose(
    settings: EngineSettings,
    demand: Demand,
    *,
    failed: frozenset[str] = frozenset(),
    only_local: bool = False,
    loaded: str = "",
) -> ModelChoice:
    """Chooses a model; measures what has not been measured on this machine. Downloads nothing.

    Args:
        settings: Device, number formats, threads, task.
        demand: What the model is for.
        failed: Models that could not be fetched.
        only_local: Whether to choose among the models on this machine only.
        loaded: The model that this process has loaded, for which there is memory; empty: none.
    """
    if settings.kind == "reference":
        return ModelChoice(model_choice.SMALLEST_WANTED)  # the oracle, which no live speed is measured of
    device = find_device(settings.device)
    demand = replace(demand, on_gpu=device.type == "cuda", translate=settings.task == "translate")
    store = open_store(settings)

    def measure(size: ModelSize) -> float:
        return measured_update_s(store, speed.SIZES[size.name], settings, device)

    def can_fetch(name: str) -> bool:
        if only_local or name in failed:
            return False
        return REPOSITORIES[name] in wheels.BUNDLES or _hub_is_reachable(store)

    measured, no_memory = model_choice.measure_upward(demand, measure, _memory_check(device, loaded))
    return model_choice.choose(measured, demand, _is_local, can_fetch, no_memory)


def open_store(settings: EngineSettings) -> SpeedStore:
    """Opens the measured speeds of this machine, with the threads of the settings."""
    torch.set_num_threads(settings.threads or 1)
    signature = hashlib.sha256(precision.machine_signature().encode()).hexdigest()[:16]
    return SpeedStore(default_cache_root() / "speed.json", f"{signature} {__version__} {MEASUREMENT}")


def model_key(dims: ModelDimensions, settings: EngineSettings, device: torch.device) -> str:
    """Identifies what the speed of a model depends on, besides the machine."""
    layers = f"{dims.width} {dims.encoder_layers} {dims.decoder_layers}"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{layers} {settings.encoder} {settings.decoder} {name}"


def measured_update_s(
    store: SpeedStore, dims: ModelDimensions, settings: EngineSettings, device: torch.device, *, again: bool = False
) -> float:
    """Returns the seconds of a typical update with a model of these sizes; measured with random weights if unknown.

    Args:
        store: Remembers it.
        dims: Sizes of the model.
        settings: Number formats and threads.
        device: Where the model runs.
        again: Measure it even if it is known.
    """
    key = model_key(dims, settings, device)
    known = None if again else store.update_s(key)
    if known is not None:
        return known
    timings = speed.measure_layers(dims, settings.encoder, settings.decoder, settings.threads, device)
    update_s = timings.estimate(dims).update
    release_free_memory()  # the layers took some hundred megabytes
    log.info("measured an update of a model with %s layers: %s", key, model_choice.format_ms(update_s))
    store.set_update_s(key, update_s)
    return update_s


def promised_update_s(engine: StreamingEngine, settings: EngineSettings, *, again: bool = False) -> float:
    """Returns the seconds that a typical update of a loaded model takes when nothing else runs.

    They are measured with the model itself if they are not known.

    Args:
        engine: An engine with the model; nothing else may use it meanwhile if it has to be measured.
        settings: The settings that it was loaded with.
        again: Measure even if they are known.
    """
    store = open_store(settings)
    key = model_key(engine.network.dims, settings, torch.device(engine.info.device))
    known = None if again else store.update_s(key)
    if known is None:
        known = speed.measure(engine, settings.threads).update
        log.info("measured an update of model %s: %s", engine.info.model, model_choice.format_ms(known))
        store.set_update_s(key, known)
    return known


def local_models(settings: EngineSettings, demand: Demand) -> tuple[str, ...]:
    """Returns the models on this machine that can do what is wanted, one of each size, from the worst words on."""
    demand = replace(demand, on_gpu=find_device(settings.device).type == "cuda", translate=settings.task == "translate")
    by_size = (model_choice.variants(size, demand) for size in model_choice.suitable_sizes(demand))
    return tuple(local for names in by_size if (local := next(filter(_is_local, names), "")))


def _is_local(name: str) -> bool:
    return search.find_local(REPOSITORIES[name]) is not None


def _hub_is_reachable(store: SpeedStore) -> bool:
    hub = huggingface.endpoint()
    if huggingface.is_offline() or store.hub_failed(hub):
        return False
    if problem := huggingface.probe(HUB_PROBE_S):
        log.info("larger models are not considered, because the hub %s cannot be reached: %s", hub, problem)
        store.set_hub_failed(hub)
        return False
    return True


def _memory_check(device: torch.device, loaded: str) -> Callable[[ModelSize], bool]:
    """Returns a function that tells whether there is memory for a size of model; for that which is loaded, there is."""
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        free_mb = torch.cuda.mem_get_info(index)[0] / 2**20 - GPU_RESERVE_MB
    else:
        free_mb = memory.free_memory_mb() - (0.0 if loaded else memory.BASE_MEMORY_MB)

    def has_memory(size: ModelSize) -> bool:
        return loaded in {size.name, f"{size.name}.en"} or memory.estimated_memory_mb(size.parameters_m) <= free_mb

    return has_memory
