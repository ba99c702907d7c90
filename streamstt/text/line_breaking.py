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

from streamstt.text.characters import SPACELESS, WIDE, is_mark
from streamstt.text.line_break_data import (
    CLAUSE_ENDS,
    CLOSERS,
    CLOSING,
    COUNTERS,
    DOTTED_TITLES,
    NUMERALS,
    OPENERS,
    OPENING,
    TITLES,
    UNITS,
    WITHIN_NUMBERS,
)

CLAUSE_END = re.compile(f"[{re.escape(CLAUSE_ENDS)}][{re.escape(CLOSERS)}]*$")
NUMBER = re.compile(rf"[^\w\s]*\d(?:[\d{re.escape(WITHIN_NUMBERS)}]*\d)?\Z")
SPACE = re.compile(r"[^\S\u00a0\u2007\u202f]+")  # not the kinds of it that say that no line ends there
GROUP = re.compile(r"\d{3}(?!\d)")  # "000" of "10 000"


@dataclass(frozen=True, slots=True)
class _Atom:
    """What is not broken; ``tied``: it stays with the one before it."""

    text: str
    spaced: bool
    tied: bool = False


def lines(text: str, limit: int, language: str = "") -> list[str]:
    """Breaks a text into lines.

    Args:
        text: A caption; what space it has is one space.
        limit: Width of a line, in narrow characters, at least 2.
        language: Code; of ``en``, ``de``, ``fr`` and ``es`` conjunctions and prepositions are known.

    Returns:
        The lines, without space around them; all but the last are full. No text: no line.
    """
    atoms = [cut for atom in _tied(list(_atoms(text))) for cut in _cut(atom, limit)]
    openers = OPENERS.get(language, frozenset())
    broken = []
    while atoms:
        count = _fill(atoms, limit, openers)
        broken.append(_joined(atoms[:count]))
        atoms = atoms[count:]
    return broken


def halves(text: str, limit: int, language: str = "") -> list[str] | None:
    """Breaks a whole text into two lines, by phrase if it can, else near its middle; None: it is longer.

    Not for a text that still grows: its lines would move.

    Args:
        text: As for ``lines``.
        limit: The same.
        language: The same.
    """
    atoms = [cut for atom in _tied(list(_atoms(text))) for cut in _cut(atom, limit)]
    openers = OPENERS.get(language, frozenset())
    pairs = [(n, _joined(atoms[:n]), _joined(atoms[n:])) for n in range(1, len(atoms)) if not atoms[n].tied]
    fitting = [(n, a, b) for n, a, b in pairs if max(width(a), width(b)) <= limit]
    even = [pair for pair in fitting if 3 * min(width(pair[1]), width(pair[2])) >= limit]
    clauses = [pair for pair in even if CLAUSE_END.search(pair[1])]
    phrases = [pair for pair in even if _opens(atoms, pair[0], openers)]
    best = min(clauses or phrases or fitting, key=lambda pair: abs(width(pair[1]) - width(pair[2])), default=None)
    return [best[1], best[2]] if best else None


def width(text: str) -> int:
    """How many narrow characters wide a text is."""
    if text.isascii():
        return len(text)
    return sum(2 if WIDE.match(c) else not is_mark(c) for c in text)


def _fill(atoms: Sequence[_Atom], limit: int, openers: frozenset[str]) -> int:
    """How many atoms the first line takes."""
    wide = [0]  # wide[n]: of the first n atoms
    for n, atom in enumerate(atoms):
        wide.append(wide[-1] + (n > 0 and atom.spaced) + width(atom.text))
        if wide[-1] > limit:
            break
    else:
        return len(atoms)
    most = max(1, len(wide) - 2)  # the first that does not fit begins the next line
    places = [n for n in range(1, most + 1) if not atoms[n].tied]
    second = [n for n in places if 2 * wide[n] >= limit]
    clauses = [n for n in second if CLAUSE_END.search(atoms[n - 1].text)]
    phrases = [n for n in second if _opens(atoms, n, openers)]
    spaces = [n for n in range(1, most + 1) if atoms[n].spaced]
    return (clauses or phrases or places or spaces or [most])[-1]


def _opens(atoms: Sequence[_Atom], n: int, openers: frozenset[str]) -> bool:
    """Whether a conjunction or preposition stands there, the first of several."""
    return _bare(atoms[n].text) in openers and _bare(atoms[n - 1].text) not in openers


def _atoms(text: str) -> Iterator[_Atom]:
    """What is not broken: words; in scripts without spaces characters, with the signs that belong to them."""
    for word in filter(None, SPACE.split(text)):
        if word.isascii():
            yield _Atom(word, True)
            continue
        piece, spaced, spaceless = "", True, False
        for char in word:
            wanted = spaceless or bool(SPACELESS.match(char))
            if piece and wanted and _parts(piece, char):
                yield _Atom(piece, spaced)
                piece, spaced = "", False
                wanted = bool(SPACELESS.match(char))
            piece, spaceless = piece + char, wanted
        yield _Atom(piece, spaced)


def _parts(piece: str, char: str) -> bool:
    """Whether a script without spaces can be broken between them."""
    if is_mark(char) or char in CLOSING or piece[-1] in OPENING or piece[-1] == "\u200d":
        return False
    return not (char in COUNTERS and any(c.isdigit() for c in piece))


def _tied(atoms: Sequence[_Atom]) -> list[_Atom]:
    """The atoms, each tied to the one before it if they belong together."""
    return [
        _Atom(atom.text, atom.spaced, n > 0 and atom.spaced and _together(atoms[n - 1].text, atom.text))
        for n, atom in enumerate(atoms)
    ]


def _together(first: str, second: str) -> bool:
    """A number and its next group or unit, a title and its name; a sign that has a space before it, as in French."""
    if CLOSING.issuperset(second):
        return True
    if NUMBER.match(first) or first.casefold() in NUMERALS:
        return bool(GROUP.match(second)) or second.casefold() in UNITS or _bare(second) in UNITS
    title = first.lstrip("".join(OPENING) + "\"'")
    return title.removesuffix(".") in TITLES or title in DOTTED_TITLES


def _cut(atom: _Atom, limit: int) -> Iterator[_Atom]:
    """An atom in parts that fit into a line; a mark stays with its letter."""
    if width(atom.text) <= limit:
        yield atom
        return
    part, parts = "", []
    for char in atom.text:
        if part and not is_mark(char) and width(part + char) > limit:
            parts.append(part)
            part = ""
        part += char
    for n, text in enumerate([*parts, part]):
        yield _Atom(text, atom.spaced and n == 0, atom.tied and n == 0)


def _joined(atoms: Sequence[_Atom]) -> str:
    return "".join((" " if n and atom.spaced else "") + atom.text for n, atom in enumerate(atoms))


def _bare(word: str) -> str:
    """A word without the signs around it, in small letters."""
    return re.sub(r"^\W+|\W+$", "", word.casefold())
