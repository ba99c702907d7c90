"""Phrases that are searched for in captions, token by token. Pure.

A text is split into tokens: each word (letters, digits and their combining marks), each space, each punctuation
character; in scripts without spaces, each character. A phrase matches when all its tokens do, so it begins and ends
at word boundaries, and it is known whether more words could still complete it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from streamstt.text.characters import SPACELESS_CHARACTER, is_letter, split_characters

MAX_PHRASE_TOKENS = 20
MAX_WORD_LETTERS = 64  # a longer word matches no regular expression
MAX_REPEATS = 4  # repetitions and alternatives per word: bounds the time of a match on the longest word
NEED_MORE: Final = -1
"""More words could complete the phrase."""

TokenPattern = str | re.Pattern[str]


def tokenize(text: str) -> list[str]:
    """Splits a text into tokens; joined, they are the text with each run of white space as one space."""
    tokens: list[str] = []
    for kind, chars in groupby(split_characters(text), _character_class):
        match kind:
            case "word":
                tokens.append("".join(chars))
            case "space":
                tokens.append(" ")
            case _:
                tokens += chars
    return tokens


def _character_class(character: str) -> str:
    if character.isspace():
        return "space"
    if SPACELESS_CHARACTER.match(character):
        return "character"
    return "word" if is_letter(character[0]) else "punctuation"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase to search for: per token its lower-case text, or a regular expression for a whole word."""

    tokens: tuple[TokenPattern, ...]

    @property
    def first_token(self) -> str | None:
        """The first token in lower case; None if a regular expression stands there."""
        return self.tokens[0] if isinstance(self.tokens[0], str) else None

    def match(self, tokens: Sequence[str], at: int) -> int | None:
        """Matches the phrase at a position.

        Args:
            tokens: Tokens of the text.
            at: Index of the first token.

        Returns:
            Number of tokens that it covers; ``NEED_MORE`` if the text ends within it; None if it does not match.
        """
        for n, pattern in enumerate(self.tokens, at):
            if n == len(tokens):
                return NEED_MORE
            if not _token_matches(tokens[n], pattern):
                return None
        return len(self.tokens)

    def captured_groups(self, tokens: Sequence[str], at: int) -> list[str]:
        """Returns what the groups of the regular expressions captured, in order; the phrase must match at ``at``."""
        groups: list[str] = []
        for n, pattern in enumerate(self.tokens, at):
            if isinstance(pattern, re.Pattern) and (match := pattern.fullmatch(tokens[n])):
                groups += (group or "" for group in match.groups())
        return groups


def _token_matches(token: str, pattern: TokenPattern) -> bool:
    if isinstance(pattern, str):
        return token.casefold() == pattern
    return len(token) <= MAX_WORD_LETTERS and pattern.fullmatch(token) is not None


def parse_phrase(text: str) -> Phrase:
    """Parses a phrase, or regular expressions written as ``/.../``: one per word, separated by spaces.

    Raises:
        ValueError: The phrase is empty or too long, or a regular expression is invalid or could take too long.
    """
    written = text.strip()
    if len(written) > 1 and written[0] == written[-1] == "/":
        tokens = _parse_expressions(written[1:-1])
    else:
        tokens = tuple(token.casefold() for token in tokenize(written))
    if not tokens:
        raise ValueError("the phrase is empty")
    if len(tokens) > MAX_PHRASE_TOKENS:
        raise ValueError(
            f"{text!r} is too long: {len(tokens)} tokens (words, spaces, punctuation), at most {MAX_PHRASE_TOKENS}"
        )
    return Phrase(tokens)


def _parse_expressions(text: str) -> tuple[TokenPattern, ...]:
    """Parses regular expressions, one per word, separated by spaces."""
    parsed: list[TokenPattern] = []
    for part in text.split():
        plain = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", part).replace(
            "(?", "("
        )  # escapes and character sets count as letters
        if re.search(r"\)[*+{]", plain):
            raise ValueError(f"/{text}/ repeats a group, which could take forever")
        choices = plain.count("(") if "|" in plain else 0
        if len(re.findall(r"[*+?{]", plain)) + choices > MAX_REPEATS:
            raise ValueError(
                f"/{text}/ has more than {MAX_REPEATS} of * + ? {{ and groups with | in one word, "
                "which could take forever"
            )
        try:
            parsed += [" ", re.compile(part, re.IGNORECASE)]
        except re.error as error:
            hint = "; each part between spaces is an expression of its own, for one word" if " " in text else ""
            raise ValueError(f"/{text}/ is not a regular expression: {error}{hint}") from error
    return tuple(parsed[1:])


def expand_template(template: str, groups: Sequence[str]) -> str:
    r"""Replaces ``\1`` to ``\9`` in a template by the captured groups."""
    return re.sub(r"\\([1-9])", lambda reference: groups[int(reference[1]) - 1], template)


def check_template(template: str, phrase: Phrase) -> None:
    r"""Checks that a template refers only to groups that the phrase has.

    Raises:
        ValueError: It refers to another group.
    """
    count = sum(token.groups for token in phrase.tokens if isinstance(token, re.Pattern))
    highest = max((int(digit) for digit in re.findall(r"\\([1-9])", template)), default=0)
    if highest > count and any(isinstance(token, re.Pattern) for token in phrase.tokens):
        raise ValueError(f"{template!r} refers to group {highest}, but there are {count} groups")
