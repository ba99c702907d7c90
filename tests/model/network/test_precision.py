"""Choosing number formats: measured once, cached, and an error only if an unsupported one is requested."""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from streamstt.errors import EngineError
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.network.linear import Linear, Precision, make_linear
from streamstt.whisper.network.precision import (
    MIN_SPEEDUP,
    LayerTimes,
    Machine,
    PrecisionPlan,
    choose,
    fastest,
    machine_signature,
    measure,
    measure_again,
)
from tests.support.drawing import PROPERTY

CPU = torch.device("cpu")
DIMS = ModelDimensions(16, 2, 2, 2, 2, 80, 100, 50)
F32, BF16, F16, INT8 = Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16, Precision.INT8
TIMES = {
    "encoder": {"float32": 3.0, "bfloat16": 1.0, "int8": 0.9},
    "decoder": {"float32": 3.0, "bfloat16": 2.0, "int8": 1.0},
}
FASTEST = PrecisionPlan(BF16, INT8)


@dataclass
class FakeTimer:
    """Reports the same times for every model, and remembers the models."""

    times: LayerTimes = field(default_factory=lambda: TIMES)
    measured: list[ModelDimensions] = field(default_factory=list)

    def __call__(self, dims: ModelDimensions) -> LayerTimes:
        self.measured.append(dims)
        return self.times


def never(dims: ModelDimensions) -> LayerTimes:
    pytest.fail("measured again")


def machine(time_formats: Any = never, name: str = "a machine") -> Machine:
    return Machine(time_formats=time_formats, signature=lambda: name)


def build_without(unsupported: set[Precision], weight: torch.Tensor, bias: Any, precision: Precision) -> Linear:
    """``make_linear`` of a torch that lacks some formats."""
    if precision in unsupported:
        raise RuntimeError(f"no kernel for {precision}")
    return make_linear(weight, bias, precision)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A file that does not exist yet, in a folder that does not either."""
    return tmp_path / "streamstt" / "precision.json"


@pytest.fixture
def timer() -> FakeTimer:
    """By which the encoder is fastest in bfloat16 and the decoder in int8."""
    return FakeTimer()


@PROPERTY
@given(st.floats(1e-6, 1), st.floats(1e-6, 1), st.floats(1e-6, 1))
def test_int8_must_be_worth_it(float32: float, bfloat16: float, int8: float) -> None:
    """int8 is chosen if and only if it is faster than any other format by more than its minimum speed-up."""
    choice = fastest({"float32": float32, "bfloat16": bfloat16, "int8": int8})
    other = min(float32, bfloat16)
    if int8 * MIN_SPEEDUP[INT8] < other:
        assert choice is INT8
    if int8 * MIN_SPEEDUP[INT8] > other:
        assert choice is (F32 if float32 <= bfloat16 else BF16)


def test_minimum_speedup() -> None:
    """int8 is not chosen for a small gain, but just above its minimum speed-up it is."""
    assert MIN_SPEEDUP[INT8] > 1
    assert fastest({"float32": 1.0, "int8": 0.99 / MIN_SPEEDUP[INT8]}) is INT8
    assert fastest({"float32": 1.0, "int8": 1.01 / MIN_SPEEDUP[INT8]}) is F32
    assert fastest({"float32": 1.0, "int8": 0.99}) is F32
    assert fastest({"float32": 1.0}) is F32


def test_each_part_has_its_own(timer: FakeTimer, cache: Path) -> None:
    """The measurements decide for encoder and decoder separately."""
    assert choose("auto", "auto", DIMS, CPU, cache, machine(timer)) == FASTEST
    assert timer.measured == [DIMS]


def test_it_is_cached(timer: FakeTimer, cache: Path) -> None:
    """The second call measures nothing, and returns the same."""
    choose("auto", "auto", DIMS, CPU, cache, machine(timer))
    assert choose("auto", "auto", DIMS, CPU, cache, machine()) == FASTEST
    assert choose("auto", "float32", DIMS, CPU, cache, machine()) == PrecisionPlan(BF16, F32)
    assert choose("float32", "auto", DIMS, CPU, cache, machine()) == PrecisionPlan(F32, INT8)


def test_it_is_measured_again_on_request(timer: FakeTimer, cache: Path) -> None:
    """New measurements replace the old ones."""
    choose("auto", "auto", DIMS, CPU, cache, machine(timer))
    timer.times = {"encoder": {"float32": 1.0, "int8": 2.0}, "decoder": {"float32": 1.0, "int8": 2.0}}
    assert measure_again(DIMS, cache, machine(timer)) == PrecisionPlan(F32, F32)
    assert choose("auto", "auto", DIMS, CPU, cache, machine()) == PrecisionPlan(F32, F32)


def test_formats_take_turns() -> None:
    """Each round calls every format once, so that a busy moment cannot decide between them."""
    calls: list[Precision] = []

    def build(weight: torch.Tensor, bias: Any, precision: Precision) -> Linear:
        layer = make_linear(weight, bias, precision)

        def timed(x: torch.Tensor) -> torch.Tensor:
            calls.append(precision)
            return layer(x)

        return timed

    measure(DIMS, build_linear=build, budget_s=0.005)
    counts = {precision: calls.count(precision) for precision in calls}
    assert len(set(counts.values())) == 1


def test_another_model_or_machine(timer: FakeTimer, cache: Path) -> None:
    """Each size of model on each machine is measured once; all share one file."""
    other = replace(DIMS, width=32)
    for dims, name in ((DIMS, "one"), (other, "one"), (DIMS, "two")):
        choose("auto", "auto", dims, CPU, cache, machine(timer, name))
    assert timer.measured == [DIMS, other, DIMS]
    for dims, name in ((DIMS, "one"), (other, "one"), (DIMS, "two")):
        assert choose("auto", "auto", dims, CPU, cache, machine(name=name)) == FASTEST


@pytest.fixture
def torch_threads() -> Iterator[int]:
    """The number of torch's threads, restored after the test."""
    threads = torch.get_num_threads()
    yield threads
    torch.set_num_threads(threads)


