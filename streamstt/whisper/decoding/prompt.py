"""Names and terms to expect, told to Whisper in the place where the text before this audio would stand."""

from collections.abc import Callable, Sequence

from streamstt.errors import ConfigError

PROMPT_DIVISOR = 4  # of the tokens that the decoder knows places for, a quarter is the most: each update reads them


def prompt_tokens(
    terms: Sequence[str], encode: Callable[[str], list[int]], *, previous_text_token: int, max_tokens: int
) -> list[int]:
    """What stands before the start token.

    Args:
        terms: As they should be written; of none there is no prompt.
        encode: Text to tokens, without special ones.
        previous_text_token: The token that earlier text begins with.
        max_tokens: How many places the decoder has.

    Raises:
        ConfigError: They are too many.
    """
    if not terms:
        return []
    tokens = encode(f" {', '.join(terms)}.")
    most = max_tokens // PROMPT_DIVISOR
    if len(tokens) > most:
        raise ConfigError(
            f"engine.vocabulary is too long: its {len(terms)} terms make {len(tokens)} tokens, {most} fit;"
            " keep those that are misheard without it"
        )
    return [previous_text_token, *tokens]
