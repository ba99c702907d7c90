"""Which model ``auto`` stands for: measured seconds in, a choice out."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from streamstt.config.loader import settings_from_mapping
from streamstt.whisper.model_choice import (
    SIZES,
    Demand,
    ModelChoice,
    ModelSize,
    choose,
    is_carried,
    make_demand,
    measure_upward,
    neighbor,
    suitable_sizes,
)

ANY = Demand()
ENGLISH = Demand(languages=frozenset({"en"}))
GPU = Demand(on_gpu=True)
WHEELS = {"base", "tiny.en"}
ALL_FAST = {size.name: 0.01 for size in SIZES}
TWO_CORES = {"base": 0.16, "small": 0.5}


def pick(
    measured: dict[str, float], demand: Demand = ANY, local: Iterable[str] = (), *, hub: bool = True
) -> ModelChoice:
    """Chooses on a machine that reaches the package index, and the hub or not."""
    return choose(measured, demand, lambda name: name in set(local), lambda name: hub or name in WHEELS)


@pytest.mark.parametrize(
    ("measured", "demand", "hub", "name"),
    [
        (TWO_CORES, ANY, True, "base"),
        ({"base": 0.1, "small": 0.3}, ANY, True, "small"),
        ({"base": 0.1, "small": 0.3}, ANY, False, "base"),
        ({"base": 0.1, "small": 0.3}, replace(ANY, sources=2), True, "base"),
        ({"base": 0.1, "small": 0.3}, replace(ANY, interval_s=0.4), True, "base"),
        ({"base": 0.1, "small": 0.3}, ENGLISH, True, "small.en"),
        (TWO_CORES, ENGLISH, True, "base.en"),
        (TWO_CORES, ENGLISH, False, "base"),
        (ALL_FAST, ANY, True, "large-v3"),
        (ALL_FAST, replace(GPU, translate=True), True, "large-v3"),
        (ALL_FAST | {"large-v3": 0.5}, GPU, True, "large-v3-turbo"),
        (ALL_FAST | {"large-v3": 0.5}, replace(GPU, translate=True), True, "medium"),
        (ALL_FAST | {"large-v3": 0.5}, ANY, True, "medium"),
        (ALL_FAST | {"large-v3": 0.5, "large-v3-turbo": 0.5}, replace(ENGLISH, on_gpu=True), True, "distil-large-v3"),
        (ALL_FAST | {"large-v3": 0.5, "large-v3-turbo": 0.5}, GPU, True, "medium"),
        ({"base": 0.7}, ANY, True, "base"),
        ({"base": 0.8, "tiny": 0.4}, ANY, True, "tiny"),
        ({"base": 0.8, "tiny": 0.4}, ENGLISH, False, "tiny.en"),
    ],
)
def test_choices(measured: dict[str, float], demand: Demand, hub: bool, name: str) -> None:
    """The largest that fits, that can do the task and the languages, and that can be had."""
    assert pick(measured, demand, hub=hub).name == name


def test_what_is_here_comes_first() -> None:
    """Of two models of one size, the one on this machine is taken; a larger size is worth a download."""
    assert pick(TWO_CORES, ENGLISH, ["base"]).name == "base"
    assert pick({"base": 0.1, "small": 0.2}, ENGLISH, ["base"]).name == "small.en"


def test_the_hub_is_asked_only_if_it_matters() -> None:
    """Nothing is asked if the largest model that fits is on this machine."""

    def never(name: str) -> bool:
        pytest.fail(f"asked for {name}")

    assert choose(TWO_CORES, ANY, lambda name: name == "base", never).name == "base"


def test_without_anything() -> None:
    """If nothing can be had, fetching the wanted model tells the user why; a smaller one that is here is better."""
    assert choose(TWO_CORES, ENGLISH, lambda _: False, lambda _: False).name == "base"
    assert choose(TWO_CORES, ENGLISH, lambda name: name == "tiny.en", lambda _: False).name == "tiny.en"
    assert choose({"base": 0.8, "tiny": 0.4}, ANY, lambda _: False, lambda name: name == "base").name == "base"


def test_it_says_why() -> None:
    """The choice names the next larger model, and what is against it."""
    assert str(pick(TWO_CORES)) == "base, 160 ms an update; small would be too slow, 500 ms an update"
    here = str(pick({"base": 0.1, "small": 0.2}, hub=False))
    assert here == "base, 100 ms an update; small would be fast enough: streamstt models fetch small"
    short = choose({"base": 0.1}, ANY, lambda _: True, lambda _: True, "small")
    assert str(short) == "base, 100 ms an update; small needs more memory than is free"
    assert str(pick(ALL_FAST)) == "large-v3, 10 ms an update"


def test_measuring_goes_up_until_it_is_too_much() -> None:
    """No size above the first that is too slow is measured; a smaller one only if base itself is too slow."""
    calls: list[str] = []

    def measure(size: ModelSize, seconds: dict[str, float]) -> float:
        calls.append(size.name)
        return seconds[size.name]

    for seconds, expected in (
        ({"base": 0.16, "small": 0.5}, ["base", "small"]),
        ({"base": 0.1, "small": 0.3, "medium": 0.9}, ["base", "small", "medium"]),
        ({"base": 0.9, "tiny": 0.4}, ["base", "tiny"]),
    ):
        calls.clear()
        measured, no_memory = measure_upward(ANY, lambda size, s=seconds: measure(size, s), lambda _: True)
        assert (calls, no_memory) == (expected, "")
        assert measured == seconds
    measured, no_memory = measure_upward(ANY, lambda _: 0.01, lambda size: size.parameters_m < 200)
    assert (list(measured), no_memory) == (["base"], "small")


def test_small_words_are_a_last_resort() -> None:
    """Base may be updated half as often before a smaller model is better; a larger one may not."""
    assert is_carried("base", 0.5, ANY)
    assert not is_carried("small", 0.5, ANY)
    assert not is_carried("base", 0.8, ANY)


def test_demand_of_the_settings() -> None:
    """All sources count; English alone only if no source, and no client, may speak another language."""
    two = [{"input": "mic", "language": "en"}, {"input": "ws"}]
    assert make_demand(settings_from_mapping({"source": two})).languages == {"auto", "en"}
    demand = make_demand(settings_from_mapping({"source": two, "engine.language": "en", "speech.update_ms": 1000}))
    assert (demand.sources, demand.interval_s, demand.only_english) == (2, 1.0, True)
    translating = settings_from_mapping({"engine.language": "en", "engine.task": "translate"})
    assert not make_demand(translating).only_english


def test_sizes_for_a_task() -> None:
    """Models that were not trained to translate do not; those for English only are for English only."""
    assert {s.name for s in suitable_sizes(replace(GPU, translate=True))}.isdisjoint(
        {"large-v3-turbo", "distil-large-v3"}
    )
    assert "distil-large-v3" not in {s.name for s in suitable_sizes(GPU)}


def test_neighbors() -> None:
    """One step up or down, and none beyond the ends."""
    names = ("tiny", "base", "small")
    assert [neighbor("base", names, step) for step in (-1, 1)] == ["tiny", "small"]
    assert [neighbor("tiny", names, -1), neighbor("small", names, 1), neighbor("medium", names, 1)] == ["", "", ""]
