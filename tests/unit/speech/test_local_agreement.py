"""Which words will not change."""

from dataclasses import replace

import pytest

from streamstt.audio.format import samples_from_ms
from streamstt.engine.base import RecognizedWord, join_words
from streamstt.speech.local_agreement import COMMIT_PROBABILITY, SHOW_PROBABILITY, agreed_prefix, shown_prefix


def make_words(text: str, *, gaps: dict[int, int] | None = None, unsure: tuple[int, ...] = ()) -> list[RecognizedWord]:
    """A word each half second; ``gaps``: ms of pause before the word of this number; ``unsure``: words of doubt."""
    words, at = [], 0
    for i, word in enumerate(text.split()):
        at += (gaps or {}).get(i, 0)
        words.append(
            RecognizedWord(
                f" {word}",
                samples_from_ms(at),
                samples_from_ms(at + 500),
                COMMIT_PROBABILITY - 0.01 if i in unsure else COMMIT_PROBABILITY,
            )
        )
        at += 500
    return words


@pytest.mark.parametrize(
    ("draft", "words", "before_ms", "count"),
    [
        pytest.param("", "one two", 9000, 0, id="nothing to agree with"),
        pytest.param("one two", "", 9000, 0, id="nothing new"),
        pytest.param("one two", "one two three", 9000, 2, id="the common beginning"),
        pytest.param("one too three", "one two three", 9000, 1, id="not beyond a difference"),
        pytest.param("won two", "one two", 9000, 0, id="not after a difference at the start"),
        pytest.param("one two", "One, two. Three", 9000, 2, id="a comma and a capital are no difference"),
        pytest.param("one we're", "one were", 9000, 1, id="an apostrophe inside is"),
        pytest.param("one - two", "one two three", 9000, 2, id="a dash that goes"),
        pytest.param("one two", "one - two three", 9000, 3, id="a dash that comes"),
        pytest.param("東京", "東京。", 9000, 1, id="any script"),
        pytest.param("one two three", "one two three", 1000, 2, id="ended by the time"),
        pytest.param("one two three", "one two three", 999, 1, id="not a moment later"),
    ],
)
def test_agreed_prefix(draft: str, words: str, before_ms: int, count: int) -> None:
    """Words on which two updates in a row agree are committed, if they ended long enough ago."""
    assert agreed_prefix(make_words(draft), make_words(words), samples_from_ms(before_ms), 0) == count


@pytest.mark.parametrize(
    ("unsure", "unsure_before_ms", "count"),
    [
        pytest.param((1,), 999, 1, id="a doubtful word waits, and so does what follows"),
        pytest.param((1,), 1000, 3, id="a doubtful word said long ago is committed"),
        pytest.param((0, 1, 2, 3), 1000, 2, id="each doubtful word waits for its own time"),
        pytest.param((3,), 0, 3, id="what comes before a doubtful word does not wait"),
    ],
)
def test_doubtful_words_wait_longer(unsure: tuple[int, ...], unsure_before_ms: int, count: int) -> None:
    """A word of low probability is committed only if it ended by ``unsure_before``."""
    words = make_words("one two three four", unsure=unsure)
    assert (
        agreed_prefix(make_words("one two three four"), words, samples_from_ms(1500), samples_from_ms(unsure_before_ms))
        == count
    )


def test_doubt_is_that_of_the_new_update() -> None:
    """The probability of a word is that of the update that confirms it."""
    sure, unsure = make_words("one"), make_words("one", unsure=(0,))
    assert agreed_prefix(unsure, sure, samples_from_ms(500), 0) == 1
    assert agreed_prefix(sure, unsure, samples_from_ms(500), 0) == 0


def test_the_new_times_count() -> None:
    """The end of a word is that of the update that confirms it."""
    late = [RecognizedWord(" one", 0, samples_from_ms(2000), 1.0)]
    assert agreed_prefix(make_words("one"), late, samples_from_ms(1000), 0) == 0
    assert agreed_prefix(late, make_words("one"), samples_from_ms(1000), 0) == 1


@pytest.mark.parametrize(
    ("probabilities", "doubtful_before_ms", "count"),
    [
        pytest.param([], 0, 0, id="no words"),
        pytest.param([1, 1, 1], 0, 3, id="no doubt"),
        pytest.param([1, 0, 1], 0, 1, id="neither a doubtful word nor what follows it"),
        pytest.param([0, 1, 0], 0, 0, id="not even the first"),
        pytest.param([1, 0, 1, 0], 1000, 3, id="a doubtful word that was said long ago is shown"),
        pytest.param([1, 0, 1], 999, 1, id="not a moment earlier"),
    ],
)
def test_shown_prefix(probabilities: list[int], doubtful_before_ms: int, count: int) -> None:
    """Of the words that may still change, those from the first doubtful one on are hidden for some time."""
    words = [
        replace(word, probability=SHOW_PROBABILITY if sure else SHOW_PROBABILITY - 0.01)
        for word, sure in zip(make_words("one two three four"), probabilities, strict=False)
    ]
    assert shown_prefix(words, samples_from_ms(doubtful_before_ms)) == count


def test_join_words() -> None:
    """A caption begins without the space that the model writes before words; others stay as they are."""
    assert join_words(make_words("one two,")) == "one two,"
    assert join_words([]) == ""
    assert join_words([RecognizedWord("東", 0, 1, 1.0), RecognizedWord("京。", 1, 2, 1.0)]) == "東京。"
