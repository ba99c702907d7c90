"""The detector on real audio."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamstt.audio.format import FRAME, Samples
from streamstt.audio.vad import WebRtcDetector

DATA = Path(__file__).parents[1] / "data"


def judge(mode: int, audio: Samples) -> list[bool]:
    detector = WebRtcDetector(mode)
    return [detector.is_speech(audio[i : i + FRAME]) for i in range(0, len(audio) - FRAME + 1, FRAME)]


@pytest.mark.parametrize("mode", range(4))
def test_silence_is_no_speech(mode: int) -> None:
    """Digital silence never opens an utterance."""
    assert not any(judge(mode, np.zeros(100 * FRAME, dtype=np.float32)))


@pytest.mark.parametrize("mode", range(3))
def test_real_speech(mode: int) -> None:
    """A spoken sentence is speech nearly from end to end, the room around it is not."""
    audio, _ = soundfile.read(DATA / "short.flac", dtype="float32")
    found = judge(mode, audio)
    assert sum(found[55:260]) > 0.9 * 205
    assert not any(found[10:45])
    assert not any(found[-35:])


def test_strictness_rises_with_the_mode() -> None:
    """On a room with knocks and clicks, a higher mode calls less of it speech."""
    audio, _ = soundfile.read(DATA / "noise.flac", dtype="float32")
    found = [sum(judge(mode, audio)) for mode in range(4)]
    assert found == sorted(found, reverse=True)
    assert found[3] < found[0]
