"""Breaks captions into lines, at phrases where possible. Pure; the overlay has the same rules in JavaScript.

1. A line is filled up to the limit. Wide characters (Chinese, Japanese, Korean, emoji) count as two, combining marks
   as none, a flag or a family of emoji as two. The space at a break belongs to neither line.
2. If more text follows, the line is broken at the last place in its second half (at or after half of the limit) that
   follows the end of a sentence or clause; else at the last place there before a conjunction or preposition of the
   language (before the first of several); else, without spaces, at the last place there before a word (Japanese,
   Chinese, Thai); else at the last place that fits.
3. Places are the spaces and, in scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese), between two
   characters: not before closing punctuation, not after opening punctuation, not within a Latin word or a number.
4. There is no place between the groups of a number, a number and its unit, a title and its name, or before
   punctuation on its own.
5. Text longer than a line without such a place is broken at its last space; a longer word is cut.

A full line does not change when more words follow: it depends only on what fits and on the next word.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streamstt.text.characters import SPACELESS_CHARACTER, is_mark, split_characters, width
from streamstt.text.line_break_data import (
    CLAUSE_END_SIGNS,
    CLOSERS,
    COUNTERS,
    DOTTED_TITLES,
    NO_LINE_END,
    NO_LINE_START,
    NUMBER_SEPARATORS,
    NUMERALS,
    PHRASE_OPENERS,
    TITLES,
    UNITS,
)
from streamstt.text.sentences import ends_sentence
from streamstt.text.word_boundaries import has_word_boundaries, word_starts

CLAUSE_END = re.compile(f"[{re.escape(CLAUSE_END_SIGNS)}][{re.escape(CLOSERS)}]*$")
NUMBER = re.compile(rf"[^\w\s]*\d(?:[\d{re.escape(NUMBER_SEPARATORS)}]*\d)?\Z")
BREAKING_SPACE = re.compile(r"[^\S\u00a0\u2007\u202f]+")  # not the non-breaking ones
DIGIT_GROUP = re.compile(r"\d{3}(?!\d)")  # "000" of "10 000"


@dataclass(frozen=True, slots=True)
class _Unit:
    """Text that is never broken; ``keep_with_previous``: there is no break before it either."""

    text: str
    space_before: bool
    keep_with_previous: bool = False


def break_lines(text: str, limit: int, language: str = "") -> list[str]:
    """Breaks a text into lines.

    Args:
        text: A caption; runs of white space count as one space.
        limit: Width of a line in narrow characters, at least 2.
        language: Language code; conjunctions and prepositions are known for ``en``, ``de``, ``fr`` and ``es``.

    Returns:
        The lines, stripped; all but the last are full. Empty if the text is.
    """
    units = [cut for unit in _keep_together(list(_split_units(text))) for cut in _split_long(unit, limit)]
    broken = []
    while units:
        count = _first_line_units(units, limit, language)
        broken.append(_join_units(units[:count]))
        units = units[count:]
    return broken


def balance_lines(text: str, limit: int, language: str = "") -> list[str] | None:
    """Breaks a text into two lines of similar length, at a phrase if possible.

    Not for a text that still grows: its lines would move.

    Args:
        text: As for ``break_lines``.
        limit: As for ``break_lines``.
        language: As for ``break_lines``.

    Returns:
        Two lines; None if the text needs more or cannot be broken.
    """
    units = [cut for unit in _keep_together(list(_split_units(text))) for cut in _split_long(unit, limit)]
    words = _word_units(units, "", language)
    pairs = [
        (n, _join_units(units[:n]), _join_units(units[n:]))
        for n in range(1, len(units))
        if not units[n].keep_with_previous
    ]
    fitting = [(n, a, b) for n, a, b in pairs if max(width(a), width(b)) <= limit]
    even = [pair for pair in fitting if 3 * min(width(pair[1]), width(pair[2])) >= limit]
    clauses = [pair for pair in even if _ends_clause(units, pair[0], language)]
    phrases = [pair for pair in even if _starts_phrase(units, pair[0], language)]
    whole = [pair for pair in fitting if pair[0] in words]
    best = min(
        clauses or phrases or whole or fitting, key=lambda pair: abs(width(pair[1]) - width(pair[2])), default=None
    )
    return [best[1], best[2]] if best else None


def _first_line_units(units: Sequence[_Unit], limit: int, language: str) -> int:
    """Returns how many units go on the first line."""
    widths = [0]  # widths[n]: of the first n units
    for n, unit in enumerate(units):
        widths.append(widths[-1] + (n > 0 and unit.space_before) + width(unit.text))
        if widths[-1] > limit:
            break
    else:
        return len(units)
    most = max(1, len(widths) - 2)  # the first unit that does not fit starts the next line
    places = [n for n in range(1, most + 1) if not units[n].keep_with_previous]
    second_half = [n for n in places if 2 * widths[n] >= limit]
    clauses = [n for n in second_half if _ends_clause(units, n, language)]
    phrases = [n for n in second_half if _starts_phrase(units, n, language)]
    starts = _word_units(units[:most], units[most].text[0], language)
    words = [n for n in second_half if n in starts]
    spaces = [n for n in range(1, most + 1) if units[n].space_before]
    return (clauses or phrases or words or places or spaces or [most])[-1]


def _ends_clause(units: Sequence[_Unit], n: int, language: str) -> bool:
    """Returns whether a sentence or clause ends before unit n; it does not after an abbreviation."""
    if not CLAUSE_END.search(units[n - 1].text):
        return False
    if not units[n - 1].text.rstrip(CLOSERS).endswith("."):
        return True
    return ends_sentence([unit.text for unit in units[max(0, n - 3) : n]], units[n].text, language) is True


def _word_units(units: Sequence[_Unit], following: str, language: str) -> set[int]:
    """Returns which units begin a word, also where words are not separated by spaces.

    Args:
        units: The units, from the beginning of a line.
        following: The character after them; empty: none.
        language: Language code.
    """
    if not has_word_boundaries(language):
        return set(range(len(units) + 1))
    found, first = {0, len(units)} if not following else {0}, 0
    while first < len(units):
        last = next((n for n in range(first + 1, len(units)) if units[n].space_before), len(units))
        text = "".join(unit.text for unit in units[first:last]) + (following if last == len(units) else "")
        starts, at = word_starts(text, language), 0
        for n in range(first, last + 1):
            if at in starts or n == first:
                found.add(n)
            at += len(units[n].text) if n < last else 0
        first = last
    return found


def _starts_phrase(units: Sequence[_Unit], n: int, language: str) -> bool:
    """Returns whether unit n is a conjunction or preposition and the one before it is not."""
    openers = PHRASE_OPENERS.get(language, frozenset())
    return _strip_punctuation(units[n].text) in openers and _strip_punctuation(units[n - 1].text) not in openers


def _split_units(text: str) -> Iterator[_Unit]:
    """Splits a text into words, and in scripts without spaces into characters with their punctuation."""
    for word in filter(None, BREAKING_SPACE.split(text)):
        if word.isascii():
            yield _Unit(word, True)
            continue
        piece, spaced, spaceless = "", True, False
        for char in split_characters(word):
            breakable = spaceless or bool(SPACELESS_CHARACTER.match(char))
            if piece and breakable and _can_break_between(piece, char):
                yield _Unit(piece, spaced)
                piece, spaced = "", False
                breakable = bool(SPACELESS_CHARACTER.match(char))
            piece, spaceless = piece + char, breakable
        yield _Unit(piece, spaced)


def _can_break_between(piece: str, char: str) -> bool:
    """Returns whether a script without spaces can be broken between a piece of text and the next character."""
    if is_mark(char[0]) or char[0] in NO_LINE_START or piece[-1] in NO_LINE_END or piece[-1] == "\u200d":
        return False
    return not (char in COUNTERS and any(c.isdigit() for c in piece))


def _keep_together(units: Sequence[_Unit]) -> list[_Unit]:
    """Marks the units that must stay with the one before them."""
    return [
        _Unit(
            unit.text, unit.space_before, n > 0 and unit.space_before and belong_together(units[n - 1].text, unit.text)
        )
        for n, unit in enumerate(units)
    ]


def belong_together(first: str, second: str) -> bool:
    """Returns whether two words stay together.

    A number and its next group or unit, a title and a name, or punctuation after a space, as in French.
    """
    if NO_LINE_START.issuperset(second):
        return True
    if NUMBER.match(first) or first.casefold() in NUMERALS:
        return bool(DIGIT_GROUP.match(second)) or second.casefold() in UNITS or _strip_punctuation(second) in UNITS
    title = first.lstrip("".join(NO_LINE_END) + "\"'")
    return title.removesuffix(".") in TITLES or title in DOTTED_TITLES


def _split_long(unit: _Unit, limit: int) -> Iterator[_Unit]:
    """Cuts a unit into parts that fit on a line; a combining mark stays with its letter."""
    if width(unit.text) <= limit:
        yield unit
        return
    part, parts = "", []
    for char in split_characters(unit.text):
        if part and not is_mark(char[0]) and width(part + char) > limit:
            parts.append(part)
            part = ""
        part += char
    for n, text in enumerate([*parts, part]):
        yield _Unit(text, unit.space_before and n == 0, unit.keep_with_previous and n == 0)


def _join_units(units: Sequence[_Unit]) -> str:
    return "".join((" " if n and unit.space_before else "") + unit.text for n, unit in enumerate(units))


def _strip_punctuation(word: str) -> str:
    """Returns a word in lower case without surrounding punctuation."""
    return re.sub(r"^\W+|\W+$", "", word.casefold())
