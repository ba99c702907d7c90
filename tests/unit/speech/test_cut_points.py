"""Where old audio is cut off."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamstt.audio.format import Samples, samples_from_ms
from streamstt.engine.base import RecognizedWord
from streamstt.speech.cut_points import (
    MIN_KEPT,
    PAUSE_SEARCH_AFTER,
    PAUSE_SEARCH_BEFORE,
    find_cut_point,
    find_first_pause,
    find_quietest,
)
from tests.support.drawing import PROPERTY

START = samples_from_ms(60_000)
"""Where the window begins: not at 0, so that a mix-up of indices shows."""


def make_words(text: str, *, gaps: dict[int, int] | None = None, at: int = START) -> list[RecognizedWord]:
    """A word each half second from ``at`` on; ``gaps``: ms of pause before the word of this number."""
    words = []
    for i, word in enumerate(text.split()):
        at += samples_from_ms((gaps or {}).get(i, 0))
        words.append(RecognizedWord(f" {word}", at, at + samples_from_ms(500), 1.0))
        at += samples_from_ms(500)
    return words


def cut_off(committed: list[RecognizedWord], tentative: list[RecognizedWord], kept_ms: int = 2500) -> list[str]:
    """The words that are cut off a window that was decoded to the end of its last word."""
    decoded_until = (committed + tentative)[-1].end
    cut = find_cut_point(committed, tentative, START, decoded_until, samples_from_ms(kept_ms))
    return [w.text.strip() for w in committed[: cut[0]]] if cut else []


# ---- which words go


@pytest.mark.parametrize(
    ("text", "last"),
    [
        pytest.param("a b. c d, e f g h i j k l", "b.", id="a sentence rather than a clause"),
        pytest.param("a b, c d e f g h i j k l", "b,", id="a clause rather than any word"),
        pytest.param("a b. c d! e f g h i j k l", "d!", id="the later sentence"),
        pytest.param("a b, c d; e f g h i j k l", "d;", id="the later clause"),
        pytest.param("a b c d e f g h i j k l", "g", id="the last word before what is kept"),
        pytest.param("a b c d e f g. h. i. j k l", "g.", id="no sentence end in what is kept"),
        pytest.param("a b c d e f g h. i. j k l", "g", id="none at all, if all are in what is kept"),
        pytest.param("東 京。 d e f g h i j k l", "京。", id="in any script"),
    ],
)
def test_where_a_sentence_ends(text: str, last: str) -> None:
    """The end of a sentence is preferred, then that of a clause, then a word's; of those alike, the last."""
    assert cut_off(make_words(text), [])[-1] == last


def test_a_pause_is_preferred() -> None:
    """Of places without a mark, or with the same, the one with a pause."""
    assert cut_off(make_words("a b c d e f g h i j k l", gaps={3: 400}), [])[-1] == "c"
    assert cut_off(make_words("a b. c d. e f g h i j k l", gaps={2: 400}), [])[-1] == "b."
    assert cut_off(make_words("a b. c d e f g h i j k l", gaps={3: 400}), [])[-1] == "b."


def test_only_committed_words_go() -> None:
    """Words that may still change stay, however old they are."""
    assert cut_off(make_words("a b"), make_words("c. d e f g h i j k l", at=START + samples_from_ms(1000))) == [
        "a",
        "b",
    ]
    assert cut_off([], make_words("a. b c d e f g h i j")) == []


@pytest.mark.parametrize("late", [".", " ...", ",", " -"])
def test_not_in_front_of_punctuation(late: str) -> None:
    """A full stop that came late stays with the word it ends."""
    end = START + samples_from_ms(500)
    punctuation = RecognizedWord(late, end, end, 1.0)
    rest = make_words("c d e f g h i j", at=end)
    assert cut_off([*make_words("a"), punctuation, *rest], [], kept_ms=3999) in (["a", late.strip()], [])
    assert cut_off(make_words("a"), [punctuation, *rest], kept_ms=3999) == []


@pytest.mark.parametrize(("kept_ms", "count"), [(2000, 4), (2001, 3), (3500, 1), (3501, 0), (9000, 0)])
def test_what_is_kept(kept_ms: int, count: int) -> None:
    """So much audio stays at least; when no word ends before it, nothing goes."""
    assert len(cut_off(make_words("a b c d e f g h"), [], kept_ms)) == count


def test_nothing_to_cut() -> None:
    """A window without committed words is not cut, whatever is kept."""
    assert find_cut_point([], [], START, START + samples_from_ms(9000), MIN_KEPT) is None
    assert find_cut_point([], [], START, START + samples_from_ms(9000), 0) is None


def test_all_go() -> None:
    """With nothing to keep, all committed words go, and the pause is looked for behind the last."""
    words = make_words("a b. c d")
    cut = find_cut_point(words, [], START, words[-1].end + samples_from_ms(3000), 0)
    assert cut is not None
    assert cut[0] == 4
    assert cut[1] <= words[-1].end <= cut[2] <= words[-1].end + PAUSE_SEARCH_AFTER


# ---- properties

lengths = st.integers(0, 600) | st.sampled_from([0, 20, 160, 300])  # ms
texts = st.sampled_from([" word", " end.", " well,", ".", " -", " 5", "。", "京"])


@st.composite
def windows(draw: st.DrawFn) -> tuple[list[RecognizedWord], list[RecognizedWord], int]:
    """Words in order within a window, those that are committed apart, and the end of the window."""
    drawn = draw(st.lists(st.tuples(texts, lengths, lengths), max_size=24))
    edges = list(accumulate((samples_from_ms(x) for _, pause, length in drawn for x in (pause, length)), initial=START))
    words = [RecognizedWord(text, edges[2 * i + 1], edges[2 * i + 2], 1.0) for i, (text, _, _) in enumerate(drawn)]
    count = draw(st.integers(0, len(words)))
    return words[:count], words[count:], edges[-1] + samples_from_ms(draw(lengths))


