"""Whether a sentence ends after a word. Pure; used for captions, lines, cues and cuts alike.

1. A question or exclamation mark, an ellipsis, and the full stops of scripts without abbreviations end a sentence.
2. So does a full stop, at once, unless the word is an abbreviation, an initial or, in some languages, an ordinal.
3. After those the next word decides: a number, a small letter or a name continues the sentence. As long as the next
   word is unknown, so is the answer.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from streamstt.text.abbreviations import ABBREVIATIONS, AFTER_TIME, COMMON, ORDINAL_LANGUAGES
from streamstt.text.characters import SENTENCE_ENDS
from streamstt.text.function_words import FUNCTION_WORDS, OTHER_STARTERS
from streamstt.text.line_break_data import CLOSERS, NO_LINE_END

FULL_STOP = "."
GREEK_QUESTION_MARKS = (";", "\u037e")
OPENERS = "".join(NO_LINE_END) + "\"'-\u2013\u2014…"
DOTTED = re.compile(r"[^\W\d_](?:\.-?[^\W\d_])+")  # U.S, z.B
ELISION = re.compile("['\u2019]")
INITIAL = re.compile(r"\w\.")
ROMAN = re.compile(r"(?!I\b)[IVXLC]+")  # "I" is a pronoun


class _Kind(Enum):
    """Kinds of words with a full stop; see ``abbreviations.Abbreviations``."""

    PLAIN = auto()
    INTERNAL = auto()
    NUMBERED = auto()
    FINAL = auto()
    RARELY_FINAL = auto()


def ends_sentence(words: Sequence[str], following: str | None, language: str = "") -> bool | None:
    """Decides whether a sentence ends with the last of some words.

    Args:
        words: Whole words with their punctuation, at least one; two before the last are enough ("i. d. R.").
        following: The next word; None: not known.
        language: Language code; empty: unknown, taken for English.

    Returns:
        Whether it does; None if that depends on the next word.
    """
    word = words[-1].strip().rstrip(CLOSERS)
    if not word.endswith(FULL_STOP) or word.endswith(".."):
        return word.endswith(SENTENCE_ENDS) or (language == "el" and word.endswith(GREEK_QUESTION_MARKS))
    following = None if following is None else following.strip().lstrip(OPENERS)
    core = word[:-1].lstrip(OPENERS)
    if following and core[-1:].isdecimal() and following[0].isdecimal():  # a number in groups
        return False
    kind = _classify(_abbreviation(words, core, language or "en"), language or "en")
    if kind in (_Kind.PLAIN, _Kind.INTERNAL):
        return kind is _Kind.PLAIN
    return None if following is None else _ends_before(following, kind, language or "en")


def _abbreviation(words: Sequence[str], core: str, language: str) -> str:
    """Returns what may be an abbreviation, with single letters before it: "p. m." is "p.m.", "m. in." is "m.in."."""
    core = ELISION.split(core)[-1] or core  # an article before it, as in "l'ing."
    joined, single = core, len(core) == 1
    for word in reversed(words[:-1]):
        before = word.strip().lstrip(OPENERS)
        if len(before) != 2 or not before[0].isalpha() or before[1] != FULL_STOP:
            break
        joined = before + joined
    return joined if single or any(_is_listed(joined, entries) for entries, _ in _lists(language)) else core


def _classify(core: str, language: str) -> _Kind:
    """Returns what kind of word is before the full stop."""
    for entries, kind in _lists(language):
        if _is_listed(core, entries):
            return kind
    if language in ORDINAL_LANGUAGES and re.fullmatch(r"\d{1,2}", core):
        return _Kind.RARELY_FINAL if language == "de" else _Kind.FINAL  # German capitalizes nouns: what is counted
    return _Kind.RARELY_FINAL if _is_initial(core, language) or DOTTED.fullmatch(core) else _Kind.PLAIN


def _lists(language: str) -> Iterator[tuple[frozenset[str], _Kind]]:
    for lists in (ABBREVIATIONS.get(language, COMMON), COMMON):
        yield lists.internal, _Kind.INTERNAL
        yield lists.numbered, _Kind.NUMBERED
        yield lists.final, _Kind.FINAL
        yield lists.rarely_final, _Kind.RARELY_FINAL


def _is_listed(core: str, entries: frozenset[str]) -> bool:
    """Returns whether a word is in a list, as it is written there or with more capital letters.

    A single letter must be written the same: "p. 5" is a page, "P. Smith" a name.
    """
    if len(core) == 1:
        return core in entries
    return core in entries or core.lower() in entries or (core[:1].isupper() and core.capitalize() in entries)


def _is_initial(core: str, language: str) -> bool:
    """Returns whether a word is a single capital letter, which stands for a name; in English, "I" does not."""
    return len(core) == 1 and core.isupper() and not (core == "I" and language == "en")


def _ends_before(following: str, kind: _Kind, language: str) -> bool:
    """Returns whether a sentence ends between an abbreviation and the next word, without opening punctuation."""
    if not following[:1].isupper():
        return kind is _Kind.NUMBERED and bool(following) and not (following[0].isdecimal() or following[0].islower())
    bare = re.sub(r"\W+$", "", following)
    if kind is _Kind.NUMBERED:
        return not ROMAN.fullmatch(bare)
    if kind is _Kind.FINAL:  # "5 p.m. EST" goes on
        return not (len(bare) > 1 and bare.isupper()) and bare not in AFTER_TIME
    return not INITIAL.match(following) and _is_starter(bare, language)


def _is_starter(word: str, language: str) -> bool:
    """Returns whether a capitalized word begins a sentence rather than being a name."""
    starters = FUNCTION_WORDS.get(language, frozenset()) | OTHER_STARTERS.get(language, frozenset())
    small = word.lower().replace("\u2019", "'")
    return small in starters or small.split("'")[0] in starters
