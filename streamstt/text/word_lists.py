"""All lists of words as plain values, for the pages: their JavaScript has the same rules. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from streamstt.text.abbreviations import (
    ABBREVIATIONS,
    AFTER_TIME,
    COMMON,
    CONSONANTS,
    ORDINAL_LANGUAGES,
    Abbreviations,
)
from streamstt.text.function_words import FUNCTION_WORDS, OTHER_STARTERS
from streamstt.text.line_break_data import COUNTERS, DOTTED_TITLES, NUMERALS, PHRASE_OPENERS, TITLES, UNITS


def word_lists() -> dict[str, Any]:
    """Returns the lists by name; those of a language by its code within. JSON can hold them."""
    abbreviations = {language: _by_kind(lists) for language, lists in {**ABBREVIATIONS, "": COMMON}.items()}
    return {
        "abbreviations": abbreviations,  # "": those of every language
        "sentenceStarters": _by_language(FUNCTION_WORDS, OTHER_STARTERS),
        "phraseOpeners": _by_language(PHRASE_OPENERS),
        "ordinalLanguages": sorted(ORDINAL_LANGUAGES),
        "afterTime": sorted(AFTER_TIME),
        "consonants": sorted(CONSONANTS),
        "units": sorted(UNITS),
        "numerals": sorted(NUMERALS),
        "counters": sorted(COUNTERS),
        "titles": sorted(TITLES),
        "dottedTitles": sorted(DOTTED_TITLES),
    }


def _by_kind(lists: Abbreviations) -> dict[str, list[str]]:
    kinds: dict[str, Iterable[str]] = {
        "internal": lists.internal,
        "numbered": lists.numbered,
        "final": lists.final,
        "rarelyFinal": lists.rarely_final,
    }
    return {kind: sorted(words) for kind, words in kinds.items()}


def _by_language(*lists: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    """Merges lists language by language."""
    languages = {language for words in lists for language in words}
    return {
        language: sorted(frozenset().union(*(words.get(language, frozenset()) for words in lists)))
        for language in sorted(languages)
    }
