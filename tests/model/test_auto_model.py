"""What ``auto`` does on a machine: measures once, asks the hub only if it matters, and never waits long for it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streamstt.config.settings import EngineSettings
from streamstt.errors import ModelError
from streamstt.whisper import auto_model, live_speed, speed
from streamstt.whisper.checkpoints import huggingface, search
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.live_speed import MachineSpeeds
from streamstt.whisper.model_choice import Demand
from streamstt.whisper.network import precision
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.speed import LayerTimings

SETTINGS, ONE = EngineSettings(device="cpu", threads=1), Demand()


class Machine:
    """A machine with a certain speed, models and hub, and a record of what was done on it."""

    def __init__(self) -> None:
        self.speedup = 1.0
        self.local = {"openai/whisper-base"}
        self.hub_problem = "no network"
        self.refused: set[str] = set()
        self.measured: list[int] = []  # widths
        self.fetched: list[str] = []
        self.probes = 0

    def measure_layers(self, dims: ModelDimensions, *_: object) -> LayerTimings:
        """A layer takes a time that grows with the square of its width, as base's takes 10 ms in all."""
        self.measured.append(dims.width)
        layer_s = 0.010 * (dims.width / 512) ** 2 / self.speedup
        seconds = np.full(8, layer_s / 3)  # an update is 4.5 of these
        return LayerTimings("int8", seconds, seconds, (0.0, 0.0))

    def find_local(self, name: str) -> Path | None:
        return Path(name) if search.REPOSITORIES.get(name, name) in self.local else None

    def find(self, name: str, **_: object) -> Checkpoint:
        self.fetched.append(name)
        if name in self.refused:
            raise ModelError(f"{name} is gone")
        return Checkpoint(name, Path(name), "hub")

    def probe(self, within_s: float) -> str:
        assert within_s <= 2, "a start does not wait longer"
        self.probes += 1
        return self.hub_problem


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    made = Machine()
    monkeypatch.setattr(auto_model, "default_cache_root", lambda: tmp_path)
    monkeypatch.setattr(live_speed, "default_cache_root", lambda: tmp_path)
    monkeypatch.setattr(speed, "measure_layers", made.measure_layers)
    monkeypatch.setattr(search, "find_local", made.find_local)
    monkeypatch.setattr(search, "find", made.find)
    monkeypatch.setattr(huggingface, "probe", made.probe)
    monkeypatch.setattr(huggingface, "is_offline", lambda: False)
    return made


def chosen(demand: Demand = ONE) -> str:
    found = auto_model.find(SETTINGS, demand)
    assert found.checkpoint.name == found.choice.name
    return found.choice.name


def test_a_small_machine(machine: Machine) -> None:
    """Base and the first size that is too slow are measured, once; nobody asks the hub for what would be too slow."""
    machine.speedup = 0.8
    assert [chosen(), chosen()] == ["base", "base"]
    assert machine.measured == [512, 768]
    assert machine.probes == 0


def test_a_fast_machine_without_a_network(machine: Machine) -> None:
    """The hub is asked once an hour."""
    machine.speedup = 3.0
    assert [chosen(), chosen()] == ["base", "base"]
    assert machine.probes == 1
    assert machine.measured == [512, 768, 1024]


def test_a_fast_machine_with_a_hub(machine: Machine) -> None:
    """The largest that fits is fetched; from then on it is on this machine, and nobody is asked."""
    machine.speedup, machine.hub_problem = 3.0, ""
    assert chosen() == "small"
    machine.local.add("openai/whisper-small")
    assert chosen() == "small"
    assert machine.probes == 1


def test_a_hub_that_refuses(machine: Machine) -> None:
    """What cannot be fetched is not insisted on."""
    machine.speedup, machine.hub_problem, machine.refused = 3.0, "", {"small"}
    assert chosen() == "base"
    assert machine.fetched == ["small", "base"]


def test_offline(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE: not a single request."""
    monkeypatch.setattr(huggingface, "is_offline", lambda: True)
    machine.speedup = 3.0
    assert chosen() == "base"
    assert machine.probes == 0


def test_nothing_can_be_had(machine: Machine) -> None:
    """The error is that of base, and comes once."""
    machine.local.clear()
    machine.refused = {"base"}
    with pytest.raises(ModelError, match="base is gone"):
        chosen()
    assert machine.fetched == ["base"]


def test_among_local_models(machine: Machine) -> None:
    """A reload, and a step down or up, fetch nothing."""
    machine.speedup, machine.hub_problem = 3.0, ""
    assert auto_model.choose(SETTINGS, ONE, only_local=True).name == "base"
    machine.local |= {"openai/whisper-small", "openai/whisper-tiny.en"}
    assert auto_model.choose(SETTINGS, ONE, only_local=True).name == "small"
    assert auto_model.local_models(SETTINGS, ONE) == ("base", "small")
    english = Demand(languages=frozenset({"en"}))
    assert auto_model.local_models(SETTINGS, english) == ("tiny.en", "base", "small")


def test_little_memory(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model without memory for it is not measured."""
    machine.speedup = 3.0
    monkeypatch.setattr("streamstt.whisper.memory.free_memory_mb", lambda: 1000.0)
    assert str(auto_model.find(SETTINGS, ONE).choice).endswith("small needs more memory than is free")
    assert machine.measured == [512]


def test_measured_again(machine: Machine, base_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New figures replace the promise, and the formats are those that are fastest now."""
    plans: list[Callable[[], object]] = []
    monkeypatch.setattr(precision, "measure_again", lambda *_: plans.append(lambda: None))
    monkeypatch.setattr(search, "find_local", lambda _: base_folder)
    settings = SETTINGS.model_copy(update={"encoder": "bfloat16", "decoder": "float32"})
    speeds = MachineSpeeds()
    assert speeds.promised_update_s(settings, "base") is None
    first = speeds.measure_again(settings, "base")
    assert first.formats == "bfloat16 and float32"
    assert speeds.promised_update_s(settings, "base") == first.update_s
    machine.speedup = 0.5
    assert speeds.measure_again(settings, "base").update_s == pytest.approx(2 * first.update_s)
    assert speeds.promised_update_s(settings, "base") == pytest.approx(2 * first.update_s)
    assert len(plans) == 1, "at first, the formats have just been chosen"
