"""The speed that a model is known to have on this machine, and measuring it again while captions go on.

Measures with random weights, so that it needs neither the engine nor its thread.
"""

from dataclasses import dataclass

from streamstt.config.settings import EngineSettings
from streamstt.whisper import auto_model
from streamstt.whisper.checkpoints import search
from streamstt.whisper.checkpoints.cache import default_cache_root
from streamstt.whisper.checkpoints.layout import read_json
from streamstt.whisper.network import precision
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.runtime import find_device


@dataclass(frozen=True, slots=True)
class MeasuredSpeed:
    """What was measured.

    Attributes:
        update_s: Seconds of a typical update.
        formats: The number formats to use, in words.
    """

    update_s: float
    formats: str


def promised_update_s(settings: EngineSettings, model: str) -> float | None:
    """Returns the seconds that a typical update takes when nothing else runs; None: not measured yet.

    Args:
        settings: Device, number formats, threads.
        model: Name of a model on this machine.

    Raises:
        StreamsttError: There is no such model, or its device is not available.
    """
    device = find_device(settings.device)
    return auto_model.open_store(settings).update_s(auto_model.model_key(_dimensions(model), settings, device))


def measure_again(settings: EngineSettings, model: str) -> MeasuredSpeed:
    """Measures number formats and speed for a model, and replaces what is remembered; takes some seconds.

    Args:
        settings: Device, number formats, threads.
        model: Name of a model on this machine.

    Raises:
        StreamsttError: There is no such model, or its device is not available.
    """
    device, dims, cache = find_device(settings.device), _dimensions(model), default_cache_root() / "precision.json"
    store = auto_model.open_store(settings)  # sets the number of threads, which the formats are measured for
    if device.type == "cpu":
        precision.measure_again(dims, cache)
    update_s = auto_model.measured_update_s(store, dims, settings, device, again=True)
    plan = precision.choose(settings.encoder, settings.decoder, dims, device, cache)
    return MeasuredSpeed(update_s, str(plan))


def _dimensions(model: str) -> ModelDimensions:
    folder = search.find_local(model) or search.find(model).folder
    return ModelDimensions.from_config(read_json(folder / "config.json"))