@settings(PROPERTY, max_examples=400)
@given(windows(), st.sampled_from([1, 20, 500, 2500]))
def test_any_window(window: tuple[list[RecognizedWord], list[RecognizedWord], int], kept_ms: int) -> None:
    """The pause lies in the window, around the border of two words, in front of what is kept."""
    committed, tentative, decoded_until = window
    cut = find_cut_point(committed, tentative, START, decoded_until, samples_from_ms(kept_ms))
    if cut is None:
        return
    count, low, high = cut
    assert 1 <= count <= len(committed)
    assert START <= low < high <= decoded_until - samples_from_ms(kept_ms)
    assert committed[count - 1].end - PAUSE_SEARCH_BEFORE <= low <= committed[count - 1].end
    after = [*committed, *tentative][count]  # there is one: a word ends before the end of the window
    assert high >= after.start
    assert any(c.isalnum() for c in after.text)


@settings(PROPERTY, max_examples=200)
@given(windows())
def test_any_window_of_which_all_goes(window: tuple[list[RecognizedWord], list[RecognizedWord], int]) -> None:
    """With nothing to keep, all committed words go, and the pause lies in the window, around the end of the last."""
    committed, _, decoded_until = window
    cut = find_cut_point(committed, [], START, decoded_until, 0)
    assert (cut is None) == (not committed)
    if cut:
        count, low, high = cut
        assert count == len(committed)
        assert low <= committed[-1].end <= high <= decoded_until
        assert low >= START


@settings(PROPERTY, max_examples=200)
@given(windows())
def test_whenever_a_word_can_go(window: tuple[list[RecognizedWord], list[RecognizedWord], int]) -> None:
    """When a word ends before what is kept, and another follows, there is a place to cut."""
    committed, tentative, decoded_until = window
    words = [*committed, *tentative]
    places = [b for a, b in zip(committed, words[1:], strict=False) if b.start - a.start >= samples_from_ms(20)]
    if any(START < b.start <= decoded_until - MIN_KEPT and any(c.isalnum() for c in b.text) for b in places):
        assert find_cut_point(committed, tentative, START, decoded_until, MIN_KEPT) is not None


# ---- the pause itself


def loud(length: int) -> Samples:
    return np.random.default_rng(0).uniform(0.1, 0.2, length).astype(np.float32)


@pytest.mark.parametrize("at_ms", [0, 35, 100, 177, 240])
@pytest.mark.parametrize("level", [0.0, 0.01])
def test_the_pause_is_found(at_ms: int, level: float) -> None:
    """The cut lies in the pause, wherever that is."""
    samples = loud(samples_from_ms(300))
    samples[samples_from_ms(at_ms) : samples_from_ms(at_ms + 60)] *= level
    assert samples_from_ms(at_ms) <= find_quietest(samples) < samples_from_ms(at_ms + 60)


def test_the_quieter_of_two() -> None:
    """Of two pauses the quieter is taken, and a click's length of silence is none."""
    samples = loud(samples_from_ms(300))
    samples[samples_from_ms(40) : samples_from_ms(100)] *= 0.1
    samples[samples_from_ms(160) : samples_from_ms(220)] *= 0.05
    assert samples_from_ms(160) <= find_quietest(samples) < samples_from_ms(220)
    samples = loud(samples_from_ms(300))
    samples[samples_from_ms(50) : samples_from_ms(60)] = 0
    samples[samples_from_ms(160) : samples_from_ms(220)] *= 0.3
    assert samples_from_ms(160) <= find_quietest(samples) < samples_from_ms(220)


def test_the_first_pause() -> None:
    """Of pauses about as quiet the first is taken, behind whatever is louder: a drawn-out word, for instance."""
    samples = loud(samples_from_ms(1100))
    samples[samples_from_ms(150) : samples_from_ms(210)] *= 0.4
    samples[samples_from_ms(500) : samples_from_ms(560)] *= 0.05
    samples[samples_from_ms(800) : samples_from_ms(860)] *= 0.045
    assert samples_from_ms(500) <= find_first_pause(samples) < samples_from_ms(560)
    assert samples_from_ms(800) <= find_quietest(samples) < samples_from_ms(860)


@PROPERTY
@given(st.integers(0, samples_from_ms(1200)), st.integers(0, 99))
def test_the_first_of_any_samples(length: int, seed: int) -> None:
    """It lies within the samples; within a quarter of a second it is the quietest place."""
    samples = np.random.default_rng(seed).normal(size=length).astype(np.float32)
    assert 0 <= find_first_pause(samples) <= length
    assert find_first_pause(samples[: samples_from_ms(240)]) == find_quietest(samples[: samples_from_ms(240)])


@PROPERTY
@given(st.integers(0, samples_from_ms(400)), st.integers(0, 99))
def test_any_samples(length: int, seed: int) -> None:
    """The place lies within the samples, and no stretch of 50 ms is much quieter than the one around it."""
    samples = np.random.default_rng(seed).normal(size=length).astype(np.float32)
    at = find_quietest(samples)
    assert 0 <= at <= length
    step, half = samples_from_ms(10), samples_from_ms(20)
    if length >= 5 * step:
        energies = [float(np.square(samples[i : i + 5 * step]).sum()) for i in range(0, length - 5 * step + 1, step)]
        chosen = float(np.square(samples[at - half : at - half + 5 * step]).sum())
        assert chosen <= min(energies) * 1.0001
