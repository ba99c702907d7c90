"""Text normalization before words are counted: case, punctuation and spelling (Radford et al. 2022, appendix C)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

from streamstt.text.characters import SPACELESS_LANGUAGES


def make_normalizer(language: str, folder: Path | None = None) -> Callable[[str], list[str]]:
    """Returns a function from text to normalized words.

    Args:
        language: Language code; in languages without spaces each character counts as a word.
        folder: A checkpoint; if it has ``normalizer.json``, British spelling is mapped to American.
    """
    if language == "en":
        spelling = folder / "normalizer.json" if folder else None
        table = json.loads(spelling.read_bytes()) if spelling and spelling.is_file() else {}
        english: Any = EnglishTextNormalizer(table)  # type: ignore[no-untyped-call]
        return lambda text: str(english(text)).split()
    basic: Any = BasicTextNormalizer(split_letters=language in SPACELESS_LANGUAGES)
    return lambda text: str(basic(text)).split()
