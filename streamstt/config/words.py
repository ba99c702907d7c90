"""The settings of the words of captions: names and terms, swearing, fillers."""

from typing import Literal

from pydantic import Field, field_validator

from streamstt.config.base import Section, split_list
from streamstt.text.patterns import check_template, parse_phrase, tokenize

MAX_REPLACEMENTS = 1000  # replacements


class WordsSettings(Section):
    """How the words of captions are put right, in partials, finals, transcripts and files alike."""

    replace: tuple[tuple[str, str], ...] = Field(
        (),
        description="Names and terms, tried in this order: pairs of what is heard and what is meant, such as "
        '[["cube net ease", "Kubernetes"], ["/k(8|eight)s/", "k8s"]], or a table [words.replace].',
    )
    profanity: Literal["keep", "mask"] = Field("keep", description='mask: swear words become "f***".')
    profanity_words: tuple[str, ...] = Field(
        (), description='Masked as well, such as ["crap", "damn*"]; a star at the end stands for any ending.'
    )
    fillers: Literal["keep", "drop"] = Field(
        "keep", description='drop: without "um", "uh" and the like, by language (en, de, fr, es).'
    )

    @field_validator("replace", mode="before")
    @classmethod
    def _parse_pairs(cls, value: object) -> object:
        """A table, or one string as from the command line ("jon=John, ..."), is a list of pairs."""
        if isinstance(value, dict):
            return list(value.items())
        parts = split_list(value)
        if isinstance(value, str) and isinstance(parts, list):
            if bare := [part for part in parts if "=" not in part]:
                raise ValueError(f"{bare[0]!r} is no replacement; one looks like jon=John")
            return [[side.strip() for side in part.split("=", 1)] for part in parts]
        return value

    @field_validator("replace")
    @classmethod
    def _check_patterns(cls, value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        if len(value) > MAX_REPLACEMENTS:
            raise ValueError(f"there are {len(value)} replacements, {MAX_REPLACEMENTS} are the most")
        for heard, meant in value:
            check_template(meant, parse_phrase(heard))
        return value

    @field_validator("profanity_words", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """One string, as from the command line, is a list with commas."""
        return split_list(value)

    @field_validator("profanity_words")
    @classmethod
    def _check_single_words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            if len(tokenize(word.removesuffix("*"))) != 1:
                raise ValueError(f"{word!r} is not one word; phrases go into words.replace")
        return value