def test_what_a_machine_is(tmp_path: Path, torch_threads: int) -> None:
    """The signature differs by CPU, torch version and thread count, and is the same at each call."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("model name : A\nflags : avx2\ncpu MHz : 3000\n")
    second.write_text("model name : A\nflags : avx2 amx_int8\n")
    assert machine_signature(first) == machine_signature(first) != machine_signature(second)
    assert "3000" not in machine_signature(first), "the clock rate changes all the time"
    assert torch.__version__ in machine_signature(first)
    assert machine_signature(tmp_path / "missing") == machine_signature(tmp_path / "missing")
    before = machine_signature(first)
    torch.set_num_threads(torch_threads + 1)
    assert machine_signature(first) != before


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"3", b'"text"', b"\xff\xfe\x00", b'{"another": 3}'],
)
def test_a_damaged_file(timer: FakeTimer, cache: Path, content: bytes) -> None:
    """If the cache cannot be read, formats are measured again and the file is repaired."""
    cache.parent.mkdir()
    cache.write_bytes(content)
    for _ in range(2):
        assert choose("auto", "auto", DIMS, CPU, cache, machine(timer)) == FASTEST
    assert timer.measured == [DIMS]


@pytest.mark.parametrize("value", [None, [], 3, "int8", {}, {"encoder": "int8"}, {"encoder": "int3", "decoder": []}])
def test_a_damaged_entry(timer: FakeTimer, cache: Path, value: Any) -> None:
    """An entry that is incomplete or names an unknown format is measured again; other entries are kept."""
    choose("auto", "auto", DIMS, CPU, cache, machine(timer))
    (key,) = json.loads(cache.read_text())
    cache.write_text(json.dumps({key: value, "another": {"encoder": "int8", "decoder": "int8"}}))
    for _ in range(2):
        assert choose("auto", "auto", DIMS, CPU, cache, machine(timer)) == FASTEST
    assert timer.measured == [DIMS, DIMS]
    assert json.loads(cache.read_text())["another"] == {"encoder": "int8", "decoder": "int8"}


@pytest.mark.parametrize("obstacle", ["file in the way", "folder of its name"])
def test_an_unwritable_cache(timer: FakeTimer, cache: Path, obstacle: str, caplog: pytest.LogCaptureFixture) -> None:
    """If the cache cannot be written, the log says so, and formats are measured each time."""
    if obstacle == "file in the way":
        cache.parent.write_text("not a folder")
    else:
        cache.mkdir(parents=True)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            assert choose("auto", "auto", DIMS, CPU, cache, machine(timer)) == FASTEST
    assert timer.measured == [DIMS, DIMS]
    assert str(cache) in caplog.text


def test_the_log_shows_times(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Measurements are logged once, in milliseconds."""
    times = {"encoder": {"float32": 0.00792753, "int8": 0.0035}, "decoder": {"float32": 0.000123, "int8": 0.000061}}
    with caplog.at_level(logging.INFO):
        choose("auto", "auto", DIMS, CPU, cache, machine(FakeTimer(times)))
    assert caplog.messages == [
        "measured encoder layer: float32 7.9 ms, int8 3.5 ms",
        "measured decoder layer: float32 0.12 ms, int8 0.061 ms",
    ]


