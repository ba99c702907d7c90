"""Where words begin in languages without spaces, found by BudouX (https://github.com/google/budoux). Pure."""

from collections.abc import Callable
from functools import cache
from itertools import accumulate

import budoux

MODELS: dict[str, Callable[[], budoux.Parser]] = {
    "ja": budoux.load_default_japanese_parser,
    "zh": budoux.load_default_simplified_chinese_parser,
    "yue": budoux.load_default_traditional_chinese_parser,
    "th": budoux.load_default_thai_parser,
}
CONTEXT = 3
"""Characters that a model reads before a place, and after it."""
MARGIN = 1_000
"""By how much a score must be higher if the characters after a place are not all known, so that they hardly matter."""


def word_starts(text: str, language: str, *, growing: bool = False) -> frozenset[int] | None:
    """Returns the offsets where a line may begin without a word being cut, 0 among them.

    Args:
        text: Text without spaces.
        language: Language code.
        growing: Whether more text follows: of the last places, only those where a word surely begins are returned.

    Returns:
        The offsets; None if nothing is known of the language, or if it has spaces.
    """
    if language not in MODELS:
        return None
    starts = _starts(_parser(language), text)
    if not growing:
        return starts
    known = len(text) - CONTEXT
    return frozenset(start for start in starts if start <= known) | _starts(_strict_parser(language), text)


def _starts(parser: budoux.Parser, text: str) -> frozenset[int]:
    return frozenset(accumulate(map(len, parser.parse(text)[:-1]), initial=0))


@cache
def _parser(language: str) -> budoux.Parser:
    """Loads a model: 60 kB, when a text first needs it."""
    return MODELS[language]()


@cache
def _strict_parser(language: str) -> budoux.Parser:
    """Returns a model that needs higher scores: half the sum of all weights is what a score must exceed."""
    return budoux.Parser({**_parser(language).model, "strictness": {"": 2 * MARGIN}})
