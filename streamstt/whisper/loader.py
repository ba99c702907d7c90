"""Builds the engine that the settings ask for. Each import stands in its case: a script needs no torch."""

import os
from pathlib import Path

from streamstt.config.settings import EngineSettings
from streamstt.engine.base import Engine, EngineInfo
from streamstt.errors import ConfigError
from streamstt.whisper.checkpoints.search import Progress

CACHED_SHAPES = "16"  # shapes


def require_languages(info: EngineInfo, *wanted: str) -> None:
    """Checks settings against what the model speaks; "auto" and empty ask for nothing.

    Raises:
        ConfigError: It does not speak one of them.
    """
    known = info.languages
    for language in sorted(set(wanted) - {"", "auto", *known}):
        raise ConfigError(f"the model {info.model} does not speak {language!r}; it speaks {', '.join(known)}")


def load_engine(settings: EngineSettings, progress: Progress | None = None) -> Engine:
    """Finds the model, fetching it if need be, and loads it.

    Args:
        settings: The ``[engine]`` section.
        progress: Told how far a download is.

    Raises:
        ModelError: There is no such model, it cannot be had, or it is damaged.
        EngineError: The device is not there.
        ConfigError: The model does not speak the language of the settings.
    """
    engine = _load(settings, progress)
    require_languages(engine.info, settings.language)
    return engine


def _load(settings: EngineSettings, progress: Progress | None) -> Engine:
    match settings.model.partition(":"):
        case ("script", _, path):
            from streamstt.engine.scripted import ScriptedEngine  # noqa: PLC0415 - see above

            return ScriptedEngine.load(Path(path))
        case _:
            from streamstt.whisper.checkpoints import search  # noqa: PLC0415

            found = search.find(settings.model, progress=progress)
            _limit_primitive_caches()
            # Last, for torch takes seconds to import, and a wrong name should not.
            if settings.kind == "reference":
                from streamstt.whisper.reference import ReferenceEngine  # noqa: PLC0415

                return ReferenceEngine(found, settings)
            from streamstt.whisper.streaming import StreamingEngine  # noqa: PLC0415

            return StreamingEngine(found, settings)


def _limit_primitive_caches() -> None:
    """Has torch forget code that it made for shapes of 16-bit matrices that were long ago.

    It makes half a megabyte for each length of audio, and would keep a thousand: hundreds of megabytes within hours.
    What comes again is made again in no time that could be measured. torch reads these variables when it is imported.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, CACHED_SHAPES)
