"""Changes the model while captions go on: the new one is loaded beside the old one, and used from the next job on."""

import asyncio
import gc
import logging
from dataclasses import replace
from functools import partial

from streamstt.concurrency import run_in_thread
from streamstt.config.settings import EngineSettings, Settings
from streamstt.engine.base import Engine, EngineInfo
from streamstt.engine.runner import EngineRunner
from streamstt.errors import EngineError, ModelError
from streamstt.hub.hub import Hub
from streamstt.whisper import memory
from streamstt.whisper.loader import load_engine, require_languages
from streamstt.whisper.model_choice import AUTO, make_demand

log = logging.getLogger(__name__)


class ModelSwitch:
    """Replaces the engine of a daemon by one with another model; one change at a time.

    Nothing is downloaded: a model that is not on this machine is refused, because nobody waits for a reload.
    """

    def __init__(self, engine: EngineRunner, hub: Hub) -> None:
        """Starts with the model that the engine was started with.

        Args:
            engine: The started engine.
            hub: Tells clients which model is in force.
        """
        self._engine = engine
        self._hub = hub
        self._lock = asyncio.Lock()

    async def apply(self, settings: Settings) -> bool:
        """Changes to the model of the settings, unless it is in force.

        Args:
            settings: All settings; "auto" is chosen anew, among the models on this machine.

        Returns:
            Whether the model was changed.

        Raises:
            StreamsttError: It cannot be loaded, or does not know the languages; the old one stays in force.
        """
        async with self._lock:
            name = await run_in_thread(choose_local, settings, self._engine.info.model)
            if name == self._engine.info.model and not name.startswith("script:"):
                return False
            await self._load(settings, name)
            return True

    async def change(self, settings: Settings, name: str, instead_of: EngineInfo) -> None:
        """Changes to a certain model, or loads the present one anew, for instance because its formats have changed.

        Args:
            settings: All settings but the model's name.
            name: The model; it must be on this machine.
            instead_of: The model that it replaces; if a reload has changed that meanwhile, the reload has precedence.

        Raises:
            StreamsttError: As of ``apply``.
        """
        async with self._lock:
            if self._engine.info is not instead_of:
                raise EngineError("a reload has changed the model meanwhile")
            await self._load(settings, name)

    async def set_vocabulary(self, terms: tuple[str, ...]) -> None:
        """Sets names and terms to expect, also in a model that is being loaded.

        Args:
            terms: Names and terms, as they are written.

        Raises:
            ConfigError: There are more than the model takes.
        """
        async with self._lock:
            await self._engine.set_vocabulary(terms)

    async def _load(self, settings: Settings, name: str) -> None:
        old = self._engine.info.model
        engine_settings = settings.engine.model_copy(update={"model": name})
        languages = (settings.engine.language, *(source.language for source in settings.source))
        await self._engine.replace(partial(_load, engine_settings, languages))
        info = self._engine.info
        self._hub.set_daemon_info(replace(self._hub.daemon_info, model=info.model, precision=info.precision))
        log.info("model %s in %s replaces %s", info.model, info.precision, old)
        # The old model is gone but for what the collector was told not to look at, see the daemon's start.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        if not name.startswith("script:"):
            from streamstt.whisper.runtime import release_free_memory  # noqa: PLC0415 - it imports torch

            release_free_memory()


def choose_local(settings: Settings, loaded: str) -> str:
    """Returns the model of the settings, or that which "auto" stands for among those on this machine.

    Args:
        settings: All settings.
        loaded: The model in force.

    Raises:
        ModelError: It is unknown, or not on this machine.
        EngineError: The speed of a model cannot be measured now.
    """
    name = settings.engine.model
    if name.startswith("script:"):
        return name
    from streamstt.whisper.checkpoints import search  # noqa: PLC0415 - a scripted engine needs no models

    if name == AUTO:
        from streamstt.whisper import auto_model  # noqa: PLC0415 - it imports torch

        try:
            name = auto_model.choose(settings.engine, make_demand(settings), only_local=True, loaded=loaded).name
        except (RuntimeError, MemoryError, OSError) as error:
            raise EngineError(f"no model can be chosen now: {error}") from error
    if search.find_local(name) is None:
        raise ModelError(f"model {name} is not on this machine: run `streamstt models fetch {name}`, then reload")
    return name


def _load(settings: EngineSettings, languages: tuple[str, ...]) -> Engine:
    """Loads an engine if there is memory for it and it knows the languages."""
    if not settings.model.startswith("script:"):
        _require_memory(settings.model)
    engine = load_engine(settings)
    require_languages(engine.info, *languages)
    return engine


def _require_memory(name: str) -> None:
    """Checks that a model fits into memory beside the present one.

    Raises:
        EngineError: It does not.
    """
    from streamstt.whisper.checkpoints import search  # noqa: PLC0415 - a scripted engine needs no models

    folder = search.find_local(name)
    needed_mb = memory.model_memory_mb(memory.size_mb(folder)) if folder else 0.0
    free_mb = memory.free_memory_mb()
    if needed_mb > free_mb:
        raise EngineError(
            f"there is no memory for model {name} beside the present one: it needs about {needed_mb:.0f} MB, "
            f"{free_mb:.0f} MB are free; restart the daemon to change the model"
        )
