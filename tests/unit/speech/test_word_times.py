"""Where words are spoken: without the pauses that the engine counts to them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.audio.format import FRAME
from streamstt.engine.base import Job, RecognizedWord
from streamstt.speech.reliability import SpeechFrames
from tests.support.drawing import PROPERTY

SIZE = 400  # frames
JOB = Job("room", 0, np.zeros(SIZE * FRAME, np.float32), final=True)


def trim(speech: list[tuple[int, int]], *words: tuple[str, int, int]) -> list[tuple[int, int]]:
    """Where words are found; all numbers are frames."""
    frames = SpeechFrames()
    for start, end in speech:
        for frame in range(start, end):
            frames.add(frame * FRAME)
    recognized = [RecognizedWord(f" {text}", start * FRAME, end * FRAME, 0.9) for text, start, end in words]
    return [(word.start // FRAME, word.end // FRAME) for word in frames.trim_pauses(recognized, JOB)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("and", (195, 200), id="the pause is before it, though the detector still hears the last word"),
        pytest.param("night,", (100, 110), id="punctuation: the pause is after it"),
        pytest.param("night.", (100, 110), id="the end of a sentence"),
        pytest.param("夜。", (100, 110), id="a Chinese full stop"),
    ],
)
def test_a_pause_inside_a_word(text: str, expected: tuple[int, int]) -> None:
    """A word with a pause inside is spoken before or after it."""
    assert trim([(80, 110), (195, 230)], ("last", 80, 100), (text, 100, 200), ("more", 200, 230))[1] == expected


def test_a_pause_inside_the_last_word() -> None:
    """What follows it may be the beginning of a word that is not recognized yet."""
    assert trim([(80, 110), (195, 200)], ("last", 80, 100), ("night", 100, 200))[1] == (100, 110)


def test_a_pause_at_both_ends() -> None:
    """Pauses at both ends of a word are taken off."""
    assert trim([(60, 80)], ("Yes", 10, 150)) == [(60, 80)]
    assert trim([(30, 33), (60, 80)], ("Yes", 10, 150)) == [(60, 80)]


@PROPERTY
@given(
    st.lists(st.integers(0, SIZE - 1), min_size=2, max_size=30), st.lists(st.booleans(), min_size=SIZE, max_size=SIZE)
)
def test_words_are_in_order(bounds: list[int], voiced: list[bool]) -> None:
    """Whatever the engine says: no word ends before it starts, and none starts before the last one ends."""
    frames = SpeechFrames()
    for i, speech in enumerate(voiced):
        if speech:
            frames.add(i * FRAME)
    pairs = itertools.pairwise(bounds)
    words = [RecognizedWord(" so.", start * FRAME, end * FRAME, 0.9) for start, end in pairs]
    at = 0
    for word in frames.trim_pauses(words, JOB):
        assert at <= word.start < word.end
        at = word.end
