"""What the daemon does about the speed of its engine; models and speeds are made up, engine and pipeline are real."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.config.loader import settings_from_mapping
from streamstt.config.settings import EngineSettings, Settings
from streamstt.daemon.model_switch import ModelSwitch
from streamstt.daemon.speed_watch import SpeedWatch
from streamstt.engine.base import EngineInfo
from streamstt.engine.runner import EngineRunner
from streamstt.engine.scripted import Script, ScriptedEngine
from streamstt.errors import EngineError
from streamstt.hub.health import hub_health
from streamstt.whisper.model_choice import MeasuredSpeed
from tests.support.captions import make_hub

SCRIPT = Script(words=())


class NamedEngine(ScriptedEngine):
    """A script that goes by the name of a model."""

    def __init__(self, name: str, formats: str = "int8") -> None:
        super().__init__(SCRIPT)
        self._info = EngineInfo(name, "cpu", formats, ("en",))

    @property
    def info(self) -> EngineInfo:
        return self._info


@dataclass
class MadeUpSpeeds:
    """Models on a machine, and what their updates take."""

    promised: dict[str, float] = field(default_factory=lambda: {"base": 0.16, "small": 0.3})
    measured: list[str] = field(default_factory=list)
    formats: str = "int8"

    def promised_update_s(self, settings: EngineSettings, model: str) -> float | None:
        del settings
        return self.promised.get(model)

    def measure_again(self, settings: EngineSettings, model: str) -> MeasuredSpeed:
        del settings
        self.measured.append(model)
        self.promised[model] = 0.2
        return MeasuredSpeed(0.2, self.formats)

    def local_models(self, settings: Settings) -> tuple[str, ...]:
        del settings
        return ("base", "small")


class NamedSwitch(ModelSwitch):
    """Loads engines by name; some cannot be loaded."""

    missing: frozenset[str] = frozenset()
    formats = "int8"

    async def change(self, settings: Settings, name: str, instead_of: EngineInfo | None) -> None:
        del settings, instead_of
        if name in self.missing:
            raise EngineError(f"no memory for {name}")
        await self._engine.replace(lambda: NamedEngine(name, self.formats))


class Watched:
    """A daemon's parts as far as its speed is concerned, and a clock."""

    def __init__(self, engine: EngineRunner, model: str) -> None:
        settings = settings_from_mapping({"engine.model": model, "source": [{"input": "ws"}]})
        self.hub = make_hub()
        self.engine = engine
        self.pipeline = CaptionPipeline(settings, engine, self.hub)
        self.switch = NamedSwitch(engine, self.hub)
        self.speeds = MadeUpSpeeds()
        self.watch = SpeedWatch(engine, self.hub, self.pipeline, self.switch, lambda: self.speeds)
        self.now = 0.0

    async def speak(self, update_s: float, seconds: float) -> None:
        """Somebody speaks; each update takes this long."""
        until = self.now + seconds
        while self.now < until:
            for _ in range(5):
                self.now += 1.0
                self.pipeline.pace.add(self.now, "mic", update_s)
            await self.watch.check(self.now)

    async def pause(self, seconds: float = 30) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += 5.0
            await self.watch.check(self.now)


@pytest.fixture
async def small() -> AsyncIterator[EngineRunner]:
    with ThreadPoolExecutor(1) as thread:
        engine = EngineRunner(lambda: NamedEngine("small"), thread)
        await engine.start()
        yield engine


async def test_it_tells_how_the_engine_does(small: EngineRunner) -> None:
    """The present speed, that which was promised, the rhythm, the sources that it carries, and the second look."""
    watched = Watched(small, "auto")
    await watched.pause(5)
    state = watched.hub.engine_state
    assert state
    assert (state.auto, state.update_s, state.promised_s, state.sources) == (True, None, 0.3, 1)
    await watched.speak(0.12, 30)
    state = watched.hub.engine_state
    assert (state.update_s, state.interval_s, state.sources) == (0.12, 0.6, 4)
    await watched.speak(0.9, 60)
    assert watched.hub.engine_state.sources == 1, "with rare updates"
    fields = watched.hub.engine_state.fields
    assert {key: fields[key] for key in fields if key.startswith("second_look")} == {
        "second_look_s": 0.0,
        "second_look_skipped_s": 0.0,
        "second_look_corrections": 0,
    }


async def test_slow_updates_are_measured_in_silence(small: EngineRunner) -> None:
    """Other formats that are faster now are used at once."""
    watched = Watched(small, "small")
    watched.speeds.formats = watched.switch.formats = "bfloat16"
    await watched.speak(0.65, 60)
    assert watched.speeds.measured == []
    await watched.pause()
    assert watched.speeds.measured == ["small"]
    assert small.info.precision == "bfloat16"
    await watched.pause()
    assert watched.hub.engine_state
    assert watched.hub.engine_state.promised_s == 0.2
    assert watched.speeds.measured == ["small"]


async def test_auto_steps_down_and_returns(small: EngineRunner) -> None:
    """After two minutes of updates that are too slow; the operator is told, health stays as it is."""
    watched = Watched(small, "auto")
    await watched.speak(0.8, 150)
    assert small.info.model == "base"
    (notice,) = watched.hub.notices
    assert notice.text == "The smaller model base is used, because small is too slow at the moment."
    assert hub_health(watched.hub).ready
    await watched.speak(0.16, 500)
    assert small.info.model == "base"
    await watched.speak(0.16, 200)
    assert small.info.model == "small"
    assert watched.hub.notices == []


async def test_a_named_model_stays(small: EngineRunner) -> None:
    """Whoever names a model has it."""
    watched = Watched(small, "small")
    await watched.speak(3.0, 600)
    assert small.info.model == "small"


async def test_a_step_that_fails(small: EngineRunner) -> None:
    """The model stays, and it is not tried again at once."""
    watched = Watched(small, "auto")
    watched.switch.missing = frozenset({"base"})
    await watched.speak(0.8, 300)
    assert small.info.model == "small"
    assert watched.hub.notices == []


async def test_a_reload_chooses_anew(small: EngineRunner) -> None:
    """After a step down, a reload may bring the larger model back: it is as if nothing had happened."""
    watched = Watched(small, "auto")
    await watched.speak(0.8, 150)
    await watched.switch.change(watched.pipeline.settings, "small", small.info)
    await watched.speak(0.3, 10)
    assert watched.hub.notices == []
    await watched.speak(0.8, 150)
    assert small.info.model == "base"
