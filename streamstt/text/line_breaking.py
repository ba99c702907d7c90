"""Breaks captions into lines, at phrases where possible. Pure; the overlay has the same rules in JavaScript.

1. A line is filled up to the limit. Wide characters (Chinese, Japanese, Korean, emoji) count as two, combining marks
   as none, a flag or a family of emoji as two. The space at a break belongs to neither line.
2. If more text follows, the line is broken at the last place in its second half (at or after half of the limit) that
   follows the end of a sentence or clause; else at the last place there before a conjunction or preposition of the
   language (before the first of several); else at the last place there before a word; else at the last place before a
   word; else at the last place that fits. Japanese, Chinese and Thai words are found by a model that reads three
   characters before and after a place; where those after it do not count yet, it must be surer.
3. Places are the spaces and, in scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese), between two
   characters: not before closing punctuation, not after opening punctuation, not within a Latin word or a number.
4. There is no place between the groups of a number, a number and its unit, a title and its name, or before
   punctuation on its own.
5. Text longer than a line without such a place is broken at its last space; a longer word is cut.

A full line does not change when more text follows: it depends only on what fits, on the next word for abbreviations,
and on its first character for words without spaces.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from streamstt.text.characters import CLAUSE_ENDS, SPACELESS_CHARACTER, is_mark, split_characters, width
from streamstt.text.line_break_data import (
    COUNTERS,
    DOTTED_TITLES,
    END_CLOSERS,
    NO_LINE_END,
    NO_LINE_START,
    NUMBER_SEPARATORS,
    NUMERALS,
    PHRASE_OPENERS,
    TITLES,
    UNITS,
)
from streamstt.text.sentences import ends_sentence
from streamstt.text.word_boundaries import CONTEXT, word_starts

CLAUSE_END = re.compile(f"[{re.escape(''.join(CLAUSE_ENDS))}][{re.escape(END_CLOSERS)}]*$")
NUMBER = re.compile(rf"[^\w\s]*\d(?:[\d{re.escape(NUMBER_SEPARATORS)}]*\d)?\Z")
BREAKING_SPACE = re.compile(r"[^\S\u00a0\u2007\u202f]+")  # not the non-breaking ones
WORD = re.compile("[^ ]+")  # with single spaces between words
DIGIT_GROUP = re.compile(r"\d{3}(?!\d)")  # "000" of "10 000"


@dataclass(frozen=True, slots=True)
class _Unit:
    """Text that is never broken.

    Attributes:
        text: Its text.
        start: Its offset in the whole text.
        space_before: Whether a space is before it.
        keep_with_previous: Whether there is no break before it.
    """

    text: str
    start: int
    space_before: bool
    keep_with_previous: bool = False

    @property
    def end(self) -> int:
        """The offset after it."""
        return self.start + len(self.text)


def break_lines(text: str, limit: int, language: str = "") -> list[str]:
    """Breaks a text into lines.

    Args:
        text: A caption; runs of white space count as one space.
        limit: Width of a line in narrow characters, at least 2.
        language: Language code; conjunctions and prepositions are known for ``en``, ``de``, ``fr`` and ``es``.

    Returns:
        The lines, stripped; all but the last are full. Empty if the text is.
    """
    text, units = _make_units(text, limit)
    broken = []
    while units:
        count = _first_line_units(text, units, limit, language)
        broken.append(text[units[0].start : units[count - 1].end])
        units = units[count:]
    return broken


def _first_line_units(text: str, units: Sequence[_Unit], limit: int, language: str) -> int:
    """Returns how many units go on the first line."""
    widths = [0]  # widths[n]: of the first n units
    for n, unit in enumerate(units):
        widths.append(widths[-1] + (n > 0 and unit.space_before) + width(unit.text))
        if widths[-1] > limit:
            break
    else:
        return len(units)
    most = max(1, len(widths) - 2)  # the first unit that does not fit starts the next line
    known = units[most].start + 1  # of what follows the first character will not change when the text grows
    places = [n for n in range(1, most + 1) if not units[n].keep_with_previous]
    words = _word_places(text[:known], units, places, language)
    second_half = [n for n in words if 2 * widths[n] >= limit]
    clauses = [n for n in second_half if _ends_clause(units, n, language)]
    phrases = [n for n in second_half if _starts_phrase(units, n, language)]
    spaces = [n for n in range(1, most + 1) if units[n].space_before]
    return (clauses or phrases or second_half or words or places or spaces or [most])[-1]


def _word_places(text: str, units: Sequence[_Unit], places: Sequence[int], language: str) -> list[int]:
    """Returns the places before a word; if none is sure, those that may be. The text may go on."""
    for sure in (True, False):
        starts = _word_starts(text, language, units[0].start, sure=sure)
        found = [n for n in places if _starts_word(units, n, starts)]
        if found:
            return found
    return []


def _ends_clause(units: Sequence[_Unit], n: int, language: str) -> bool:
    """Returns whether a sentence or clause ends before unit n; it does not after an abbreviation."""
    if not CLAUSE_END.search(units[n - 1].text):
        return False
    if not units[n - 1].text.rstrip(END_CLOSERS).endswith("."):
        return True
    return ends_sentence([unit.text for unit in units[max(0, n - 3) : n]], units[n].text, language) is True


def _word_starts(text: str, language: str, begin: int = 0, *, sure: bool = False) -> frozenset[int] | None:
    """Returns where words begin in scripts without spaces; None if nothing is known of the language.

    Args:
        text: The text so far.
        language: Language code.
        begin: The offset from which on they are wanted.
        sure: Whether only those are wanted that are words however the text goes on.
    """
    found: set[int] = set()
    for word in WORD.finditer(text, max(0, begin - CONTEXT)):
        starts = word_starts(word[0], language, growing=sure and word.end() == len(text))
        if starts is None:
            return None
        found.update(word.start() + start for start in starts)
    return frozenset(found)


def _starts_word(units: Sequence[_Unit], n: int, starts: frozenset[int] | None) -> bool:
    """Returns whether a word begins with unit n; in scripts without spaces, one does after a clause in any case."""
    unit = units[n]
    return unit.space_before or starts is None or unit.start in starts or bool(CLAUSE_END.search(units[n - 1].text))


def _starts_phrase(units: Sequence[_Unit], n: int, language: str) -> bool:
    """Returns whether unit n is a conjunction or preposition and the one before it is not."""
    openers = PHRASE_OPENERS.get(language, frozenset())
    return _strip_punctuation(units[n].text) in openers and _strip_punctuation(units[n - 1].text) not in openers


def _make_units(text: str, limit: int) -> tuple[str, list[_Unit]]:
    """Returns a text with single spaces, and its units, which fit on a line."""
    text = " ".join(filter(None, BREAKING_SPACE.split(text)))
    return text, [cut for unit in _keep_together(list(_split_units(text))) for cut in _split_long(unit, limit)]


def _split_units(text: str) -> Iterator[_Unit]:
    """Splits a text into words, and in scripts without spaces into characters with their punctuation."""
    for match in WORD.finditer(text):
        start, spaced, spaceless, piece = match.start(), True, False, ""
        for char in [match[0]] if match[0].isascii() else split_characters(match[0]):
            breakable = spaceless or bool(SPACELESS_CHARACTER.match(char))
            if piece and breakable and _can_break_between(piece, char):
                yield _Unit(piece, start, spaced)
                start, spaced, piece = start + len(piece), False, ""
                breakable = bool(SPACELESS_CHARACTER.match(char))
            piece, spaceless = piece + char, breakable
        yield _Unit(piece, start, spaced)


def _can_break_between(piece: str, char: str) -> bool:
    """Returns whether a script without spaces can be broken between a piece of text and the next character."""
    if is_mark(char[0]) or char[0] in NO_LINE_START or piece[-1] in NO_LINE_END:
        return False
    return not (char in COUNTERS and any(c.isdecimal() for c in piece))


def _keep_together(units: Sequence[_Unit]) -> list[_Unit]:
    """Marks the units that must stay with the one before them."""
    return [
        replace(unit, keep_with_previous=n > 0 and unit.space_before and belong_together(units[n - 1].text, unit.text))
        for n, unit in enumerate(units)
    ]


def belong_together(first: str, second: str) -> bool:
    """Returns whether two words stay together.

    A number and its next group or unit, a title and a name, or punctuation after a space, as in French.
    """
    if NO_LINE_START.issuperset(second):
        return True
    if NUMBER.match(first) or first.lower() in NUMERALS:
        return bool(DIGIT_GROUP.match(second)) or second.lower() in UNITS or _strip_punctuation(second) in UNITS
    title = first.lstrip("".join(NO_LINE_END) + "\"'")
    return title.removesuffix(".") in TITLES or title in DOTTED_TITLES


def _split_long(unit: _Unit, limit: int) -> Iterator[_Unit]:
    """Cuts a unit into parts that fit on a line."""
    if width(unit.text) <= limit:
        yield unit
        return
    parts, columns = [""], 0
    for char in split_characters(unit.text):
        columns += width(char)
        if parts[-1] and columns > limit:
            parts.append("")
            columns = width(char)
        parts[-1] += char
    starts = accumulate(map(len, parts), initial=unit.start)
    for n, (text, start) in enumerate(zip(parts, starts, strict=False)):
        yield _Unit(text, start, unit.space_before and n == 0, unit.keep_with_previous and n == 0)


def _strip_punctuation(word: str) -> str:
    """Returns a word in lower case without surrounding punctuation."""
    return re.sub(r"^\W+|\W+$", "", word.lower())
