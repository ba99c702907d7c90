"""The tokenizer in two halves: tokens to text, which every update needs, and text to tokens, which few need.

The tokenizer of transformers holds 36 MB, most of it for the way from text to tokens, and its import takes as long as
reading the weights. So it is loaded for a vocabulary, and for the words of another model; the way back is a table of
bytes. Knows nothing of words.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints.layout import read_json

PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
"""Bytes that GPT-2's alphabet writes as the character of the same number."""


class TokenText:
    """Maps tokens to text, as the tokenizer does without cleaning up spaces."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        """Builds the table: half a megabyte, for all tokens.

        Args:
            vocabulary: Maps each token, in GPT-2's alphabet of 256 characters for bytes, to its number.
        """
        alphabet = _byte_of_character()
        pieces = [b""] * (max(vocabulary.values(), default=-1) + 1)
        for token, number in vocabulary.items():
            pieces[number] = _token_bytes(token, alphabet)
        self._bytes = b"".join(pieces)
        self._ends = np.cumsum([0, *map(len, pieces)], dtype=np.uint32)  # of the token before: (V + 1,)

    def __call__(self, tokens: Sequence[int]) -> str:
        """Returns the text of some tokens; bytes that are no whole character become U+FFFD."""
        pieces = [self._bytes[self._ends[token] : self._ends[token + 1]] for token in tokens]
        return b"".join(pieces).decode(errors="replace")


def read_token_text(folder: Path) -> TokenText:
    """Reads the tokens of a model.

    Args:
        folder: In Hugging Face's layout, with tokenizer.json or vocab.json.

    Raises:
        ModelError: The file cannot be read, or is not a Whisper's.
    """
    path = folder / "tokenizer.json"
    try:
        if path.is_file():
            return TokenText(read_json(path)["model"]["vocab"])
        return TokenText(read_json(folder / "vocab.json"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"the tokenizer in {folder} is not a Whisper's: {error!r}") from error


def encode_text(folder: Path, text: str) -> list[int]:
    """Returns the tokens of one text, as ``encode_texts`` does."""
    return encode_texts(folder, [text])[0]


def encode_texts(folder: Path, texts: Sequence[str]) -> list[list[int]]:
    """Returns the tokens of each text, without special ones; loads the tokenizer for it: a second or two at first.

    Args:
        folder: In Hugging Face's layout.
        texts: Any texts; a word in the middle of a sentence begins with a space.

    Raises:
        ModelError: The tokenizer cannot be loaded.
    """
    from transformers import WhisperTokenizerFast  # type: ignore[attr-defined]  # noqa: PLC0415 - see the docstring above

    try:
        tokenizer = WhisperTokenizerFast.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise ModelError(f"the tokenizer in {folder} cannot be loaded: {error}") from error
    return [list(tokenizer.encode(text, add_special_tokens=False)) for text in texts]


def _byte_of_character() -> dict[str, int]:
    """Returns GPT-2's alphabet: printable bytes are themselves, the others are characters from 256 on, in order."""
    others = sorted(set(range(256)) - set(PRINTABLE))
    return {chr(byte): byte for byte in PRINTABLE} | {chr(256 + i): byte for i, byte in enumerate(others)}


def _token_bytes(token: str, alphabet: Mapping[str, int]) -> bytes:
    """Returns the bytes of a token; those of its characters if it is not written in the alphabet."""
    try:
        return bytes(map(alphabet.__getitem__, token))
    except KeyError:
        return token.encode()
