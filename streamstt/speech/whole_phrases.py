"""What a reader sees as one: numbers, prices, dates, times, codes, addresses, names with a title. Pure.

No caption ends inside of them. Words are whole words with their punctuation; case matters only for names and codes.
"""

import re
from collections.abc import Sequence

from streamstt.speech.whole_phrase_data import (
    MEASURE,
    MEASURES,
    MONTHS,
    MORE_SIGNS,
    MULTIPLES,
    NUMBER_JOINERS,
    NUMBERED,
    NUMERAL_WORDS,
    ORDINAL_WORDS,
    TITLE_WORDS,
    WEEKDAYS,
)
from streamstt.text.function_words import ADDRESS_SIGNS
from streamstt.text.line_break_data import NUMBER_SEPARATORS, UNITS
from streamstt.text.line_breaking import belong_together
from streamstt.text.sentences import OPENERS

CURRENCY = ("$", "€", "£", "¥")
INNER_END = re.compile(r"\w[@/_-]$|^www\.$")  # "john@"
INNER_START = re.compile(r"[.,:/@%_-]\w")  # ".com", ",999"
ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|er|e|º|ª|\.)?")
CODE = re.compile(r"[A-Z]|[A-Z\d]*\d[A-Z\d]*|\d+")  # "B", "SW1A", "289"
ROMAN = re.compile(r"[IVX]{2,}|V")


def belongs_together(before: Sequence[str], after: Sequence[str], language: str) -> bool:
    """Returns whether the words before and after a place are parts of one phrase.

    Args:
        before: Up to three words before the place, at least one.
        after: Up to four words after it; empty: none is known.
        language: Language code; empty: unknown, taken for English.
    """
    if INNER_END.search(before[-1]):
        return True
    return bool(after) and (
        bool(INNER_START.match(after[0]))
        or belong_together(before[-1], after[0])
        or _is_number(before, after)
        or _is_amount(before, after)
        or _is_date(before, after)
        or _is_time(before[-1], after)
        or _is_code(before[-1], after[0])
        or _is_address(before, after, ADDRESS_SIGNS.get(language or "en", frozenset()) | MORE_SIGNS)
        or _is_name(before[-1], after[0])
    )


def may_continue(word: str) -> bool:
    """Returns whether the next word, not known yet, may be a part of the same number, date or address.

    Args:
        word: The last word that is known, with punctuation at its end.
    """
    stem = word.rstrip(f" {NUMBER_SEPARATORS}")
    is_number = _is_numeral(stem) and stem.casefold() != "one"
    return is_number or bare(word) in MONTHS | WEEKDAYS or any(sign in stem for sign in "@./")


def is_counted(before: str, after: str) -> bool:
    """Returns whether a number counts what the next word names: "22 people", but not "1999 people"."""
    is_year = re.fullmatch(r"[12]\d{3}", before) is not None
    return _is_numeral(before) and before[-1].isalnum() and before != "one" and not is_year and after[:1].islower()


def bare(word: str) -> str:
    """Returns a word in lower case without punctuation around it."""
    return re.sub(r"^\W+|\W+$", "", word.casefold())


def _is_numeral(word: str) -> bool:
    """Returns whether a word, without punctuation after it, is a number in digits or in letters."""
    small = word.casefold().lstrip("".join(CURRENCY) + "+(#")
    return small[:1].isdigit() or all(part in NUMERAL_WORDS | ORDINAL_WORDS for part in small.split("-"))


def _is_number(before: Sequence[str], after: Sequence[str]) -> bool:
    """Returns whether a number goes on: "349, 999", "555 0199", "$ 5", "twenty two", "12 million, 456", "3 to 5"."""
    last, second_last = before[-1], before[-2:][0]
    stem = last.rstrip(f" {NUMBER_SEPARATORS})")
    if stem.endswith(CURRENCY):
        return _is_numeral(after[0])
    if bare(last) in NUMBER_JOINERS or last == "and":
        first_part = _is_numeral(second_last) if last != "and" else bare(second_last) in MULTIPLES | MEASURES | UNITS
        return first_part and _is_numeral(bare(after[0]))
    if not (_is_numeral(stem) or stem[-1:].isdigit()):
        return False
    digits = after[0].lstrip("".join(CURRENCY) + "+(")
    if not digits or digits[0].isdigit():
        return True
    is_multiple = bare(stem) in MULTIPLES
    if _is_numeral(re.sub(r"\W+$", "", after[0])):
        return is_multiple or last[-1:].isalnum()
    joined = bare(after[0]) in NUMBER_JOINERS and (len(after) == 1 or _is_numeral(bare(after[1])))
    return last[-1:].isalnum() and (joined or (is_multiple and after[0] == "and"))


