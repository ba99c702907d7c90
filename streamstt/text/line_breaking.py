"""Breaks captions into lines, by phrase where it can. Pure; the overlay has the same rule in JavaScript.

1. A line is filled up to the limit. Wide characters (Chinese, Japanese, Korean, emoji) count two, marks on a letter
   none. Space at a break is on neither line.
2. When more follows, it is broken at the last place in its second half (at or after half of the limit) that stands
   after the end of a sentence or clause; if there is none, at the last place there before a conjunction or preposition
   of the language, before the first of several; if there is none, at the last place that fits.
3. Places are the spaces and, in scripts that have none (Chinese, Japanese, Thai, Lao, Khmer, Burmese), between two
   characters: not before closing signs, not after opening ones, not within a word of Latin letters or a number.
4. No place is between the groups of a number, a number and its unit, a title and its name, or before a lone sign.
5. What is longer than a line without such a place is broken at its last space, and a word that is longer is cut.

A line that is full does not change when more words follow: it depends on what fits and on the next word only.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streamstt.text.characters import SPACELESS_CHARACTER, WIDE_CHARACTER, is_mark
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

CLAUSE_END = re.compile(f"[{re.escape(CLAUSE_END_SIGNS)}][{re.escape(CLOSERS)}]*$")
NUMBER = re.compile(rf"[^\w\s]*\d(?:[\d{re.escape(NUMBER_SEPARATORS)}]*\d)?\Z")
BREAKING_SPACE = re.compile(r"[^\S\u00a0\u2007\u202f]+")  # not the kinds of it that say that no line ends there
DIGIT_GROUP = re.compile(r"\d{3}(?!\d)")  # "000" of "10 000"


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is not broken; ``keep_with_previous``: it stays with the one before it."""

    text: str
    space_before: bool
    keep_with_previous: bool = False


def break_lines(text: str, limit: int, language: str = "") -> list[str]:
    """Breaks a text into lines.

    Args:
        text: A caption; what space it has is one space.
        limit: Width of a line, in narrow characters, at least 2.
        language: Code; of ``en``, ``de``, ``fr`` and ``es`` conjunctions and prepositions are known.

    Returns:
        The lines, without space around them; all but the last are full. No text: no line.
    """
    atoms = [cut for atom in _keep_together(list(_split_units(text))) for cut in _split_long(atom, limit)]
    openers = PHRASE_OPENERS.get(language, frozenset())
    broken = []
    while atoms:
        count = _first_line_units(atoms, limit, openers)
        broken.append(_join_units(atoms[:count]))
        atoms = atoms[count:]
    return broken


def balance_lines(text: str, limit: int, language: str = "") -> list[str] | None:
    """Breaks a whole text into two lines, by phrase if it can, else near its middle; None: it is longer.

    Not for a text that still grows: its lines would move.

    Args:
        text: As for ``break_lines``.
        limit: The same.
        language: The same.
    """
    atoms = [cut for atom in _keep_together(list(_split_units(text))) for cut in _split_long(atom, limit)]
    openers = PHRASE_OPENERS.get(language, frozenset())
    pairs = [
        (n, _join_units(atoms[:n]), _join_units(atoms[n:]))
        for n in range(1, len(atoms))
        if not atoms[n].keep_with_previous
    ]
    fitting = [(n, a, b) for n, a, b in pairs if max(width(a), width(b)) <= limit]
    even = [pair for pair in fitting if 3 * min(width(pair[1]), width(pair[2])) >= limit]
    clauses = [pair for pair in even if CLAUSE_END.search(pair[1])]
    phrases = [pair for pair in even if _starts_phrase(atoms, pair[0], openers)]
    best = min(clauses or phrases or fitting, key=lambda pair: abs(width(pair[1]) - width(pair[2])), default=None)
    return [best[1], best[2]] if best else None


def width(text: str) -> int:
    """How many narrow characters wide a text is."""
    if text.isascii():
        return len(text)
    return sum(2 if WIDE_CHARACTER.match(c) else not is_mark(c) for c in text)


