"""Where words begin in languages without spaces, found by BudouX (https://github.com/google/budoux). Pure."""

from collections.abc import Callable
from functools import cache

import budoux

MODELS: dict[str, Callable[[], budoux.Parser]] = {
    "ja": budoux.load_default_japanese_parser,
    "zh": budoux.load_default_simplified_chinese_parser,
    "yue": budoux.load_default_traditional_chinese_parser,
    "th": budoux.load_default_thai_parser,
}


def has_word_boundaries(language: str) -> bool:
    """Returns whether words are known in a language without spaces."""
    return language in MODELS


def word_starts(text: str, language: str) -> frozenset[int]:
    """Returns the offsets where a line may begin without a word being cut, 0 among them.

    Each depends on the three characters before it and the three after it.

    Args:
        text: Text without spaces.
        language: Language code, one for which ``has_word_boundaries`` is true.
    """
    starts, at = {0}, 0
    for part in _parser(language).parse(text):
        starts.add(at)
        at += len(part)
    return frozenset(starts)


@cache
def _parser(language: str) -> budoux.Parser:
    """Loads a model: 60 kB, when a text first needs it."""
    return MODELS[language]()
