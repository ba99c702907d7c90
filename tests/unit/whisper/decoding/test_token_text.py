"""Tokens to text by a table of bytes: files that can be read, and texts that are no whole characters."""

import json
from pathlib import Path

import pytest

from streamstt.errors import ModelError
from streamstt.whisper.decoding.token_text import TokenText, read_token_text

VOCABULARY = {"!": 0, "Ġthe": 1, "Ã": 2, "¼": 3, "Ð¿": 4, "Ċ": 5, "<|en|>": 6, "not in GPT-2's alphabet": 8}


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ([], ""),
        ([1, 0], " the!"),
        ([2, 3, 5], "ü\n"),
        ([2], "\ufffd"),
        ([3, 2, 3], "\ufffdü"),
        ([4, 7, 6], "п<|en|>"),
        ([8], "not in GPT-2's alphabet"),
    ],
)
def test_text(tokens: list[int], text: str) -> None:
    """Characters may be spread over tokens; numbers that no token has are empty."""
    assert TokenText(VOCABULARY)(tokens) == text


def test_either_file(tmp_path: Path) -> None:
    """The tokens come from tokenizer.json, or else from vocab.json."""
    (tmp_path / "vocab.json").write_text(json.dumps(VOCABULARY))
    assert read_token_text(tmp_path)([1]) == " the"
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"Ġa": 1}}}))
    assert read_token_text(tmp_path)([1]) == " a"


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"model": {}}', '{"model": {"vocab": []}}', '{"model": {"vocab": {"a": "b"}}}']
)
def test_no_tokenizer(tmp_path: Path, content: str) -> None:
    """Anything else is an error that names the folder."""
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError, match=str(tmp_path)):
        read_token_text(tmp_path)
