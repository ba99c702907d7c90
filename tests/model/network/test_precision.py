"""Choosing number formats: measured once, remembered, and never fatal unless an impossible one is asked for."""

import json
import logging
import re
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from streamstt.errors import EngineError
from streamstt.whisper.network import precision
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.network.linear import Linear, Precision, make_linear
from streamstt.whisper.network.precision import MIN_SPEEDUP, PrecisionPlan, choose, fastest, measure
from tests.support.drawing import PROPERTY

CPU = torch.device("cpu")
SHAPE = ModelDimensions(16, 2, 2, 2, 2, 80, 100, 50)
F32, BF16, F16, INT8 = Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16, Precision.INT8
TIMES = {
    "encoder": {"float32": 3.0, "bfloat16": 1.0, "int8": 0.9},
    "decoder": {"float32": 3.0, "bfloat16": 2.0, "int8": 1.0},
}
MEASURED = PrecisionPlan(BF16, INT8)


def refuse(*_: object) -> NoReturn:
    pytest.fail("measured again")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Not there yet, nor is its folder."""
    return tmp_path / "streamstt" / "precision.json"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[ModelDimensions]:
    """The shapes that were measured; the result is made up."""
    shapes: list[ModelDimensions] = []

    def made_up(shape: ModelDimensions) -> dict[str, dict[str, float]]:
        shapes.append(shape)
        return TIMES

    monkeypatch.setattr(precision, "measure", made_up)
    return shapes


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[Precision]:
    """The formats that torch cannot do; a test adds to it."""
    formats: set[Precision] = set()

    def maybe(weight: torch.Tensor, bias: torch.Tensor | None, wanted: Precision) -> Linear:
        if wanted in formats:
            raise RuntimeError(f"no kernel for {wanted}")
        return make_linear(weight, bias, wanted)

    monkeypatch.setattr(precision, "make_linear", maybe)
    return formats


@PROPERTY
@given(st.floats(1e-6, 1), st.floats(1e-6, 1), st.floats(1e-6, 1))
def test_int8_must_be_worth_it(float32: float, bfloat16: float, int8: float) -> None:
    """8 bits are chosen when they are faster than any other format by more than their cost, and only then."""
    choice = fastest({"float32": float32, "bfloat16": bfloat16, "int8": int8})
    other = min(float32, bfloat16)
    if int8 * MIN_SPEEDUP[INT8] < other:
        assert choice is INT8
    if int8 * MIN_SPEEDUP[INT8] > other:
        assert choice is (F32 if float32 <= bfloat16 else BF16)


def test_the_cost() -> None:
    """A gain that 8 bits do not pay for is left; with the gain twice their cost they are taken."""
    assert MIN_SPEEDUP[INT8] > 1
    assert fastest({"float32": 1.0, "int8": 0.99 / MIN_SPEEDUP[INT8]}) is INT8
    assert fastest({"float32": 1.0, "int8": 1.01 / MIN_SPEEDUP[INT8]}) is F32
    assert fastest({"float32": 1.0, "int8": 0.99}) is F32
    assert fastest({"float32": 1.0}) is F32


def test_each_part_has_its_own(measured: list[ModelDimensions], cache: Path) -> None:
    """What was measured decides for encoder and decoder separately."""
    assert choose("auto", "auto", SHAPE, CPU, cache) == MEASURED
    assert measured == [SHAPE]


def test_it_is_remembered(measured: list[ModelDimensions], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call measures nothing, and comes to the same."""
    choose("auto", "auto", SHAPE, CPU, cache)
    monkeypatch.setattr(precision, "measure", refuse)
    assert choose("auto", "auto", SHAPE, CPU, cache) == MEASURED
    assert choose("auto", "float32", SHAPE, CPU, cache) == PrecisionPlan(BF16, F32)
    assert choose("float32", "auto", SHAPE, CPU, cache) == PrecisionPlan(F32, INT8)


