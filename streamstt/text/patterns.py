"""What is to be found in captions: phrases, word by word. Pure.

A text is tokens: each word (letters, digits and the marks on them), each space, each sign. A phrase is found when its
tokens are, so it begins and ends at a word's boundary, and whether more words could still complete it is known.
In scripts without spaces each character is a token.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from streamstt.text.characters import SPACELESS_CHARACTER, is_letter

MAX_PHRASE_TOKENS = 20  # words or signs of a phrase
MAX_WORD_LETTERS = 64  # letters: a longer word matches no expression
MAX_REPEATS = 4  # and choices in the expression for one word, so that no word of this length takes it long
NEED_MORE: Final = -1
"""More words could complete the phrase."""

TokenPattern = str | re.Pattern[str]


def tokenize(text: str) -> list[str]:
    """The text in tokens; together they are the text, but that each space is one ordinary space."""
    found: list[str] = []
    for kind, chars in groupby(text, _character_class):
        match kind:
            case "word":
                found.append("".join(chars))
            case "space":
                found.append(" ")
            case _:
                found += chars
    return found


def _character_class(char: str) -> str:
    if char.isspace():
        return "space"
    if SPACELESS_CHARACTER.match(char):
        return "character"
    return "word" if is_letter(char) else "sign"


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is looked for: tokens in small letters, or expressions for whole words."""

    tokens: tuple[TokenPattern, ...]

    @property
    def first_token(self) -> str | None:
        """Its first token in small letters; None: many."""
        return self.tokens[0] if isinstance(self.tokens[0], str) else None

    def match(self, tokens: Sequence[str], at: int) -> int | None:
        """How many tokens it takes there; ``NEED_MORE``, or None when it is not there.

        Args:
            tokens: Tokens.
            at: Which of them is the first.
        """
        for n, wanted in enumerate(self.tokens, at):
            if n == len(tokens):
                return NEED_MORE
            if not _token_matches(tokens[n], wanted):
                return None
        return len(self.tokens)

    def captured_groups(self, tokens: Sequence[str], at: int) -> list[str]:
        """What the groups of its expressions hold there."""
        held: list[str] = []
        for n, wanted in enumerate(self.tokens, at):
            if isinstance(wanted, re.Pattern) and (found := wanted.fullmatch(tokens[n])):
                held += (group or "" for group in found.groups())
        return held


def _token_matches(token: str, pattern: TokenPattern) -> bool:
    if isinstance(pattern, str):
        return token.casefold() == pattern
    return len(token) <= MAX_WORD_LETTERS and pattern.fullmatch(token) is not None


def parse_phrase(text: str) -> Phrase:
    """Reads a phrase, or expressions written as ``/.../`` with one space between those for one word each.

    Raises:
        ValueError: It cannot be read.
    """
    written = text.strip()
    if len(written) > 1 and written[0] == written[-1] == "/":
        read = _parse_expressions(written[1:-1])
    else:
        read = tuple(token.casefold() for token in tokenize(written))
    if not read:
        raise ValueError("there is nothing to look for")
    if len(read) > MAX_PHRASE_TOKENS:
        raise ValueError(f"{text!r} is too long: it has {len(read)} words and signs, {MAX_PHRASE_TOKENS} are the most")
    return Phrase(read)


def _parse_expressions(text: str) -> tuple[TokenPattern, ...]:
    """Each part between spaces is for one word."""
    read: list[TokenPattern] = []
    for part in text.split():
        plain = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", part).replace("(?", "(")  # no sign in it is a letter
        if re.search(r"\)[*+{]", plain):
            raise ValueError(f"/{text}/ repeats a group, which can take for ever; write it without")
        choices = plain.count("(") if "|" in plain else 0
        if len(re.findall(r"[*+?{]", plain)) + choices > MAX_REPEATS:
            raise ValueError(
                f"/{text}/ has more than {MAX_REPEATS} of * + ? {{ and groups with | in one word, "
                "which can take for ever"
            )
        try:
            read += [" ", re.compile(part, re.IGNORECASE)]
        except re.error as error:
            hint = "; each part between spaces is for one word, and stands by itself" if " " in text else ""
            raise ValueError(f"/{text}/ is no regular expression: {error}{hint}") from error
    return tuple(read[1:])


def expand_template(template: str, groups: Sequence[str]) -> str:
    r"""A replacement with ``\1`` to ``\9`` filled in."""
    return re.sub(r"\\([1-9])", lambda found: groups[int(found[1]) - 1], template)


def check_template(template: str, phrase: Phrase) -> None:
    r"""Checks that a replacement names no group that is not there.

    Raises:
        ValueError: It does.
    """
    count = sum(token.groups for token in phrase.tokens if isinstance(token, re.Pattern))
    highest = max((int(digit) for digit in re.findall(r"\\([1-9])", template)), default=0)
    if highest > count and any(isinstance(token, re.Pattern) for token in phrase.tokens):
        raise ValueError(f"{template!r} names group {highest}, and there are {count}")
