"""Groups tokens into words."""

from collections.abc import Callable, Sequence

from streamstt.text.characters import SPACELESS_LANGUAGES

REPLACEMENT_CHARACTER = "\ufffd"  # a tokenizer writes it for an incomplete character


def split_words(
    tokens: Sequence[int], decode: Callable[[list[int]], str], language: str
) -> list[tuple[str, tuple[int, ...]]]:
    """Groups tokens into words; every token is in exactly one.

    Args:
        tokens: Text tokens, no special ones.
        decode: Maps tokens to text, without cleaning up spaces.
        language: Language code; in languages without spaces each run of whole characters is a word.

    Returns:
        For each word its text, with its leading space if it has one, and its tokens.
    """
    words: list[tuple[str, tuple[int, ...]]] = []
    for text, piece in _join_characters(tokens, decode):
        begins_word = text.startswith(" ") or (language in SPACELESS_LANGUAGES and any(c.isalnum() for c in text))
        if words and not begins_word:
            before, before_tokens = words.pop()
            words.append((before + text, before_tokens + piece))
        else:
            words.append((text, piece))
    return words


def _join_characters(tokens: Sequence[int], decode: Callable[[list[int]], str]) -> list[tuple[str, tuple[int, ...]]]:
    """Joins tokens until they form whole characters: one character may take several tokens."""
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
