"""Words as they are counted: without case, punctuation and ways of spelling. Whisper's own (Radford et al. 2022, C)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

from streamstt.text.characters import SPACELESS_LANGUAGES


def make_normalizer(language: str, folder: Path | None = None) -> Callable[[str], list[str]]:
    """Text to words.

    Args:
        language: Code; in languages without spaces each character counts as a word.
        folder: A checkpoint; if it has ``normalizer.json``, British and American spelling are the same.
    """
    if language == "en":
        spelling = folder / "normalizer.json" if folder else None
        table = json.loads(spelling.read_bytes()) if spelling and spelling.is_file() else {}
        english: Any = EnglishTextNormalizer(table)  # type: ignore[no-untyped-call]
        return lambda text: str(english(text)).split()
    basic: Any = BasicTextNormalizer(split_letters=language in SPACELESS_LANGUAGES)
    return lambda text: str(basic(text)).split()
