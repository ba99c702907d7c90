"""Changing the model while captions go on, with scripted engines."""

import json
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from streamstt.config.loader import settings_from_mapping
from streamstt.config.settings import Settings
from streamstt.daemon.model_switch import ModelSwitch
from streamstt.engine.runner import EngineRunner
from streamstt.errors import ConfigError, ModelError
from streamstt.hub.hub import Hub
from streamstt.whisper.loader import load_engine
from tests.support.captions import make_hub


@pytest.fixture
def thread() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def with_script(folder: Path, language: str, **values: object) -> Settings:
    """Settings with a model that knows one language."""
    file = folder / f"{language}.json"
    file.write_text(json.dumps({"words": [], "language": language}))
    return settings_from_mapping({"engine.model": f"script:{file}", **values})


async def started(settings: Settings, thread: Executor) -> tuple[ModelSwitch, EngineRunner, Hub]:
    engine, hub = EngineRunner(lambda: load_engine(settings.engine), thread), make_hub()
    await engine.start()
    return ModelSwitch(engine, hub), engine, hub


async def test_another_model(thread: Executor, tmp_path: Path) -> None:
    """It is in force afterwards, and clients are told."""
    models, engine, hub = await started(with_script(tmp_path, "en"), thread)
    assert await models.apply(with_script(tmp_path, "de"))
    assert engine.info.languages == ("de",)
    assert (hub.daemon_info.model, hub.daemon_info.precision) == ("script", "exact")


async def test_a_model_that_cannot_be_had(thread: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched; the message says how to, and the old one stays. So it does if a language is unknown."""
    monkeypatch.setattr("streamstt.whisper.checkpoints.search.find_local", lambda _: None)
    models, engine, _ = await started(with_script(tmp_path, "en"), thread)
    with pytest.raises(ModelError, match="streamstt models fetch small"):
        await models.apply(settings_from_mapping({"engine.model": "small"}))
    with pytest.raises(ModelError, match="nope"):
        await models.apply(settings_from_mapping({"engine.model": "script:nope.json"}))
    with pytest.raises(ConfigError, match="'de'"):
        await models.apply(with_script(tmp_path, "en", **{"engine.language": "de"}))
    sources = [{"input": "ws", "language": "fr"}]
    with pytest.raises(ConfigError, match="'fr'"):
        await models.apply(with_script(tmp_path, "en", source=sources))
    assert engine.info.languages == ("en",)
