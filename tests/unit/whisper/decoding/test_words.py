"""Grouping tokens into words, with a toy vocabulary of bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.whisper.decoding.words import split_words
from tests.support.drawing import PROPERTY

VOCABULARY = [
    b" Hello", b" world", b"ly", b",", b".", b" don", b"'t", b" ", b"-", b" (", b")", b" 5", b"0", b"%",
    "東".encode(), "京".encode(), "は".encode(), "。".encode(), "é".encode()[:1], "é".encode()[1:],
    "東".encode()[:1], "東".encode()[1:2], "東".encode()[2:], b" caf", "ไ".encode(), "ท".encode(),
]  # fmt: skip


def decode(tokens: list[int]) -> str:
    return b"".join(VOCABULARY[t] for t in tokens).decode(errors="replace")


def tokens_of(*pieces: bytes | str) -> list[int]:
    return [VOCABULARY.index(p.encode() if isinstance(p, str) else p) for p in pieces]


def words(tokens: list[int], language: str = "en") -> list[str]:
    return [text for text, _ in split_words(tokens, decode, language)]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], []),
        ([" Hello"], [" Hello"]),
        ([" Hello", " world"], [" Hello", " world"]),
        ([" world", "ly", ","], [" worldly,"]),
        ([" don", "'t", " Hello", "."], [" don't", " Hello."]),
        ([" 5", "0", "%", " (", "ly", ")"], [" 50%", " (ly)"]),
        (["ly", " Hello"], ["ly", " Hello"]),
    ],
)
def test_words_begin_with_a_space(pieces: list[str], expected: list[str]) -> None:
    """In languages with spaces a word extends to the next space and includes its punctuation."""
    assert words(tokens_of(*pieces)) == expected


def test_characters_of_several_tokens() -> None:
    """A character of several tokens is complete, and its tokens stay in one word."""
    first, second = "é".encode()[:1], "é".encode()[1:]
    tokens = tokens_of(" caf", first, second, ".", " Hello")
    assert split_words(tokens, decode, "fr") == [(" café.", tuple(tokens[:4])), (" Hello", tuple(tokens[4:]))]


def test_languages_without_spaces() -> None:
    """There each run of whole characters is a word; punctuation belongs to the one before it."""
    assert words(tokens_of("東", "京", "は", "。"), "ja") == ["東", "京", "は。"]
    assert words(tokens_of("ไ", "ท"), "th") == ["ไ", "ท"]
    assert words(tokens_of("東", "京"), "en") == ["東京"]


def test_pieces_of_a_character_without_spaces() -> None:
    """The same holds for characters of several tokens."""
    a, b, c = (bytes([x]) for x in "東".encode())
    tokens = tokens_of(a, b, c, "京")
    assert split_words(tokens, decode, "zh") == [("東", tuple(tokens[:3])), ("京", tuple(tokens[3:]))]


def test_half_a_character_at_the_end() -> None:
    """An incomplete character at the end is not shown, but its tokens are kept."""
    half = "é".encode()[:1]
    tokens = tokens_of(" caf", half)
    assert split_words(tokens, decode, "fr") == [(" caf", tuple(tokens))]


@PROPERTY
@given(st.lists(st.integers(0, len(VOCABULARY) - 1), max_size=20), st.sampled_from(["en", "ja", "th"]))
def test_no_token_is_lost(tokens: list[int], language: str) -> None:
    """Every token is in exactly one word, in order, and the words joined are the decoded text."""
    found = split_words(tokens, decode, language)
    assert [t for _, piece in found for t in piece] == tokens
    assert all(piece for _, piece in found)
    whole = decode(tokens)
    if "\ufffd" not in whole:
        assert "".join(text for text, _ in found) == whole
