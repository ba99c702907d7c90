"""Silero's network in torch, for recordings, and its own library beside torch."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile

from streamstt.audio.format import FRAME
from streamstt.audio.vad import make_detector
from streamstt.config.settings import SpeechSettings
from streamstt.recordings.silero import SileroNetwork, make_batch_detector
from tests.support.paths import DATA


@pytest.mark.parametrize(
    ("earlier", "limit"),
    [("", {}), ("", {"OMP_THREAD_LIMIT": "3"}), ("import torch", {})],
    ids=["alone", "alone with a limit", "after torch"],
)
def test_silero_starts_no_threads(earlier: str, limit: dict[str, str]) -> None:
    """It computes in the calling thread, also with torch's OpenMP loaded, and leaves the environment as it was."""
    code = f"""
import os, numpy
{earlier}
from streamstt.audio.vad import SileroDetector
before = dict(os.environ), len(os.listdir("/proc/self/task"))
detector = SileroDetector(0.3)
for _ in range(10):
    detector.is_speech(numpy.full(320, 0.1, dtype=numpy.float32))
assert before == (dict(os.environ), len(os.listdir("/proc/self/task"))), os.listdir("/proc/self/task")
"""
    subprocess.run([sys.executable, "-c", code], env=os.environ | limit, check=True)


@pytest.mark.parametrize("detector", ["silero", "webrtc"])
@pytest.mark.parametrize("name", ["short", "noise", "quiet"])
@pytest.mark.parametrize("size", [1, 50, 499])
def test_batches_equal_single_frames(detector: Literal["silero", "webrtc"], name: str, size: int) -> None:
    """Frames classified in batches of any size give the results that they give one by one, also after silence."""
    audio, _ = soundfile.read(DATA / f"{name}.flac", dtype="float32")
    audio = np.concatenate([audio[:40_000], np.zeros(9999, np.float32), audio])
    audio = audio[: len(audio) - len(audio) % FRAME]
    settings = SpeechSettings(detector=detector)
    classify, one = make_batch_detector(settings), make_detector(settings)
    step = size * FRAME
    batched = [v for i in range(0, len(audio), step) for v in classify(audio[i : i + step])]
    single = [one.is_speech(audio[i : i + FRAME]) for i in range(0, len(audio), FRAME)]
    assert len(batched) == len(single)
    assert sum(a != b for a, b in zip(batched, single, strict=True)) <= 2  # at the threshold rounding may decide


def test_another_version_of_silero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A network of an unknown version is run by its own library."""
    for content in (b"", b"lmgg\x0a\x00\x00\x00silero-99k", bytes(300)):
        (tmp_path / "other.bin").write_bytes(content)
        with pytest.raises(ValueError, match=r"other\.bin"):
            SileroNetwork(tmp_path / "other.bin")
    monkeypatch.setattr("streamstt.recordings.silero.SIZES", ())
    audio, _ = soundfile.read(DATA / "short.flac", dtype="float32")
    assert any(make_batch_detector(SpeechSettings())(audio[: 100 * FRAME]))
