"""Words that another model has recognized are encoded again, once; own words keep their tokens."""

from collections.abc import Sequence

import pytest

from streamstt.engine.base import RecognizedWord
from streamstt.whisper.decoding import known_words
from streamstt.whisper.decoding.known_words import KnownWords, identify_tokenizer


class Encoder:
    """Encodes a text as its length, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        self.asked.append(list(texts))
        return [[1000 + len(text)] for text in texts]


def word(text: str, *tokens: int, tokenizer: str = "own") -> RecognizedWord:
    return RecognizedWord(text, 0, 1, 0.9, tokens, tokenizer)


def test_own_words() -> None:
    """They are forced exactly as they were recognized."""
    encode = Encoder()
    assert KnownWords("own", encode).tokens([word(" a", 1, 2), word(" b", 3)]) == [1, 2, 3]
    assert encode.asked == []


def test_words_of_another_model() -> None:
    """They are encoded together, in their place, and not again in the next update."""
    encode = Encoder()
    known = KnownWords("own", encode)
    words = [word(" once", 7, tokenizer="other"), word(" upon", 8, tokenizer="other"), word(" a", 1)]
    assert known.tokens(words) == [1005, 1005, 1]
    assert known.tokens([*words, word(" time", tokenizer="")]) == [1005, 1005, 1, 1005]
    assert encode.asked == [[" once", " upon"], [" time"]]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is changed again and again does not fill memory; the tokens stay right."""
    monkeypatch.setattr(known_words, "MAX_KEPT", 2)
    encode = Encoder()
    known = KnownWords("own", encode)
    first = [word(" one", tokenizer="x"), word(" two", tokenizer="x")]
    assert known.tokens(first) == [1004, 1004]
    assert known.tokens([*first, word(" three", tokenizer="x")]) == [1004, 1004, 1006]
    assert encode.asked[-1] == [" one", " three", " two"]


def test_tokenizers_differ() -> None:
    """By any token of the sample."""
    assert identify_tokenizer(["a", "b"]) == identify_tokenizer(["a", "b"]) != identify_tokenizer(["a", "c"])
