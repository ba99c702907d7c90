"""Settings that clean up the words of captions: names and terms, profanity, fillers."""

from typing import Literal

from pydantic import Field, field_validator

from streamstt.config.base import Section, split_list
from streamstt.text.patterns import check_template, parse_phrase, tokenize

MAX_REPLACEMENTS = 1000


class WordsSettings(Section):
    """How the words of captions are cleaned up, in partials, finals, transcripts and recordings alike."""

    replace: tuple[tuple[str, str], ...] = Field(
        (),
        description="Names and terms, tried in this order: pairs of the recognized and the intended text, such as "
        '[["cube net ease", "Kubernetes"], ["/k(8|eight)s/", "k8s"]], or a table [words.replace].',
    )
    profanity: Literal["keep", "mask"] = Field("keep", description='mask: profanity becomes "f***".')
    profanity_words: tuple[str, ...] = Field(
        (), description='More words to mask, such as ["crap", "damn*"]; a star at the end matches any ending.'
    )
    fillers: Literal["keep", "drop"] = Field(
        "keep", description='drop: remove "um", "uh" and the like (in en, de, fr, es).'
    )

    @field_validator("replace", mode="before")
    @classmethod
    def _parse_pairs(cls, value: object) -> object:
        """Accepts a table, or one string as from the command line ("jon=John, ...")."""
        if isinstance(value, dict):
            return list(value.items())
        parts = split_list(value)
        if isinstance(value, str) and isinstance(parts, list):
            if bare := [part for part in parts if "=" not in part]:
                raise ValueError(f"invalid replacement {bare[0]!r}; expected for example jon=John")
            return [[side.strip() for side in part.split("=", 1)] for part in parts]
        return value

    @field_validator("replace")
    @classmethod
    def _check_patterns(cls, value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        if len(value) > MAX_REPLACEMENTS:
            raise ValueError(f"{len(value)} replacements; at most {MAX_REPLACEMENTS} are allowed")
        for recognized, intended in value:
            check_template(intended, parse_phrase(recognized))
        return value

    @field_validator("profanity_words", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """Accepts one comma-separated string, as from the command line."""
        return split_list(value)

    @field_validator("profanity_words")
    @classmethod
    def _check_single_words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            if len(tokenize(word.removesuffix("*"))) != 1:
                raise ValueError(f"{word!r} is not a single word; use words.replace for phrases")
        return value
