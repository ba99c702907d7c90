"""What kind a character is, as far as captions need to know."""

import re
import unicodedata

SPACELESS_LANGUAGES = frozenset(
    {"zh", "ja", "th", "lo", "my", "yue", "km", "bo"}
)  # written without spaces between words
SENTENCE_ENDS = tuple(".?!…。？！")
CLAUSE_ENDS = (*SENTENCE_ENDS, *",;:、，；：")
# Ranges rather than Unicode's tables, so that JavaScript can have the very same.
WIDE_CHARACTER = re.compile(
    "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6"
    "\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001f9ff\U00020000-\U0003fffd]"
)
SPACELESS_CHARACTER = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u3029\u3030-\u312f\u31a0-\u4dbf\u4e00-\ua4cf"
    "\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff65\U00020000-\U0003fffd]"
)
"""Of scripts that put no space between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese."""


def is_mark(char: str) -> bool:
    """Whether it is written on or into the letter before it, or is not seen at all."""
    return unicodedata.category(char) in {"Mn", "Mc", "Me", "Cf"}


def is_letter(char: str) -> bool:
    """Whether it is part of a word: a letter, a digit, or a mark on one."""
    return char.isalnum() or unicodedata.category(char).startswith("M")
