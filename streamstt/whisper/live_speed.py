"""The speed that a model is known to have on this machine, and measuring it again while captions go on.

Measures with random weights, so that it needs neither the engine nor its thread.
"""

from streamstt.config.settings import EngineSettings, Settings
from streamstt.errors import EngineError, ModelError
from streamstt.whisper import auto_model, memory
from streamstt.whisper.checkpoints import search
from streamstt.whisper.checkpoints.cache import default_cache_root
from streamstt.whisper.checkpoints.layout import Layout, detect_layout, read_json
from streamstt.whisper.model_choice import MeasuredSpeed, make_demand
from streamstt.whisper.network import precision
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.runtime import find_device, release_free_memory

MIN_FREE_MB = 500.0  # measuring takes 200 MB (base) or more


class MachineSpeeds:
    """The speeds of models on this machine."""

    @staticmethod
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

    @staticmethod
    def measure_again(settings: EngineSettings, model: str) -> MeasuredSpeed:
        """Measures speed and number formats for a model, and replaces what is remembered; takes some seconds.

        The first time it measures only the speed: the formats have just been chosen.

        Arguments and errors are those of ``promised_update_s``.
        """
        device, dims, cache = find_device(settings.device), _dimensions(model), default_cache_root() / "precision.json"
        store = auto_model.open_store(settings)  # sets the number of threads, which the formats are measured for
        if memory.free_memory_mb() < MIN_FREE_MB:
            raise EngineError("there is not enough free memory to measure")
        key = auto_model.model_key(dims, settings, device)
        if device.type == "cpu" and store.update_s(key) is not None:
            precision.measure_again(dims, cache)
        update_s = auto_model.measured_update_s(store, dims, settings, device, again=True)
        release_free_memory()  # of the layers that were timed
        plan = precision.choose(settings.encoder, settings.decoder, dims, device, cache)
        return MeasuredSpeed(update_s, str(plan))

    @staticmethod
    def local_models(settings: Settings) -> tuple[str, ...]:
        """Returns the models on this machine that suit the settings, from the worst words to the best.

        Raises:
            StreamsttError: The device of the settings is not available.
        """
        return auto_model.local_models(settings.engine, make_demand(settings))


def _dimensions(model: str) -> ModelDimensions:
    folder = search.find_local(model)
    if folder is None:
        raise ModelError(f"model {model} is not on this machine any more")
    if detect_layout(folder) is not Layout.TRANSFORMERS:
        folder = search.find(model).folder  # it was converted when it was loaded
    return ModelDimensions.from_config(read_json(folder / "config.json"))
