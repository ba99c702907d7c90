"""Words that are said repeatedly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.audio.format import FRAME, Block, samples_from_ms
from streamstt.audio.ring import Ring
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import RecognizedWord
from streamstt.speech.decode_window import DecodeWindow
from streamstt.speech.reliability import SpeechFrames
from streamstt.speech.repetitions import continued, without_echoes
from streamstt.speech.utterance import Utterance
from tests.support.drawing import PROPERTY


def make_words(text: str, *starts_ms: int) -> list[RecognizedWord]:
    """Words at these times, each until the next; all 300 ms apart if none are given."""
    texts = text.split()
    starts = [samples_from_ms(ms) for ms in starts_ms or range(0, 300 * len(texts), 300)]
    ends = [*starts[1:], starts[-1] + samples_from_ms(300)]
    return [RecognizedWord(f" {t}", a, b, 0.9) for t, a, b in zip(texts, starts, ends, strict=True)]


def texts_of(words: tuple[RecognizedWord, ...]) -> str:
    return "".join(word.text for word in words).strip()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (make_words("Go, go, go, go, go. We leave", 0, 400, 800, 840, 900, 1300, 1600), "Go, go, go, go. We leave"),
        (make_words("Go, go, go, go", 0, 400, 800, 950), "Go, go, go, go"),
        (make_words("no no so", 0, 40, 80), "no no so"),
        (make_words("very, very good", 0, 60, 300), "very, very good"),
    ],
)
def test_words_that_are_repeated_too_fast(words: list[RecognizedWord], expected: str) -> None:
    """Nobody says a word ten times a second; a pair may just have been found at a wrong time."""
    assert texts_of(without_echoes(words)) == expected


def test_committed_words_stay() -> None:
    """Words after committed ones are compared with them, and the committed ones do not come again."""
    words = make_words("yes, yes, yes, yes, yes we", 0, 300, 600, 900, 940, 1300)
    assert texts_of(without_echoes(words[4:], words[:4])) == "we"
    assert texts_of(without_echoes(words[5:], words[:5])) == "we"
    assert texts_of(without_echoes(words[2:], words[:2])) == "yes, yes we"


@PROPERTY
@given(st.lists(st.tuples(st.sampled_from(["no", "No,", "yes"]), st.integers(0, 400)), max_size=20), st.integers(0, 20))
def test_only_repetitions_are_dropped(steps: list[tuple[str, int]], known: int) -> None:
    """Whatever is said and whenever: what is left is in order, and no word is gone that was said once."""
    words, at = [], 0
    for text, step in steps:
        at += samples_from_ms(step)
        words.append(RecognizedWord(f" {text}", at, at + FRAME, 0.9))
    kept = without_echoes(words[known:], words[:known])
    assert [w.start for w in kept] == sorted(w.start for w in kept)
    assert {w.text.strip(" ,").lower() for w in (*words[:known], *kept)} == {w.text.strip(" ,").lower() for w in words}


@pytest.mark.parametrize(
    ("before", "rest", "expected"),
    [
        ("wait, wait,", "Wait, wait", "wait, wait"),
        ("wait, wait.", "Wait, wait", "Wait, wait"),
        ("wait, wait,", "You forgot", "You forgot"),
        ("", "Wait", "Wait"),
    ],
)
def test_a_repetition_that_is_continued(before: str, rest: str, expected: str) -> None:
    """Its next part begins with a small letter, unless a sentence has ended."""
    known = make_words(before) if before else []
    assert texts_of(continued(known, tuple(make_words(rest)))) == expected


def test_the_window_begins_where_a_repetition_was_lost() -> None:
    """After a loop without words, the audio right behind the committed words is decoded anew."""
    size = samples_from_ms(4000)
    ring = Ring(size)
    ring.append(Block(0, np.ones(size, np.float32)))
    frames = SpeechFrames()
    for start in range(0, size, FRAME):
        frames.add(start)
    window = DecodeWindow(ring, frames, SpeechSettings())
    utterance = Utterance(0, decoded_until=size, committed=make_words("wait, wait, wait,", 0, 400, 800))
    assert utterance.committed[-1].end == samples_from_ms(1100)
    assert window.trim(utterance, no_words=True, looped=True)
    assert samples_from_ms(800) < utterance.start <= samples_from_ms(1300)
    assert utterance.decode_now
