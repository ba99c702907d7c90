"""When notices about a device's signal appear, and when they are withdrawn."""

import numpy as np
import pytest

from streamstt.audio.format import SAMPLE_RATE, Samples
from streamstt.audio.signal_check import SignalMonitor

BLOCK = 640


def noise(seconds: float, level: float = 0.05) -> Samples:
    rng = np.random.default_rng(0)
    return (rng.standard_normal(round(seconds * SAMPLE_RATE)) * level).clip(-1, 1).astype(np.float32)


def zeros(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def play(monitor: SignalMonitor, *parts: Samples) -> dict[str, str]:
    """Plays in blocks, and returns the notices at the end."""
    sound = np.concatenate(parts)
    for start in range(0, len(sound), BLOCK):
        monitor.push(sound[start : start + BLOCK])
    return dict(monitor.notices)


def test_good_signal() -> None:
    """Speech, a quiet room, and a short mute cause no notice."""
    assert play(SignalMonitor(), noise(5), noise(70, 0.0003), zeros(1.9), noise(1)) == {}


def test_zeros() -> None:
    """Zeros are reported after a minute, also of a device that begins with them, until the next sound."""
    for before in (noise(3), zeros(0)):
        monitor = SignalMonitor()
        assert play(monitor, before, zeros(59)) == {}
        assert "digital silence) for a minute" in play(monitor, zeros(2))["silence"]
        assert play(monitor, noise(0.1)) == {}


def test_a_noise_gate() -> None:
    """A microphone that delivers zeros in every pause is not asked again and again whether it is muted."""
    monitor, notices = SignalMonitor(), list[str]()
    for pause_s in (3, 10, 61, 70, 5, 120, 300):
        for part in (noise(5), zeros(pause_s)):
            notices.append(play(monitor, part).get("silence", ""))
    assert [bool(text) for text in notices].count(True) == 1
    assert play(monitor, noise(5), zeros(599)) == {}
    assert "for 10 minutes" in play(monitor, zeros(2))["silence"], "it may be muted all the same"


def test_durations_in_few_steps() -> None:
    """A notice that stays for hours changes a few times, not every second: each change is sent to every viewer."""
    monitor, texts = SignalMonitor(), set()
    play(monitor, noise(1))
    for _ in range(370):
        monitor.push(zeros(10))
        texts.add(monitor.notices.get("silence"))
    assert len(texts) == 4  # none, a minute, ten, an hour


def test_hardly_any_sound() -> None:
    """If only the lowest bit toggles for a minute, nothing is connected."""
    flicker = np.tile(np.float32([1, -1]) / np.float32(32768), SAMPLE_RATE // 2 * 61)
    assert "hardly any sound" in play(SignalMonitor(), noise(1), flicker)["silence"]


def test_clipping() -> None:
    """Clipping is reported within seconds, and withdrawn when it has stopped; one loud knock is not clipping."""
    monitor = SignalMonitor()
    knock = np.ones(20, np.float32)
    assert play(monitor, noise(2), knock, noise(2)) == {}
    assert list(play(monitor, noise(3, 0.8))) == ["clipping"]
    assert list(play(monitor, noise(1, 0.1))) == ["clipping"], "it does not flicker"
    assert play(monitor, noise(40, 0.1)) == {}


@pytest.mark.parametrize(("losses", "reported"), [(2, False), (3, True)])
def test_losses(losses: int, reported: bool) -> None:
    """Three losses within a minute are reported with their number; a minute later the notice is withdrawn."""
    monitor = SignalMonitor()
    for _ in range(losses):
        monitor.note_loss()
        play(monitor, noise(1))
    assert ("lost 3 times" in monitor.notices.get("overflow", "")) is reported
    assert play(monitor, noise(61)) == {}
