"""Whether a sentence ends after a word. Pure; used for captions, lines, cues and cuts alike.

1. A question or exclamation mark, an ellipsis, and the full stops of scripts without abbreviations end a sentence.
2. So does a full stop, at once, unless the word is an abbreviation, an initial or an ordinal. A word without a vowel is
   an abbreviation, too, unless it is written in capital letters.
3. After those the next word decides: a number, a small letter or a name continues the sentence. As long as the next
   word is unknown, so is the answer.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto

from streamstt.text.abbreviations import (
    ABBREVIATIONS,
    AFTER_TIME,
    COMMON,
    CONSONANTS,
    ORDINAL_LANGUAGES,
    Abbreviations,
)
from streamstt.text.characters import SENTENCE_ENDS
from streamstt.text.function_words import FUNCTION_WORDS, OTHER_STARTERS
from streamstt.text.line_break_data import END_CLOSERS, NO_LINE_END

FULL_STOP = "."
GREEK_QUESTION_MARKS = (";", "\u037e")
OPENERS = "".join(NO_LINE_END) + "\"'-\u2013\u2014…»\u203a\u201d\u2019"  # »so« is a quotation, too
DOTTED = re.compile(r"[^\W\d_](?:\.-?[^\W\d_])+")  # U.S, z.B
ELISION = re.compile("['\u2019](?!(?:s|t|d|m|n|ll)$)")  # an article, as in "l'ing.", but not "John's."
INITIAL = re.compile(r"\w\.")
ROMAN = re.compile(r"(?!I\b)[IVXLC]+")  # "I" is a pronoun
INTERJECTION = re.compile("hm+|mm+|shh+|ps+t", re.IGNORECASE)


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
    word = words[-1].strip().rstrip(END_CLOSERS)
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
    core = ELISION.split(core)[-1] or core
    joined, single = core, len(core) == 1
    for word in reversed(words[:-1]):
        before = word.strip().lstrip(OPENERS)
        if len(before) != 2 or not before[0].isalpha() or before[1] != FULL_STOP:
            break
        joined = before + joined
    return joined if single or _listed_kind(joined, language) else core


def _classify(core: str, language: str) -> _Kind:
    """Returns what kind of word is before the full stop."""
    last = core.rpartition("-")[2]  # of a compound, as in "Dipl.-Ing." and "Jean-P."
    kind = _listed_kind(core, language) or _listed_kind(last, language)
    if kind:
        return kind
    if _is_initial(last, language) or DOTTED.fullmatch(core):
        return _Kind.RARELY_FINAL
    if _is_ordinal(core, language) or _is_without_vowels(last):
        return _Kind.RARELY_FINAL if language == "de" else _Kind.FINAL  # German capitalizes nouns, too
    return _Kind.PLAIN


def _listed_kind(core: str, language: str) -> _Kind | None:
    """Returns the kind of an abbreviation that is listed as it is written, or else with fewer capital letters.

    A single letter must be written the same: "p. 5" is a page, "P. Smith" a name.
    """
    forms = [core]
    if len(core) > 1:
        forms += [core.lower(), core.capitalize()] if core[0].isupper() else [core.lower()]
    by_kind = [_by_kind(lists) for lists in (ABBREVIATIONS.get(language, COMMON), COMMON)]
    return next((kind for kinds in by_kind for form in forms for kind, words in kinds.items() if form in words), None)


def _by_kind(lists: Abbreviations) -> dict[_Kind, frozenset[str]]:
    return {
        _Kind.INTERNAL: lists.internal,
        _Kind.NUMBERED: lists.numbered,
        _Kind.FINAL: lists.final,
        _Kind.RARELY_FINAL: lists.rarely_final,
    }


def _is_initial(word: str, language: str) -> bool:
    """Returns whether a word is a single letter that stands for a longer one.

    That is a capital letter, but not "I" in English; and in other languages also a small consonant, as in "5 h.".
    """
    if len(word) != 1:
        return False
    if language == "en":
        return word.isupper() and word != "I"
    return word.isupper() or word in CONSONANTS


def _is_ordinal(core: str, language: str) -> bool:
    """Returns whether a full stop makes a number ordinal: "3. Mai", "Felipe VI."."""
    return bool(ROMAN.fullmatch(core) or (language in ORDINAL_LANGUAGES and re.fullmatch(r"\d{1,2}", core)))


def _is_without_vowels(word: str) -> bool:
    """Returns whether a word can be read only as an abbreviation, such as "kg" or "bzgl"; of capitals it is a name."""
    is_exception = len(word) < 2 or word.isupper() or INTERJECTION.fullmatch(word)
    return CONSONANTS.issuperset(word.lower()) and not is_exception


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
