"""Tokens to text and back equal the tokenizer of transformers: all tokens of both models, and random ones."""

import random
from pathlib import Path

import pytest
from transformers import WhisperTokenizerFast

from streamstt.whisper.decoding.token_text import encode_text, read_token_text
from tests.support.any_text import PROSE, any_text

BYTE_TOKENS = 256  # the first tokens are single bytes: most sequences of them are no characters


@pytest.mark.parametrize("name", ["base_folder", "tiny_folder"])
def test_it_is_the_tokenizer(name: str, request: pytest.FixtureRequest) -> None:
    """Every token, texts in all languages that tests have, and any sequence of tokens or bytes have the same text."""
    folder: Path = request.getfixturevalue(name)
    tokenizer, token_text = WhisperTokenizerFast.from_pretrained(folder), read_token_text(folder)
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    chance = random.Random(1)
    texts = [*PROSE.values(), *(any_text(chance)["text"] for _ in range(500))]
    encoded = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    anything = [
        [chance.randrange(chance.choice((BYTE_TOKENS, end))) for _ in range(chance.randint(1, 12))] for _ in range(3000)
    ]
    for tokens in (*([token] for token in range(end)), *encoded, *anything):
        assert token_text(tokens) == tokenizer.decode(tokens), tokens
    assert [token_text(tokens) for tokens in encoded] == texts


def test_text_to_tokens(base_folder: Path) -> None:
    """A vocabulary is encoded as transformers encodes it."""
    text = " Velmora, Nguyễn, Łódź, 東京."
    tokens = encode_text(base_folder, text)
    assert tokens == WhisperTokenizerFast.from_pretrained(base_folder).encode(text, add_special_tokens=False)
    assert read_token_text(base_folder)(tokens) == text
