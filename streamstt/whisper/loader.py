"""Builds the engine that the settings name.

Each engine is imported only when it is chosen, so that a scripted engine needs no torch.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from streamstt.config.settings import EngineSettings
from streamstt.engine.base import Engine, EngineInfo
from streamstt.errors import ConfigError
from streamstt.progress import Progress
from streamstt.whisper.model_choice import AUTO, Demand
from streamstt.whisper.torch_import import import_all_parts

if TYPE_CHECKING:
    from streamstt.whisper.checkpoints.search import Checkpoint

CACHED_SHAPES = "16"  # compiled primitives that oneDNN keeps, one for each shape of matrices
ONE_SOURCE = Demand()

log = logging.getLogger(__name__)


def require_languages(info: EngineInfo, *wanted: str) -> None:
    """Checks that the model knows the languages of the settings.

    Args:
        info: Description of the loaded engine.
        wanted: Language codes; "auto" and the empty string are always accepted.

    Raises:
        ConfigError: The model does not know one of them.
    """
    known = info.languages
    for language in sorted(set(wanted) - {"", "auto", *known}):
        raise ConfigError(f"{info.model} does not know the language {language!r}; it knows {', '.join(known)}")


def load_engine(settings: EngineSettings, progress: Progress | None = None, demand: Demand = ONE_SOURCE) -> Engine:
    """Finds the model, downloads it if necessary, and loads it.

    Args:
        settings: The ``[engine]`` section.
        progress: Called with the progress of a download.
        demand: What a model is chosen for, if it is to be chosen.

    Raises:
        ModelError: There is no such model, it cannot be fetched, or it is damaged.
        EngineError: The device is not available.
        ConfigError: The model does not know the language of the settings.
    """
    engine = _load(settings, progress, demand)
    require_languages(engine.info, settings.language)
    return engine


def _load(settings: EngineSettings, progress: Progress | None, demand: Demand) -> Engine:
    match settings.model.partition(":"):
        case ("script", _, path):
            from streamstt.engine.scripted import ScriptedEngine  # noqa: PLC0415 - see the module's docstring

            return ScriptedEngine.load(Path(path))
        case _:
            from streamstt.whisper.checkpoints import languages  # noqa: PLC0415

            checkpoint = _find_checkpoint(settings, progress, demand)
            if known := languages.folder_languages(checkpoint.folder):
                require_languages(EngineInfo(checkpoint.name, "", "", known), settings.language)
            _limit_primitive_caches()
            # Import torch last: it takes seconds, and a misspelt name of model or language should fail at once.
            if settings.kind == "reference":
                import_all_parts()
                from streamstt.whisper.reference import ReferenceEngine  # noqa: PLC0415

                return ReferenceEngine(checkpoint, settings)
            from streamstt.whisper.streaming import StreamingEngine  # noqa: PLC0415

            return StreamingEngine(checkpoint, settings)


def _find_checkpoint(settings: EngineSettings, progress: Progress | None, demand: Demand) -> "Checkpoint":
    from streamstt.whisper.checkpoints import search  # noqa: PLC0415

    if settings.model != AUTO:
        return search.find(settings.model, progress=progress)
    _limit_primitive_caches()
    from streamstt.whisper import auto_model  # noqa: PLC0415 - it imports torch

    found = auto_model.find(settings, demand, progress)
    log.info("chose the model %s", found.choice)
    return found.checkpoint


def _limit_primitive_caches() -> None:
    """Bounds oneDNN's cache of compiled primitives for 16-bit matrices; call it before torch is imported.

    A primitive takes half a megabyte, each length of audio needs its own, and by default a thousand are kept: hundreds
    of megabytes within hours. Recompiling one takes no measurable time. torch reads these variables on import.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, CACHED_SHAPES)
