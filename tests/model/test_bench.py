"""``streamstt bench`` with the real model."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from streamstt.bench import benchmark
from streamstt.bench.benchmark import measure_machine
from streamstt.cli.app import main
from streamstt.config.settings import EngineSettings, Settings
from streamstt.terminal.reports import show_benchmark
from streamstt.whisper import speed
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.normalizer import make_normalizer
from streamstt.whisper.speed import SIZES, LayerTimings, Speed, layer_key, measure_layers
from streamstt.whisper.streaming import StreamingEngine
from tests.support.paths import DATA

Bench = Callable[..., tuple[object, str]]
NARROW = replace(SIZES["tiny"], width=192, encoder_heads=3, decoder_heads=3, vocabulary_size=5000)


@pytest.fixture
def bench_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """Runs the command in this process, which has imported torch; returns exit code and output."""

    def run(*arguments: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["streamstt", "bench", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        output = capsys.readouterr()
        return end.value.code, output.out + output.err

    return run


def test_a_recording() -> None:
    """All figures of a recording, as JSON; the words are right, and those of the file."""
    arguments = "--reference", str(DATA / "short.txt"), "--language", "en", "--offsets", "2", "--json"
    command = [sys.executable, "-m", "streamstt", "bench", str(DATA / "short.flac"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    figures = result["figures"]
    assert 0 <= figures["wer"]["min"] <= figures["wer"]["max"] < 10
    assert figures["shown_p50_s"]["mean"] <= figures["settled_p50_s"]["mean"] <= figures["final_p50_s"]["mean"]
    assert figures["word_start_error_ms"] is None
    assert figures["word_end_error_ms"] is None, "the reference has no times"
    assert result["offline"][0]["wer"] < 10
    assert result["differs_from_file"] < 15
    assert result["delays_from"] == "captions"
    assert len(figures["final_p50_s_by_quarter"]) == 4
    assert result["peak_mb"] > 100


def test_tables(bench_here: Bench) -> None:
    """Without --json, tables for people; two sources are measured at once."""
    code, output = bench_here(str(DATA / "short.flac"), "--model", "tiny.en", "--sources", "2")
    assert code == 0, output
    assert "2 simultaneous" in output
    assert "word shown, median" in output
    assert "streamstt transcribe" in output


def test_a_missing_file_or_program(bench_here: Bench) -> None:
    """A missing file or program is reported in a sentence."""
    code, output = bench_here("missing.wav")
    assert code == 3
    assert "missing.wav" in output
    missing = find_spec("faster_whisper") is None  # it is an optional dependency
    model = "base" if missing else "no-such-model"
    code, output = bench_here(str(DATA / "short.flac"), "--model", "tiny.en", "--compare", model)
    assert code == 78
    assert ("pip install 'streamstt[bench]'" if missing else "a CTranslate2 folder") in output


def test_this_machine(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every size has a verdict, and the configured model is both timed and estimated."""
    sizes = {"tiny": SIZES["tiny"], "narrow": NARROW}  # all real sizes take half a minute
    monkeypatch.setattr(speed, "SIZES", sizes)
    monkeypatch.setattr(benchmark, "welcome", lambda: DATA / "short.flac")
    settings = Settings(engine=EngineSettings(model="tiny.en"))
    engine = StreamingEngine(Checkpoint("tiny.en", tiny_folder, "cache"), settings.engine)
    stages: list[str] = []
    result = measure_machine(settings, engine, stages.append)
    assert [size["model"] for size in result["sizes"]] == stages[-2:] == list(sizes)
    for size in result["sizes"]:
        assert size["verdict"]
        assert all(seconds > 0 for seconds in (*size["encoder_s"], size["read_s"], size["say_s"]))
    own = result["measured"]
    assert 0 < own["update_s"] <= own["update_p95_s"]
    assert own["utterance_s"] > 0
    assert set(own["parts"]) == set(own["estimated"])
    assert {"float32", "int8"} <= set(own["formats_s"]["encoder"])
    console = Console(width=100, record=True)
    show_benchmark(console, result)
    assert "narrow" in console.export_text()


def test_more_layers_take_longer() -> None:
    """An estimate is one layer plus a time per further layer; cross-attention belongs to the decoder's layers."""
    one = np.array([1, 2, 4, 10, 20, 40, 100, 200.0])
    layers = LayerTimings("int8", one, one / 10, (0.5, 0.25))
    dims = replace(SIZES["large-v3-turbo"], encoder_layers=11, decoder_layers=3)
    assert layers.estimate(dims) == Speed(
        "int8", pytest.approx((14, 28, 56)), pytest.approx(120.5), pytest.approx(240.25)
    )


def test_layers_are_shared() -> None:
    """Models that differ only in their number of layers share timings."""
    large = {name: layer_key(dims) for name, dims in SIZES.items() if "large" in name}
    assert len(large) == 3
    assert len(set(large.values())) == 1
    assert layer_key(SIZES["tiny"]) != layer_key(SIZES["base"])
    layers = measure_layers(NARROW, "float32", "int8")
    assert layers.formats == "float32 and int8"
    assert (layers.first_layer > 0).all()
    assert (layers.per_extra_layer >= 0).all()


def test_normalized_words(tmp_path: Path) -> None:
    """Case, punctuation and contractions do not count, nor does spelling if the checkpoint has a table for it."""
    assert make_normalizer("en")("It's Twenty-One, Mr. Smith!") == ["it", "is", "21", "mister", "smith"]
    assert make_normalizer("de")("Über, die Brücke.") == ["über", "die", "brücke"]
    assert make_normalizer("zh")("你好。") == ["你", "好"]
    (tmp_path / "normalizer.json").write_text('{"colour": "color"}')
    assert make_normalizer("en", tmp_path)("Colour") == ["color"]
