"""``streamstt bench`` with the real model."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from streamstt.whisper.normaliser import make_normaliser
from streamstt.whisper.speed import SIZES, WINDOWS, estimate

DATA = Path(__file__).parent.parent / "data"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streamstt", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_recording() -> None:
    """All figures of a recording, as an object for scripts; the words are right, and the same as of the file."""
    done = bench(
        str(DATA / "meeting.flac"),
        "--reference",
        str(DATA / "meeting.txt"),
        "--language",
        "en",
        "--offsets",
        "2",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    figures = result["figures"]
    assert 0 <= figures["wer"]["min"] <= figures["wer"]["max"] < 10
    assert figures["shown_p50_s"]["mean"] <= figures["settled_p50_s"]["mean"] <= figures["final_p50_s"]["mean"]
    assert figures["word_end_error_ms"] is None, "the reference has no times"
    assert result["offline"][0]["wer"] < 10
    assert result["peak_mb"] > 100


def test_tables() -> None:
    """Without --json, tables that a person can read; two sources take turns."""
    done = bench(str(DATA / "short.flac"), "--language", "en", "--sources", "2")
    assert done.returncode == 0, done.stderr
    assert "2 at once" in done.stdout
    assert "word shown, median" in done.stdout
    assert "streamstt transcribe" in done.stdout


def test_no_peer_and_no_file() -> None:
    """What is not there is said in a sentence."""
    assert bench("missing.wav").returncode == 3
    done = bench(str(DATA / "short.flac"), "--compare", "base")
    if "faster-whisper" not in done.stdout:  # it is an extra
        assert done.returncode == 78
        assert "pip install 'streamstt[bench]'" in done.stderr


@pytest.mark.parametrize("name", ["tiny", "distil-small.en"])
def test_estimates(name: str) -> None:
    """Every part of a size that was never fetched has a time."""
    speed = estimate(replace(SIZES[name], vocabulary=5000), "float32", "int8")
    assert len(speed.encoder) == len(WINDOWS)
    assert all(0 < seconds < 60 for seconds in (*speed.encoder, speed.read, speed.say))
    assert speed.update > speed.read


def test_words_as_they_are_counted(tmp_path: Path) -> None:
    """Case, punctuation and contractions do not count; spelling neither, when the checkpoint knows it."""
    assert make_normaliser("en")("It's Twenty-One, Mr. Smith!") == ["it", "is", "21", "mister", "smith"]
    assert make_normaliser("de")("Über, die Brücke.") == ["über", "die", "brücke"]
    assert make_normaliser("zh")("你好。") == ["你", "好"]
    (tmp_path / "normalizer.json").write_text('{"colour": "color"}')
    assert make_normaliser("en", tmp_path)("Colour") == ["color"]