@pytest.mark.parametrize("encoder", [F32, BF16, INT8])
@pytest.mark.parametrize("decoder", [F32, BF16, INT8])
def test_requested_formats(encoder: Precision, decoder: Precision, timer: FakeTimer, cache: Path) -> None:
    """Requested formats are used as they are. Nothing is measured or written but for the floats beside int8."""
    encoder_float = BF16 if encoder is INT8 else F32
    time_formats = timer if encoder is INT8 else never
    plan = choose(encoder.value, decoder.value, DIMS, CPU, cache, machine(time_formats))
    assert plan == PrecisionPlan(encoder, decoder, encoder_float)
    assert cache.parent.exists() == (encoder is INT8)


@pytest.mark.parametrize(("bfloat16", "encoder_float"), [(1.9, BF16), (2.1, F32), (30.0, F32), (None, F32)])
def test_floats_beside_int8(bfloat16: float | None, encoder_float: Precision, cache: Path) -> None:
    """Attention of an int8 encoder is in bfloat16 where that is much faster than float32; this is cached too."""
    times = {"float32": 3.0, "int8": 0.5} | ({"bfloat16": bfloat16} if bfloat16 else {})
    timer = FakeTimer({"encoder": times, "decoder": times})
    assert choose("auto", "auto", DIMS, CPU, cache, machine(timer)) == PrecisionPlan(INT8, INT8, encoder_float)
    assert choose("auto", "auto", DIMS, CPU, cache, machine()) == PrecisionPlan(INT8, INT8, encoder_float)
    assert choose("int8", "float32", DIMS, CPU, cache, machine()) == PrecisionPlan(INT8, F32, encoder_float)
    assert choose("bfloat16", "int8", DIMS, CPU, cache, machine()) == PrecisionPlan(BF16, INT8)


@pytest.mark.parametrize(("encoder", "decoder"), [("int8", "float32"), ("float32", "int8"), ("int8", "int8")])
def test_an_unsupported_format(timer: FakeTimer, cache: Path, encoder: str, decoder: str) -> None:
    """A requested format that torch does not support is an error that names it and the choices."""
    lacking = replace(machine(timer), build_linear=partial(build_without, {INT8, F16}))
    with pytest.raises(EngineError, match="no int8 on cpu") as error:
        choose(encoder, decoder, DIMS, CPU, cache, lacking)
    choices = str(error.value).partition("choices are")[2]
    assert re.findall(r"\w+", choices) == ["float32", "bfloat16", "and", "auto"]


def test_auto_skips_unsupported_formats(cache: Path) -> None:
    """What torch does not support is not measured, and so never chosen."""
    build = partial(build_without, {INT8, BF16})
    time_formats = partial(measure, build_linear=build, budget_s=0.0)
    assert [set(times) for times in time_formats(DIMS).values()] == [{"float32"}, {"float32"}]
    lacking = replace(machine(time_formats), build_linear=build)
    assert choose("auto", "auto", DIMS, CPU, cache, lacking) == PrecisionPlan(F32, F32)


@pytest.mark.parametrize("budget_s", [0.0, 0.005])
def test_measuring(budget_s: float) -> None:
    """Every supported format is measured for each part, even if the budget is spent."""
    times = measure(DIMS, budget_s=budget_s)
    assert set(times) == {"encoder", "decoder"}
    for part in times.values():
        assert set(part) <= set(MIN_SPEEDUP)
        assert part["float32"] > 0
        assert all(0 < seconds < float("inf") for seconds in part.values())


def test_not_a_cpu(cache: Path) -> None:
    """On another device nothing is measured: "auto" is float16, and requested formats are used."""
    device = torch.device("meta")  # stands for a GPU: it is not the CPU, and is always available
    assert choose("auto", "auto", DIMS, device, cache, machine()) == PrecisionPlan(F16, F16)
    assert choose("float32", "auto", DIMS, device, cache, machine()) == PrecisionPlan(F32, F16)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (PrecisionPlan(BF16, BF16), "bfloat16"),
        (PrecisionPlan(BF16, INT8), "bfloat16 and int8"),
        (PrecisionPlan(INT8, INT8), "int8 with float32 attention"),
        (PrecisionPlan(INT8, INT8, BF16), "int8 with bfloat16 attention"),
        (PrecisionPlan(INT8, F32, BF16), "int8 with bfloat16 attention and float32"),
    ],
    ids=str,
)
def test_plan_in_words(plan: PrecisionPlan, text: str) -> None:
    """One format is named once; of two the encoder's comes first, with the floats beside its int8."""
    assert str(plan) == text