def _is_amount(words: Sequence[str], after: Sequence[str]) -> bool:
    """Returns whether a measure follows its number, or a smaller one its measure: "5 dollars and 20 cents"."""
    before, unit = words[-1], bare(after[0])
    if _is_numeral(before) and before[-1:].isalnum():
        return unit in MEASURES | UNITS or bool(MEASURE.match(unit))
    is_measure = before in MEASURES | UNITS and _is_numeral(words[-2:][0]) and words[-2:][0] not in ORDINAL_WORDS
    return is_measure and after[0] == "and" and (len(after) == 1 or _is_numeral(after[1]))


def _is_date(before: Sequence[str], after: Sequence[str]) -> bool:
    """Returns whether a date goes on: "Friday, March 3rd, 2026", "3rd of March, 2026", "3. März 2026"."""
    last, first = bare(before[-1]), bare(after[0])
    is_day = bool(ORDINAL.fullmatch(last)) or last in NUMERAL_WORDS | ORDINAL_WORDS
    if first in {"of", "de"}:
        return (is_day and (len(after) == 1 or bare(after[1]) in MONTHS)) or (first == "de" and last in MONTHS)
    if first in MONTHS:
        return is_day or last in WEEKDAYS or (last in {"of", "de"} and len(before) > 1)
    if last in MONTHS | WEEKDAYS:
        return _starts_day(after[1:] if first == "the" else after)
    return last == "de" and bare(before[-2:][0]) in MONTHS and first[:1].isdigit()


def _starts_day(words: Sequence[str]) -> bool:
    return not words or words[0][:1].isdigit() or bare(words[0]) in (NUMERAL_WORDS | ORDINAL_WORDS) - {"one"}


def _is_time(before: str, after: Sequence[str]) -> bool:
    """Returns whether a time of day goes on: "half past seven", "quarter to six", "five past six", "five p m"."""
    last, first = before.casefold(), after[0].casefold()
    if last in {"half", "quarter"}:
        return first in {"past", "to"}
    if first in {"a", "p", "past"} and _is_numeral(last):
        return len(after) == 1 or bare(after[1]) == "m" or (first == "past" and _is_numeral(bare(after[1])))
    return last == "past" and _is_numeral(bare(first))


def _is_code(before: str, after: str) -> bool:
    """Returns whether letters and digits are spelled: "B A 289", "SW1A 1AA", "w w w", "flight 22", "Henry VIII"."""
    first = re.sub(r"\W+$", "", after)
    if first == "I":
        return False
    if len(before) == len(first) == 1 and (before + first).isalnum() and (before + first).isascii():
        return True
    if CODE.fullmatch(before) and CODE.fullmatch(first) and any(c.isdigit() for c in before + first):
        return True
    if bare(before) in NUMBERED and before[-1:].isalnum():
        return bool(CODE.fullmatch(first)) or _is_numeral(first)
    return bool(ROMAN.fullmatch(first)) and before[:1].isupper()


def _is_address(before: Sequence[str], after: Sequence[str], signs: frozenset[str]) -> bool:
    """Returns whether a spelled address goes on: "john at example dot com", "w w w dot city dash library dot org"."""
    if bare(before[-1]) in signs or bare(after[0]) in signs:
        return True
    if before[-1] == "at" and len(after) == 1:
        return True
    if not before[-1][-1:].isalnum():
        return False
    if after[0] == "at":  # it may be part of one as long as the words after it are not known
        return len(after) < 3 or any(bare(word) in signs for word in (*before, *after))
    return len(after) > 1 and bare(after[1]) in signs


def _is_name(before: str, after: str) -> bool:
    """Returns whether a name follows its title, written out: "President Lincoln"."""
    return before.lstrip(OPENERS) in TITLE_WORDS and after[:1].isupper()