def _first_line_units(units: Sequence[_Unit], limit: int, openers: frozenset[str]) -> int:
    """How many atoms the first line takes."""
    wide = [0]  # wide[n]: of the first n atoms
    for n, atom in enumerate(units):
        wide.append(wide[-1] + (n > 0 and atom.space_before) + width(atom.text))
        if wide[-1] > limit:
            break
    else:
        return len(units)
    most = max(1, len(wide) - 2)  # the first that does not fit begins the next line
    places = [n for n in range(1, most + 1) if not units[n].keep_with_previous]
    second = [n for n in places if 2 * wide[n] >= limit]
    clauses = [n for n in second if CLAUSE_END.search(units[n - 1].text)]
    phrases = [n for n in second if _starts_phrase(units, n, openers)]
    spaces = [n for n in range(1, most + 1) if units[n].space_before]
    return (clauses or phrases or places or spaces or [most])[-1]


def _starts_phrase(units: Sequence[_Unit], n: int, openers: frozenset[str]) -> bool:
    """Whether a conjunction or preposition stands there, the first of several."""
    return _strip_punctuation(units[n].text) in openers and _strip_punctuation(units[n - 1].text) not in openers


def _split_units(text: str) -> Iterator[_Unit]:
    """What is not broken: words; in scripts without spaces characters, with the signs that belong to them."""
    for word in filter(None, BREAKING_SPACE.split(text)):
        if word.isascii():
            yield _Unit(word, True)
            continue
        piece, spaced, spaceless = "", True, False
        for char in word:
            wanted = spaceless or bool(SPACELESS_CHARACTER.match(char))
            if piece and wanted and _can_break_between(piece, char):
                yield _Unit(piece, spaced)
                piece, spaced = "", False
                wanted = bool(SPACELESS_CHARACTER.match(char))
            piece, spaceless = piece + char, wanted
        yield _Unit(piece, spaced)


def _can_break_between(piece: str, char: str) -> bool:
    """Whether a script without spaces can be broken between them."""
    if is_mark(char) or char in NO_LINE_START or piece[-1] in NO_LINE_END or piece[-1] == "\u200d":
        return False
    return not (char in COUNTERS and any(c.isdigit() for c in piece))


def _keep_together(units: Sequence[_Unit]) -> list[_Unit]:
    """The atoms, each tied to the one before it if they belong together."""
    return [
        _Unit(
            atom.text, atom.space_before, n > 0 and atom.space_before and _belong_together(units[n - 1].text, atom.text)
        )
        for n, atom in enumerate(units)
    ]


def _belong_together(first: str, second: str) -> bool:
    """A number and its next group or unit, a title and its name; a sign that has a space before it, as in French."""
    if NO_LINE_START.issuperset(second):
        return True
    if NUMBER.match(first) or first.casefold() in NUMERALS:
        return bool(DIGIT_GROUP.match(second)) or second.casefold() in UNITS or _strip_punctuation(second) in UNITS
    title = first.lstrip("".join(NO_LINE_END) + "\"'")
    return title.removesuffix(".") in TITLES or title in DOTTED_TITLES


def _split_long(unit: _Unit, limit: int) -> Iterator[_Unit]:
    """An atom in parts that fit into a line; a mark stays with its letter."""
    if width(unit.text) <= limit:
        yield unit
        return
    part, parts = "", []
    for char in unit.text:
        if part and not is_mark(char) and width(part + char) > limit:
            parts.append(part)
            part = ""
        part += char
    for n, text in enumerate([*parts, part]):
        yield _Unit(text, unit.space_before and n == 0, unit.keep_with_previous and n == 0)


def _join_units(units: Sequence[_Unit]) -> str:
    return "".join((" " if n and atom.space_before else "") + atom.text for n, atom in enumerate(units))


def _strip_punctuation(word: str) -> str:
    """A word without the signs around it, in small letters."""
    return re.sub(r"^\W+|\W+$", "", word.casefold())
