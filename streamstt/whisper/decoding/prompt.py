"""Prompts Whisper with names and terms to expect, in place of the text before this audio."""

from collections.abc import Callable, Sequence

from streamstt.errors import ConfigError

PROMPT_DIVISOR = 4  # at most a quarter of the decoder's positions: every update reads the prompt again


def prompt_tokens(
    terms: Sequence[str], encode: Callable[[str], list[int]], *, previous_text_token: int, max_tokens: int
) -> list[int]:
    """Returns the tokens before the start token; none if there are no terms.

    Args:
        terms: Names and terms, as they should be written.
        encode: Maps text to tokens, without special ones.
        previous_text_token: The token that precedes earlier text.
        max_tokens: Positions of the decoder.

    Raises:
        ConfigError: The terms are too long.
    """
    if not terms:
        return []
    tokens = encode(f" {', '.join(terms)}.")
    limit = max_tokens // PROMPT_DIVISOR
    if len(tokens) > limit:
        raise ConfigError(
            f"engine.vocabulary is too long: its {len(terms)} terms make {len(tokens)} tokens, {limit} fit;"
            " keep those that are misheard without it"
        )
    return [previous_text_token, *tokens]
