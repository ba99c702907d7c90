"""Random texts in many languages, with everything that rules for sentences and lines may stumble over."""

import json
import random
from collections import defaultdict
from typing import Any

from tests.support.paths import DATA

ODDITIES = (
    "👨\u200d👩\u200d👧\u200d👦", "👍🏽", "🇯🇵🇩🇪", "❤\ufe0f", "❤", "1\ufe0f\u20e3", "⚡", "🪐", "e\u0301te\u0301", "한",
    "か\u3099", "𠮷野家", "\uff76\uff9e", "\uff11\uff12", "https://example.org/a/long/address?query=&more=#indeed",
    "john@example.com", "1-800-555-0199", "$349,999.", "x" * 70,
    "a\u00a0b", "5\u202fkg", "«\u00a0oui\u00a0»", "\u200b",
    "a\u00adb", "(", ")", "!", "?!", "...", ".", "—", "-", "%", "Dr.", "Dr.田中", "No.", "U.S.", "p.m.",
    "Ⅷ.", "²", "x².", "½", "İ", "ß", "ǆ.", "I.", "I", "'tis", "\u2019em", "l\u2019ing.", "__",
)  # fmt: skip
SPACES = (" ", " ", " ", "", "  ", "\n", "\u3000", "\x85", "\x1c", "\ufeff")


def _read_prose() -> dict[str, str]:
    """Returns passages by language: the texts of other tests."""
    texts: dict[str, list[str]] = defaultdict(list)
    for case in json.loads((DATA / "lines.json").read_text()):
        texts[case["language"]].append(case["text"])
    for language, sentences in json.loads((DATA / "sentences.json").read_text()).items():
        texts[language] += [sentence.replace("|", " ") for sentence in sentences]
    return {language: " ".join(passages) for language, passages in texts.items()}


PROSE = _read_prose()


def any_text(chance: random.Random) -> dict[str, Any]:
    """Returns a text, a width and a language: arguments of ``break_lines``."""
    language = chance.choice(list(PROSE))
    parts = [_part(chance, language) for _ in range(chance.randint(1, 8))]
    limit = chance.choice([chance.randint(2, 12), chance.randint(12, 48)])
    spoken = language if chance.random() < 0.8 else chance.choice(["", "xx", *PROSE])
    return {"text": "".join(parts), "limit": limit, "language": spoken}


def _part(chance: random.Random, language: str) -> str:
    """Returns a passage, of another language in a tenth of all cases, or an oddity, with any space or none after it."""
    if chance.random() < 0.2:
        return chance.choice(ODDITIES) + chance.choice(SPACES)
    prose = PROSE[language if chance.random() < 0.9 else chance.choice(list(PROSE))]
    start = chance.randrange(len(prose))
    return prose[start : start + chance.randint(1, 60)] + chance.choice(SPACES)


def any_word(chance: random.Random) -> str:
    """Returns a word of any language with its punctuation, or an oddity, perhaps with other signs around it."""
    word = (
        chance.choice(ODDITIES) if chance.random() < 0.2 else chance.choice(PROSE[chance.choice(list(PROSE))].split())
    )
    end = chance.choice(["", "", ".", ".", ")", '."', "…", " "])
    return chance.choice(["", "", "", "(", "«", '"', "¿"]) + word + end
