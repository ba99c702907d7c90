"""Quiet audio is amplified for the detectors: how much, when, and what stays as it is."""

import numpy as np
import pytest

from streamstt.audio.format import FRAME, Samples
from streamstt.audio.quiet_gain import MAX_FLOOR, TARGET, QuietGain

LSB = 1 / 32768


def frames(peak: float, count: int = 100, seed: int = 0) -> Samples:
    """Noise in frames that each have the same peak."""
    noise = np.random.default_rng(seed).uniform(-1, 1, (count, FRAME))
    noise *= peak / np.abs(noise).max(axis=1, keepdims=True)
    return noise.astype(np.float32)


def peaks(gain: QuietGain, sound: Samples) -> Samples:
    """The peak of each frame after amplification."""
    return np.array([np.abs(gain.apply(frame)).max() for frame in sound])


@pytest.mark.parametrize("dbfs", [0, -20, -30, -41])
def test_usual_levels_are_left_alone(dbfs: float) -> None:
    """What a detector finds at usual levels is what it always found: not a sample is changed."""
    gain = QuietGain()
    for frame in frames(10 ** (dbfs / 20)):
        assert gain.apply(frame) is frame


@pytest.mark.parametrize("dbfs", [-55, -62, -70])
def test_quiet_sound_over_a_quieter_floor_reaches_the_target(dbfs: float) -> None:
    """However quiet, the loudest is as loud as the detector needs, and no louder."""
    gain = QuietGain()
    pauses, speech = frames(LSB, 10), frames(10 ** (dbfs / 20), 20)
    heard = np.concatenate([peaks(gain, part) for part in (pauses, speech) * 5])
    assert heard[10:30].max() == heard.max() == pytest.approx(TARGET, rel=1e-4)


@pytest.mark.parametrize("dbfs", [-52, -62, -70, -80, -90])
def test_steady_noise_is_not_pumped_up(dbfs: float) -> None:
    """Noise without anything above it stays at the level at which it is never taken for speech, or as it is."""
    level = 10 ** (dbfs / 20)
    assert peaks(QuietGain(), frames(level, 3000)).max() <= max(level, MAX_FLOOR) * 1.0001


def test_loud_sound_is_never_amplified() -> None:
    """A voice that begins in a quiet room is not amplified, not even its first frame."""
    gain = QuietGain()
    peaks(gain, frames(LSB, 500))
    for frame in frames(0.3, 10):
        assert gain.apply(frame) is frame


def test_a_knock_is_soon_forgotten() -> None:
    """Ten seconds after a knock at full scale, a quiet voice is amplified again."""
    gain = QuietGain()
    gain.apply(frames(1.0, 1)[0])
    peaks(gain, frames(LSB, 500))
    assert peaks(gain, frames(10 ** (-60 / 20), 10))[0] == pytest.approx(TARGET, rel=1e-4)


@pytest.mark.parametrize("bits", [1, 2])
def test_the_lowest_bits_are_left_alone(bits: int) -> None:
    """Where only they toggle nothing is a voice: not a sample is changed."""
    gain = QuietGain()
    for frame in frames(bits * LSB):
        assert gain.apply(frame) is frame


def test_digital_silence() -> None:
    """Zeros stay zeros, and make nothing of what follows."""
    gain = QuietGain()
    assert peaks(gain, np.zeros((100, FRAME), np.float32)).max() == 0
    assert np.isfinite(peaks(gain, frames(1e-9, 10))).all()
