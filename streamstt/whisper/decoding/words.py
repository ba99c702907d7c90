"""Tokens to words: where one word ends and the next begins."""

from collections.abc import Callable, Sequence

from streamstt.text.characters import SPACELESS_LANGUAGES

REPLACEMENT_CHARACTER = "\ufffd"  # what a decoder puts for half a character


def split_words(
    tokens: Sequence[int], decode: Callable[[list[int]], str], language: str
) -> list[tuple[str, tuple[int, ...]]]:
    """Groups tokens into words; every token is in exactly one.

    Args:
        tokens: Text tokens, no special ones.
        decode: Tokens to text, without cleaning up spaces.
        language: In languages without spaces each run of whole characters is a word.

    Returns:
        For each word its text, with the leading space the model gave it, and its tokens.
    """
    words: list[tuple[str, tuple[int, ...]]] = []
    for text, piece in _join_characters(tokens, decode):
        starts = text.startswith(" ") or (language in SPACELESS_LANGUAGES and any(c.isalnum() for c in text))
        if words and not starts:
            before, before_tokens = words.pop()
            words.append((before + text, before_tokens + piece))
        else:
            words.append((text, piece))
    return words


def _join_characters(tokens: Sequence[int], decode: Callable[[list[int]], str]) -> list[tuple[str, tuple[int, ...]]]:
    """Joins tokens until they make whole characters: a character may be spread over several."""
    pieces: list[tuple[str, tuple[int, ...]]] = []
    pending: list[int] = []
    for token in tokens:
        pending.append(token)
        text = decode(pending)
        if REPLACEMENT_CHARACTER not in text:
            pieces.append((text, tuple(pending)))
            pending = []
    if pending:
        pieces.append((decode(pending).replace(REPLACEMENT_CHARACTER, ""), tuple(pending)))
    return pieces
