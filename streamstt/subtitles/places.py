"""Where a caption may be divided: between words that do not belong together. Pure."""

import re
from itertools import accumulate, pairwise

from streamstt.text.characters import SPACELESS_CHARACTER, is_mark, split_characters, width
from streamstt.text.function_words import FUNCTION_WORDS
from streamstt.text.line_break_data import NO_LINE_END, NO_LINE_START, PHRASE_OPENERS
from streamstt.text.line_breaking import BREAKING_SPACE, CLAUSE_END, belong_together, break_lines
from streamstt.text.sentences import ends_sentence
from streamstt.text.word_boundaries import word_starts


def find_places(text: str, limit: int, language: str) -> list[int]:
    """Finds where a text may be divided.

    Args:
        text: Words with single spaces between them.
        limit: Longest part that must not be divided, in narrow characters; a wider one is cut.
        language: Language code.

    Returns:
        Offsets of the parts, rising: 0, the start of each part, and the length of the text.
    """
    places = {0, len(text)}
    at, before = 0, ""
    for word in BREAKING_SPACE.split(text):
        if before and not belong_together(before, word):
            places.add(at)
        places.update(at + offset for offset in _inner_places(word, language))
        at, before = at + len(word) + 1, word
    for start, end in pairwise(sorted(places)):
        if width(text[start:end].rstrip()) > limit:
            places.update(_cut_places(text, start, end, limit))
    return sorted(places)


def place_cost(text: str, place: int, language: str) -> int:
    """Returns how much a division at a place disturbs a reader: 0 after a clause, 4 after a word like "the"."""
    before, after = text[:place].rstrip(), text[place:]
    last, following = before.split()[-3:], after.split(" ", 1)[0]
    if CLAUSE_END.search(before):
        is_abbreviation = before[-1] == "." and ends_sentence(last, following, language) is not True
        return 2 if is_abbreviation else 0
    bare = re.sub(r"^\W+|\W+$", "", last[-1].casefold()) if last else ""
    if bare in FUNCTION_WORDS.get(language, frozenset()):
        return 4
    openers = PHRASE_OPENERS.get(language, frozenset())
    return 1 if re.sub(r"^\W+|\W+$", "", following.casefold()) in openers else 2


def _inner_places(word: str, language: str) -> list[int]:
    """Finds where a word without spaces may be divided: in Chinese, Japanese, Thai and the like, between words."""
    if word.isascii() or not SPACELESS_CHARACTER.search(word):
        return []
    starts = word_starts(word, language)
    if starts is None:
        characters = accumulate(map(len, split_characters(word)[:-1]), initial=0)
        starts = frozenset(at for at in characters if SPACELESS_CHARACTER.match(word, at))
    return [n for n in sorted(starts) if n and not _stays(word[n]) and word[n - 1] not in NO_LINE_END]


def _stays(char: str) -> bool:
    """Returns whether a character stays with the one before it."""
    return char in NO_LINE_START or is_mark(char)


def _cut_places(text: str, start: int, end: int, limit: int) -> list[int]:
    """Finds where to cut a part that is too wide."""
    places, at = [], start
    for part in break_lines(text[start:end], limit):
        at = text.index(part, at)
        places.append(at)
        at += len(part)
    return places
