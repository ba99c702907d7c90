"""When a voice is too quiet to be recognized."""

import numpy as np
import pytest

from streamstt.audio.format import FRAME
from streamstt.speech.voice_level import VoiceLevel


def play(level: VoiceLevel, dbfs: float, seconds: int, voiced_share: float = 1.0) -> bool:
    """Plays frames of one peak, some of them with speech."""
    frame = np.full(FRAME, 10 ** (dbfs / 20), np.float32)
    for i in range(50 * seconds):
        level.push(frame, i % 50 < 50 * voiced_share)
    return level.too_quiet


@pytest.mark.parametrize(("dbfs", "too_quiet"), [(-62, False), (-69, False), (-71, True), (-80, True)])
def test_a_quiet_voice(dbfs: float, too_quiet: bool) -> None:
    """What is recognized is no matter for a notice; below, it comes after some seconds of speech."""
    level = VoiceLevel()
    assert not play(level, dbfs, 4)
    assert play(level, dbfs, 4) is too_quiet


def test_it_is_over_when_the_voice_is_louder() -> None:
    """At the next loud word, or after a minute without speech; that it was so is kept."""
    for end in ((-40, 1, 1.0), (-75, 60, 0.0)):
        level = VoiceLevel()
        assert play(level, -75, 10)
        assert not play(level, *end)
        assert level.was_too_quiet


def test_sounds_are_no_voice() -> None:
    """A quiet room in which a sound is now and then taken for speech has no quiet voice."""
    assert not play(VoiceLevel(), -75, 600, 0.04)
