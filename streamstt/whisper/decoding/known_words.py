"""The tokens of words that are known already: a model that was in use before may have had another tokenizer.

All multilingual Whispers have the same text tokens, and all English-only ones, so few changes of model need this.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

from streamstt.engine.base import RecognizedWord

MAX_KEPT = 2000  # words whose new tokens are kept; there are more only if the model is changed again and again

EncodeTexts = Callable[[Sequence[str]], Sequence[Sequence[int]]]
"""Maps texts to the tokens of each, without special ones; slow the first time."""


def identify_tokenizer(tokens: Iterable[str]) -> str:
    """Identifies a tokenizer.

    Args:
        tokens: Its text tokens, or a sample of them, in order.
    """
    return hashlib.sha256("\0".join(tokens).encode(errors="replace")).hexdigest()[:16]


class KnownWords:
    """Returns the tokens of known words, and encodes each word of another tokenizer once."""

    def __init__(self, tokenizer: str, encode: EncodeTexts) -> None:
        """Starts with no word encoded.

        Args:
            tokenizer: Identifies the tokenizer of the model.
            encode: Encodes texts for the model.
        """
        self.tokenizer = tokenizer
        self._encode = encode
        self._encoded: dict[str, tuple[int, ...]] = {}

    def tokens(self, words: Sequence[RecognizedWord]) -> list[int]:
        """Returns the tokens of all words, in order."""
        foreign = {word.text for word in words if not self._has_own_tokens(word)}
        missing = sorted(foreign - self._encoded.keys())
        if missing:
            if len(self._encoded) + len(missing) > MAX_KEPT:
                self._encoded.clear()
                missing = sorted(foreign)
            self._encoded.update(zip(missing, map(tuple, self._encode(missing)), strict=True))
        return [
            token
            for word in words
            for token in (word.tokens if self._has_own_tokens(word) else self._encoded[word.text])
        ]

    def _has_own_tokens(self, word: RecognizedWord) -> bool:
        return bool(word.tokens) and word.tokenizer in {"", self.tokenizer}
