"""Classes of characters, and sets of languages and punctuation that depend on the script. Pure."""

import re
import unicodedata

import regex

SPACELESS_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue", "km", "bo"})
"""Languages that are written without spaces between words."""
SENTENCE_ENDS = tuple(".?!…。？！．｡؟۔।॥։።។။")
"""The signs that end a sentence. A full stop may also belong to an abbreviation: see ``text.sentences``."""
CLAUSE_ENDS = (*SENTENCE_ENDS, *",;:、，；：،؛､")
# Ranges instead of Unicode tables, so that JavaScript can use the same ones; pictures are in no range of their own.
WIDE_CHARACTER = regex.compile(
    "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6"
    "\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff\U00020000-\U0003fffd\\p{Emoji_Presentation}]"
)
EMOJI_STYLE = re.compile("[\ufe0f\u20e3]")  # shows the character before it as an emoji, and a digit as a key
SPACELESS_CHARACTER = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u3029\u3030-\u312f\u31a0-\u4dbf\u4e00-\ua4cf"
    "\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff65\U00020000-\U0003fffd]"
)
"""A character of a script without spaces between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese."""
DIRECTION_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


def split_characters(text: str) -> list[str]:
    """Splits a text into what a reader sees as characters (extended grapheme clusters, UAX 29).

    A letter with its marks, a flag, or a family of emoji is one.
    """
    return list(text) if text.isascii() else regex.findall(r"\X", text)


def width(text: str) -> int:
    """Returns the width of a text in narrow characters: wide ones and emoji count as two, marks as none."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, split_characters(text)))


def _character_width(character: str) -> int:
    if EMOJI_STYLE.search(character):
        return 2
    return min(2, sum(2 if WIDE_CHARACTER.match(c) else not is_mark(c) for c in character))


def is_mark(char: str) -> bool:
    """Returns whether a character has no width of its own: a combining mark or a format character."""
    return unicodedata.category(char) in {"Mn", "Mc", "Me", "Cf"}


def is_letter(char: str) -> bool:
    """Returns whether a character is part of a word: a letter, a digit or a combining mark."""
    return char.isalnum() or unicodedata.category(char).startswith("M")


def replace_controls(text: str) -> str:
    """Replaces characters that control a terminal or the writing direction by U+FFFD; the length stays the same.

    Captions and names come from strangers, and a terminal executes the control characters that are printed on it.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_control(character) else character for character in text)


def escape_controls(text: str) -> str:
    r"""Writes control characters other than tab and line feed as escapes, such as ``\x1b``, so that logs show them."""
    return text.translate(ESCAPES)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc" or character in DIRECTION_CONTROLS
