"""Words that are masked if ``words.profanity`` is "mask". Deliberately few: only those without another meaning.

Users add more with ``words.profanity_words``. Whole words are compared, so Scunthorpe and Dickens are not masked.
"""

import re
from collections.abc import Sequence

from streamstt.text.characters import split_characters

STEMS: dict[str, tuple[str, str]] = {
    "en": (
        "fuck motherfuck clusterfuck shit bullshit horseshit bitch cunt asshole arsehole dickhead twat wank whore slut "
        "nigger nigga faggot tranny kike",
        "s|z|es|ed|er|ers|in|ing|ings|y|ier|iest|ies|wit|wits|head|heads|face|faces|hole|holes|able|up",
    ),
    "de": ("scheiß scheiss arschloch arschlöcher fotze hurensohn hurensöhne wichser fick schlampe", "e|en|er|es|n|s|t"),
    "fr": ("putain merde connard connasse salope salaud encul pute", "s|e|es|er|é|és|ée|ées"),
    "es": ("puta puto mierda joder gilipollas cabrón cabron coño pendejo hijoputa", "s|a|as|o|os|es"),
}
"""Language to stems and endings; the last letter of a stem may be doubled before an ending ("shitty")."""


def profanity_pattern(extra_words: Sequence[str] = ()) -> re.Pattern[str]:
    """Makes a pattern for ``fullmatch`` of a word to mask, in all languages at once, because people mix them.

    Args:
        extra_words: The user's words; a star at the end matches any ending.
    """
    built_in = [
        rf"{re.escape(stem)}(?:{re.escape(stem[-1])}?(?:{endings}))?"
        for stems, endings in STEMS.values()
        for stem in stems.split()
    ]
    own = [re.escape(word.removesuffix("*")) + (r"\w*" if word.endswith("*") else "") for word in extra_words]
    return re.compile("|".join([*own, *built_in]), re.IGNORECASE)


def mask_word(word: str) -> str:
    """Replaces all letters but the first by stars."""
    first, *others = split_characters(word)
    return first + "*" * len(others)
