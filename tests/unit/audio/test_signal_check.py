"""What is said of a device's sound, and when it is taken back."""

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


def play(meter: SignalMonitor, *parts: Samples) -> dict[str, str]:
    """Plays in blocks, and returns what stands at the end."""
    sound = np.concatenate(parts)
    for start in range(0, len(sound), BLOCK):
        meter.push(sound[start : start + BLOCK])
    return dict(meter.notices)


def test_all_is_well() -> None:
    """Speech and a quiet room are not worth a word; nor is a short muting."""
    assert play(SignalMonitor(), noise(5), noise(70, 0.0003), zeros(1.9), noise(1)) == {}


def test_zeros_after_sound() -> None:
    """A microphone that gave sound and then only zeros: said after two seconds, and over with the first sound."""
    meter = SignalMonitor()
    assert "digital silence) for 2 s" in play(meter, noise(3), zeros(2.1))["silence"]
    assert "for a minute" in play(meter, zeros(60))["silence"]
    assert play(meter, noise(0.1)) == {}


def test_zeros_from_the_start() -> None:
    """A device that begins in silence is given a minute: it may be muted, and nobody has spoken yet."""
    meter = SignalMonitor()
    assert play(meter, zeros(59)) == {}
    assert "digital silence" in play(meter, zeros(2))["silence"]


def test_said_in_few_steps() -> None:
    """What stands for hours changes a few times, not every second: each change goes to every viewer."""
    meter, texts = SignalMonitor(), set()
    play(meter, noise(1))
    for _ in range(370):
        meter.push(zeros(10))
        texts.add(meter.notices.get("silence"))
    assert len(texts) == 4  # seconds, a minute, ten, an hour


def test_hardly_any_sound() -> None:
    """Nothing but the lowest bit for a minute: nothing is connected."""
    flicker = np.tile(np.float32([1, -1]) / np.float32(32768), SAMPLE_RATE // 2 * 61)
    assert "hardly any sound" in play(SignalMonitor(), noise(1), flicker)["silence"]


def test_clipping() -> None:
    """A signal that is cut off is said within seconds, and over when it is not any more; one loud knock is nothing."""
    meter = SignalMonitor()
    knock = np.ones(20, np.float32)
    assert play(meter, noise(2), knock, noise(2)) == {}
    assert list(play(meter, noise(3, 0.8))) == ["clipping"]
    assert list(play(meter, noise(1, 0.1))) == ["clipping"], "it does not flicker"
    assert play(meter, noise(40, 0.1)) == {}


@pytest.mark.parametrize(("losses", "said"), [(2, False), (3, True)])
def test_losses(losses: int, said: bool) -> None:
    """Audio that is lost again and again within a minute is said, with how often; a minute later it is over."""
    meter = SignalMonitor()
    for _ in range(losses):
        meter.note_loss()
        play(meter, noise(1))
    assert ("lost 3 times" in meter.notices.get("overflow", "")) is said
    assert play(meter, noise(61)) == {}