def test_another_model(measured: list[ModelDimensions], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another size of model, another number of threads, another machine, another torch: each is measured for itself."""
    other = ModelDimensions(32, 2, 2, 2, 2, 80, 100, 50)
    choose("auto", "auto", SHAPE, CPU, cache)
    choose("auto", "auto", other, CPU, cache)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    choose("auto", "auto", SHAPE, CPU, cache)
    monkeypatch.setattr(precision, "_cpu_signature", lambda: "another")
    choose("auto", "auto", SHAPE, CPU, cache)
    monkeypatch.setattr(torch, "__version__", "99.0")
    choose("auto", "auto", SHAPE, CPU, cache)
    assert measured == [SHAPE, other, SHAPE, SHAPE, SHAPE]
    monkeypatch.undo()
    monkeypatch.setattr(precision, "measure", refuse)
    assert choose("auto", "auto", SHAPE, CPU, cache) == choose("auto", "auto", other, CPU, cache) == MEASURED


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"3", b'"text"', b"\xff\xfe\x00", b'{"another": 3}'],
)
def test_a_damaged_file(measured: list[ModelDimensions], cache: Path, content: bytes) -> None:
    """A cache that cannot be read is measured anew, and mended."""
    cache.parent.mkdir()
    cache.write_bytes(content)
    for _ in range(2):
        assert choose("auto", "auto", SHAPE, CPU, cache) == MEASURED
    assert measured == [SHAPE]


@pytest.mark.parametrize("value", [None, [], 3, "int8", {}, {"encoder": "int8"}, {"encoder": "int3", "decoder": []}])
def test_a_damaged_entry(measured: list[ModelDimensions], cache: Path, value: Any) -> None:
    """An entry that says nothing, or names a format that does not exist, is measured anew; others stay."""
    choose("auto", "auto", SHAPE, CPU, cache)
    (key,) = json.loads(cache.read_text())
    cache.write_text(json.dumps({key: value, "another": {"encoder": "int8", "decoder": "int8"}}))
    for _ in range(2):
        assert choose("auto", "auto", SHAPE, CPU, cache) == MEASURED
    assert measured == [SHAPE, SHAPE]
    assert json.loads(cache.read_text())["another"] == {"encoder": "int8", "decoder": "int8"}


@pytest.mark.parametrize("obstacle", ["file in the way", "folder of its name"])
def test_an_unwritable_cache(
    measured: list[ModelDimensions], cache: Path, obstacle: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache that cannot be written is told in the log, and measured each time."""
    if obstacle == "file in the way":
        cache.parent.write_text("not a folder")
    else:
        cache.mkdir(parents=True)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            assert choose("auto", "auto", SHAPE, CPU, cache) == MEASURED
    assert measured == [SHAPE, SHAPE]
    assert str(cache) in caplog.text


@pytest.mark.parametrize("encoder", [F32, BF16, INT8])
@pytest.mark.parametrize("decoder", [F32, BF16, INT8])
def test_a_format_is_asked_for(
    encoder: Precision, decoder: Precision, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Formats that are asked for are taken as they are: nothing is measured or written, but what stands beside int8."""
    monkeypatch.setattr(precision, "measure", (lambda _: TIMES) if encoder is INT8 else refuse)
    beside = BF16 if encoder is INT8 else F32
    assert choose(encoder.value, decoder.value, SHAPE, CPU, cache) == PrecisionPlan(encoder, decoder, beside)
    assert cache.parent.exists() == (encoder is INT8)


@pytest.mark.parametrize(("bfloat16", "beside"), [(1.9, BF16), (2.1, F32), (30.0, F32), (None, F32)])
def test_what_stands_beside_int8(
    bfloat16: float | None, beside: Precision, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attention beside an encoder in 8 bits is in 16 where they are much faster; it is remembered with the rest."""
    times = {"float32": 3.0, "int8": 0.5} | ({"bfloat16": bfloat16} if bfloat16 else {})
    monkeypatch.setattr(precision, "measure", lambda _: {"encoder": times, "decoder": times})
    assert choose("auto", "auto", SHAPE, CPU, cache) == PrecisionPlan(INT8, INT8, beside)
    monkeypatch.setattr(precision, "measure", refuse)
    assert choose("auto", "auto", SHAPE, CPU, cache) == PrecisionPlan(INT8, INT8, beside)
    assert choose("int8", "float32", SHAPE, CPU, cache) == PrecisionPlan(INT8, F32, beside)
    assert choose("bfloat16", "int8", SHAPE, CPU, cache) == PrecisionPlan(BF16, INT8)


@pytest.mark.parametrize(("encoder", "decoder"), [("int8", "float32"), ("float32", "int8"), ("int8", "int8")])
def test_an_impossible_format(broken: set[Precision], cache: Path, encoder: str, decoder: str) -> None:
    """A format that torch cannot do here is an error that names it, and the choices that there are."""
    broken |= {INT8, F16}
    with pytest.raises(EngineError, match="no int8 on cpu") as error:
        choose(encoder, decoder, SHAPE, CPU, cache)
    choices = str(error.value).partition("choices are")[2]
    assert re.findall(r"\w+", choices) == ["float32", "bfloat16", "and", "auto"]


def test_auto_leaves_out_what_does_not_work(
    broken: set[Precision], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What torch cannot do is not measured, and so never chosen."""
    broken |= {INT8, BF16}
    monkeypatch.setattr(precision, "BUDGET_S", 0.0)
    assert [set(times) for times in measure(SHAPE).values()] == [{"float32"}, {"float32"}]
    assert choose("auto", "auto", SHAPE, CPU, cache) == PrecisionPlan(F32, F32)


@pytest.mark.parametrize("budget", [0.0, 0.005])
def test_measuring(broken: set[Precision], monkeypatch: pytest.MonkeyPatch, budget: float) -> None:
    """Every format that works is measured for each part, even if there is no time for it."""
    monkeypatch.setattr(precision, "BUDGET_S", budget)
    times = measure(SHAPE)
    assert set(times) == {"encoder", "decoder"}
    for part in times.values():
        assert set(part) <= set(MIN_SPEEDUP)
        assert part["float32"] > 0
        assert all(0 < seconds < float("inf") for seconds in part.values())


def test_not_a_cpu(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another device nothing is measured: auto is float16, and what is asked for is taken."""
    monkeypatch.setattr(precision, "measure", refuse)
    device = torch.device("meta")  # stands for a GPU: it is not the CPU, and is always there
    assert choose("auto", "auto", SHAPE, device, cache) == PrecisionPlan(F16, F16)
    assert choose("float32", "auto", SHAPE, device, cache) == PrecisionPlan(F32, F16)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (PrecisionPlan(BF16, BF16), "bfloat16"),
        (PrecisionPlan(BF16, INT8), "bfloat16 and int8"),
        (PrecisionPlan(INT8, INT8), "int8 with float32 attention"),
        (PrecisionPlan(INT8, INT8, BF16), "int8 with bfloat16 attention"),
        (PrecisionPlan(INT8, F32, BF16), "int8 with bfloat16 attention and float32"),
    ],
    ids=str,
)
def test_in_words(choice: PrecisionPlan, text: str) -> None:
    """One format is said once, two are both said, the encoder's first, with what stands beside its 8 bits."""
    assert str(choice) == text
